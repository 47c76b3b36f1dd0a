"""What happens in a room, as lines of the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aiochat.client.events import Person, RoleChanged
from aiochat.console.folding import folded
from aiochat.console.lines import MARGIN, Line, line_of, plain

ANN, BOB = Person(1, "ann"), Person(2, "bob")


@pytest.mark.parametrize(
    ("by", "role", "said"),
    [
        (ANN, "moderator", "ann made bob moderator"),
        (ANN, "member", "ann made bob member"),
        (BOB, "member", "bob stepped down"),
        (BOB, "moderator", "bob is moderator now"),
        (BOB, "owner", "bob is owner now"),
    ],
)
def test_who_steps_down_is_not_said_to_have_made_themselves_something(
    by: Person, role: str, said: str
) -> None:
    line = line_of(RoleChanged(seq=1, at=datetime.now(UTC), by=by, user=BOB, role=role), ANN.id)
    assert line is not None
    assert line[-1][1] == f"{said}\n"


def shown(line: Line) -> list[str]:
    """What stands on the terminal, row by row."""
    return "".join(text for _, text in line).split("\n")


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("short enough", ["12:00  bob: short enough"]),
        (
            "a line that is longer than forty columns are",
            ["12:00  bob: a line that is", "longer than forty columns", "are"],
        ),
        ("first\nand second", ["12:00  bob: first", "and second"]),
        (
            "see https://chat.example.org/rooms/lobby#17",
            ["12:00  bob: see https://chat.example.org/rooms/lobby#17"],
        ),
        ("日本語日本語日本語日本語", ["12:00  bob: 日本語日本語日本語日", "本語"]),
        ("👨‍👩‍👧" * 11, ["12:00  bob: " + "👨‍👩‍👧" * 3, "👨‍👩‍👧" * 4, "👨‍👩‍👧" * 4]),
    ],
)
def test_long_lines_are_broken_between_words_and_go_on_under_them(words: str, rows: list[str]) -> None:
    indented = words.replace("\n", "\n" + " " * MARGIN)
    line = [("margin", f"{'12:00':>{MARGIN - 2}}  "), ("name", "bob: "), ("words", f"{indented}\n")]
    assert [row.strip() for row in shown(folded(line, 40))] == [*rows, ""]
    assert all(row.startswith(" " * MARGIN) for row in shown(folded(line, 40))[1:-1])


def test_a_tab_is_room_and_other_signs_for_the_terminal_are_shown() -> None:
    assert plain("if x:\n\treturn\x1b[2J") == "if x:\n    return\N{REPLACEMENT CHARACTER}[2J"

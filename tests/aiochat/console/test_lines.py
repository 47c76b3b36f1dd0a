"""What happens in a room, as lines of the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aiochat.client.events import Person, RoleChanged
from aiochat.console.lines import line_of

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

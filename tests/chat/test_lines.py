"""What one person writes into a line turns nobody else's words round."""

from __future__ import annotations

import pytest

from chat.errors import Empty, TooLong
from chat.lines import one_line, straight

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_marks_that_turn_words_round_are_left_out() -> None:
    assert straight(f"a{TURNING}b") == "ab"
    assert straight("שלום, عالم") == "שלום, عالم"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Demos\n#secret · 5 here", "Demos #secret · 5 here"),
        ("  Demos \t at\r\nnine ", "Demos at nine"),
        ("\u202eDemos", "Demos"),
    ],
)
def test_one_line_is_one_line(typed: str, kept: str) -> None:
    assert one_line(typed, 40) == kept


def test_what_is_nothing_or_too_much_is_refused() -> None:
    with pytest.raises(Empty):
        one_line(TURNING, 40)
    with pytest.raises(TooLong):
        one_line("x" * 41, 40)

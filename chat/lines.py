"""Words that stand in one line with those of others, and leave them as they are."""

from __future__ import annotations

import re

from chat.parts import tidy

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def straight(text: str) -> str:
    """The text without the marks that would turn round what stands beside it. What is written from right to left needs
    none of them to be read so.
    """
    return _TURNING.sub("", text)


def one_line(text: str, limit: int, field: str = "text") -> str:
    """The text as it is kept where it has only one line: tidy, straight, and with one space wherever there were some.

    Raises Unreadable, Empty or TooLong, as `tidy` does.
    """
    return " ".join(tidy(straight(text), limit, field).split())

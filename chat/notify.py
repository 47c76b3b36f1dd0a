"""What somebody wants to be told of a room: everything, only what means them, or nothing; for good or for a time."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Level = Literal["all", "mentions", "none"]
USUAL = "mentions"


class Notify(msgspec.Struct, frozen=True, omit_defaults=True):
    """A level of one's own for one room: `all`, `mentions` or `none`. `then` is the one it goes back to, at `until`."""

    level: str
    until: datetime | None = None
    then: str = ""

    @property
    def told(self) -> Notify:
        """As clients hear it: what it goes back to, only where it does so by itself."""
        return self if self.until is not None else Notify(self.level)

    def at(self, now: datetime) -> Notify:
        """What holds at that time."""
        return Notify(self.then or USUAL) if self.until is not None and self.until <= now else self

    @property
    def is_usual(self) -> bool:
        """Whether nothing was ever set, or set back."""
        return self.level == USUAL and self.until is None

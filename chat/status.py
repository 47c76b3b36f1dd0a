"""What somebody says of themselves to all who share a room with them: away, not to be disturbed, a text."""

from __future__ import annotations

from datetime import datetime

import msgspec

from chat.times import say_until

AWAY = "away"
DND = "dnd"


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """`presence` is `away`, `dnd` or nothing; `why` is what they say of being away, `until` the end of `dnd`.

    `text` is what they say of themselves, with an `emoji` before it, until `text_until`. What has no end holds until
    it is changed.
    """

    presence: str = ""
    why: str = ""
    until: datetime | None = None
    emoji: str = ""
    text: str = ""
    text_until: datetime | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether there is nothing to tell of somebody."""
        return not (self.presence or self.emoji or self.text)

    @property
    def ends(self) -> datetime | None:
        """When the first part of it runs out, if any does."""
        return min((end for end in (self.until, self.text_until) if end is not None), default=None)

    def at(self, now: datetime) -> Status:
        """What of it holds at a moment."""
        ends = self.ends
        if ends is None or ends > now:
            return self
        kept = self
        if kept.until is not None and kept.until <= now:
            kept = kept.without_presence()
        if kept.text_until is not None and kept.text_until <= now:
            kept = kept.without_text()
        return kept

    def without_presence(self) -> Status:
        """The same of somebody who is back."""
        return msgspec.structs.replace(self, presence="", why="", until=None)

    def without_text(self) -> Status:
        """The same with nothing said of themselves."""
        return msgspec.structs.replace(self, emoji="", text="", text_until=None)

    def words(self, now: datetime) -> str:
        """For a line about somebody: "away: lunch", "do not disturb until 14:17 UTC · 🌴 By the sea"; maybe nothing."""
        kept = self.at(now)
        said: list[str] = []
        if kept.presence == AWAY:
            said.append(f"away: {kept.why}" if kept.why else "away")
        elif kept.presence == DND:
            said.append(f"do not disturb{f' {say_until(kept.until, now)}' if kept.until else ''}")
        if kept.emoji or kept.text:
            said.append(f"{kept.emoji} {kept.text}".strip())
        return " · ".join(said)


NOTHING = Status()

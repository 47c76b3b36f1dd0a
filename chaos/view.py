"""One client's picture of a room: every entry in order, and the words as they stand now."""

from __future__ import annotations

import sys
from typing import Any

Frame = dict[str, Any]


class View:
    """Applies frames by the gap rule: the next number is applied, an old one dropped, a later one waits.

    `texts` holds the words of messages, None where they are gone. `jumps` are the numbers to which a reload led.
    """

    def __init__(self) -> None:
        self.first = 0
        self.last = 0
        self.kinds: dict[int, str] = {}
        self.texts: dict[int, str | None] = {}
        self.nonces: dict[int, str] = {}
        self.jumps: list[tuple[int, int]] = []
        self.dropped = 0
        self._early: dict[int, Frame] = {}
        self._stale_upto = 0

    def begin(self, head: int) -> None:
        """The first number to be heard is the next."""
        self.first, self.last = head + 1, head

    def hear(self, frame: Frame) -> bool:
        """Take a numbered frame; False when something before it is missing."""
        seq: int = frame["seq"]
        if seq <= self.last:
            self.dropped += 1
            return True
        if seq > self.last + 1:
            self._early[seq] = frame
            return False
        self._apply(frame)
        while early := self._early.pop(self.last + 1, None):
            self._apply(early)
        return True

    def forget_early(self) -> None:
        """The line broke: what came early comes again."""
        self._early.clear()

    def reload(self, head: int, entries: list[Frame]) -> None:
        """Too far behind: the last page instead of what lay between."""
        self.jumps.append((self.last, head))
        self.kinds.clear()
        self.texts.clear()
        self.nonces.clear()
        self._early = {seq: frame for seq, frame in self._early.items() if seq > head}
        for entry in entries:
            if entry["seq"] <= head:
                self.kinds[entry["seq"]] = sys.intern(entry["type"])
                if entry["type"] == "message":
                    self.texts[entry["seq"]] = entry.get("text")
        self.last = head
        while early := self._early.pop(self.last + 1, None):
            self._apply(early)

    @property
    def is_stale(self) -> bool:
        """Whether words came back that are not known here: the window is to be read again."""
        return self._stale_upto > 0

    def refresh(self, entries: list[Frame]) -> None:
        """Words that had come back."""
        for entry in entries:
            if entry["type"] == "message" and self.texts.get(entry["seq"], "") is None:
                self.texts[entry["seq"]] = entry.get("text")

    def refreshed(self) -> None:
        """All of the window was read again."""
        self._stale_upto = 0

    def _apply(self, frame: Frame) -> None:
        seq: int = frame["seq"]
        kind: str = frame["type"]
        self.last = seq
        self.kinds[seq] = sys.intern(kind)
        match kind:
            case "message":
                text = frame.get("text")
                self.texts[seq] = sys.intern(text) if text is not None else None
                if "nonce" in frame:
                    self.nonces[seq] = frame["nonce"]
            case "edited":
                if frame["target"] in self.texts:
                    self.texts[frame["target"]] = frame.get("text")
            case "removed":
                self._hide(frame["target"])
            case "purged":
                for target in frame["targets"]:
                    self._hide(target)
            case "cleared":
                for target in self.texts:
                    if target <= frame["upto"]:
                        self.texts[target] = None
            case "undone" if frame.get("message"):
                if frame["message"] in self.texts:
                    self.texts[frame["message"]] = frame.get("text")
            case "undone":
                self._stale_upto = seq

    def _hide(self, target: int) -> None:
        if target in self.texts:
            self.texts[target] = None

"""What everybody wrote down: each request and how it was answered, each outage, each thing that should not be."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sent:
    """One request of one person. `seq` is the number it was acknowledged with, `refused` the code that ended it.

    `since` it is wanted; `written` is when it went out last, 0 where the line broke after that.
    """

    person: int
    room: str
    kind: str
    text: str = ""
    target: int = 0
    since: float = 0.0
    tries: int = 0
    written: float = 0.0
    acked: bool = False
    seq: int = 0
    refused: str = ""


@dataclass
class Book:
    """Shared by all clients of a run. Times are seconds of the loop's clock.

    `untried` are faults that cannot be made here, and why; `seen` counts what a fault was to bring about.
    """

    sent: dict[str, Sent] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    untried: dict[str, str] = field(default_factory=dict)
    recovery: dict[str, float] = field(default_factory=dict)
    closes: Counter[str] = field(default_factory=Counter)
    resumes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    acked: int = 0
    repeated: int = 0
    longest_ack: float = 0.0
    longest_answer: float = 0.0
    longest_away: float = 0.0
    kicks: dict[str, int] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._bell = asyncio.Event()

    def note(self, fault: str, seconds: float = 0.0) -> None:
        """A fault was made; so long it took afterwards until all was as before."""
        self.faults[fault] += 1
        self.recovery[fault] = max(self.recovery.get(fault, 0.0), seconds)

    def fail(self, what: str) -> None:
        """Something that the contract forbids was seen."""
        self.wrong.append(what)

    def ring(self) -> None:
        """Something has changed for which somebody may wait."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def changes(self) -> None:
        """Wait for the next change, or a short while."""
        try:
            async with asyncio.timeout(0.25):
                await self._bell.wait()
        except TimeoutError:
            return

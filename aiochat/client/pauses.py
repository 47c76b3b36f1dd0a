"""Whether to come back, and when: the rules that keep a thousand clients from knocking at once."""

from __future__ import annotations

import random

SHORTEST = 0.5
LONGEST = 30.0
COME_BACK = frozenset({1001, 1005, 1006, *range(1011, 1015), *range(4000, 4500)})


def comes_back(code: int) -> bool:
    """Whether a client comes back by itself after this close code; from 4500 on only a person may try again."""
    return code in COME_BACK


class Pauses:
    """Growing pauses in seconds: each a random part of a bound that doubles from `shortest` up to `longest`."""

    def __init__(
        self, shortest: float = SHORTEST, longest: float = LONGEST, rng: random.Random | None = None
    ) -> None:
        self._shortest = shortest
        self._longest = longest
        self._rng = rng or random.SystemRandom()
        self._bound = shortest

    def next(self) -> float:
        """The pause before the next try."""
        pause = self._rng.uniform(0, self._bound)
        self._bound = min(2 * self._bound, self._longest)
        return pause

    def reset(self) -> None:
        """It went well: begin with short ones again."""
        self._bound = self._shortest

"""What a phase of the benchmark is given, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.contestants import Contestant
from bench.product import Backend


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and what was. `least` or `most` in `unit`; None measured: it could not be."""

    what: str
    measured: float | None
    least: float | None = None
    most: float | None = None
    unit: str = "×"

    @property
    def wanted(self) -> str:
        """The goal in words."""
        if self.least is not None:
            return f"≥ {told(self.least, self.unit)}"
        return f"≤ {told(self.most, self.unit)}"

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        if self.measured is None:
            return False
        if self.least is not None:
            return self.measured >= self.least
        return self.most is None or self.measured <= self.most

    @property
    def verdict(self) -> str:
        """Met, or missed by which part of the goal."""
        if self.measured is None:
            return "not measured"
        if self.is_met:
            return "met"
        bound = self.least if self.least is not None else self.most
        if not bound:
            return "missed"
        return f"missed by {100 * abs(self.measured / bound - 1):.0f} %"


def told(value: float | None, unit: str) -> str:
    """A number with its unit, as exact as it deserves."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{'' if unit in ('×', '') else ' '}{unit}"


def ratio(above: float | None, below: float | None) -> float | None:
    """One by the other; None where one is missing."""
    return above / below if above is not None and below else None


@dataclass
class Table:
    """Numbers to be read beside each other; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]]


@dataclass
class Outcome:
    """What one phase found."""

    goals: list[Goal] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Stage:
    """Where and how thoroughly is measured."""

    backend: Backend
    contestants: dict[str, Contestant]
    full: bool
    rounds: int
    seconds: float
    say: Callable[[str], None]

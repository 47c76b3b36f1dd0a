"""Fan-out and durable send: every server under the same load, in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import replace

from bench.contestants import KEEPS, OURS, Contestant
from bench.generator import Load, flaws, measure

ONE_HUNDRED = Load("1 × 100, 32 senders", 1, 100, 32)
ONE_THOUSAND = Load("1 × 1000, 8 senders", 1, 1000, 8)
TWENTY_ROOMS = Load("20 × 50, 4 senders each", 20, 50, 4)
FIXED = Load("1 × 100, 20,000 deliveries/s", 1, 100, 100, rate=200)
FANOUT = [ONE_HUNDRED, ONE_THOUSAND, TWENTY_ROOMS, FIXED]

FIFTY_SPEAK = Load("50 members, 50 senders", 1, 50, 50)
TEN_SPEAK = Load("50 members, 10 senders", 1, 50, 10)
ONE_SPEAKS = Load("50 members, 1 sender", 1, 50, 1)
MANY_ROOMS = Load("20 × 50, 3 senders each", 20, 50, 3)
WHOLE = [FIFTY_SPEAK, TEN_SPEAK, ONE_SPEAKS, MANY_ROOMS]

Say = Callable[[str], None]


def compete(
    contestants: Iterable[Contestant], loads: list[Load], rounds: int, seconds: float, say: Say
) -> None:
    """Every contestant under every load, `rounds` times by turns; each run on a server started for it."""
    for load in loads:
        for turn in range(rounds):
            for contestant in contestants:
                run(contestant, replace(load, seconds=seconds), turn, say)


def run(contestant: Contestant, load: Load, turn: int, say: Say) -> None:
    """One run; what goes wrong is said, and counts as no result."""
    try:
        with contestant.start() as server:
            result = measure(server, load, contestant.row, greeted=contestant.greeted)
    except (RuntimeError, TimeoutError) as error:
        say(f"{load.name}, round {turn + 1}: {contestant.name} failed: {str(error)[:300]}")
        return
    contestant.results.setdefault(load.name, []).append(result)
    noted = "".join(f" ({flaw})" for flaw in flaws(result))
    say(
        f"{load.name}, round {turn + 1}: {contestant.name}: {result['deliveries_s']:,.0f} deliveries/s, "
        f"{result['messages_s']:,.0f} messages/s, {result['cpu_us']:.2f} µs each, "
        f"p50/p99 {result['own_p50_ms']:.1f}/{result['own_p99_ms']:.1f} ms, "
        f"generator {100 * result['generator_load']:.0f} %, its core {100 * result['other_core_load']:.0f} %{noted}"
    )


def median(contestant: Contestant | None, load: Load, what: str) -> float | None:
    """The middle of a contestant's results, None where it has none."""
    found = [result[what] for result in contestant.results.get(load.name, [])] if contestant else []
    return statistics.median(found) if found else None


def whole(contestants: dict[str, Contestant]) -> list[Contestant]:
    """Those who keep what is said."""
    return [contestants[OURS], contestants[KEEPS]]

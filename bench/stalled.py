"""Members who never read, and what the others notice of them; two processes and what they notice of each other."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

from bench import product
from bench.contestants import NAIVE, OURS
from bench.generator import Load, flaws, measure
from bench.phase import Goal, Outcome, Stage, Table, ratio
from bench.servers import SERVER_CORE

LONG = 3_900
ONE = Load("one stalled among 101", 1, 101, 50, rate=100, stalling=1, length=LONG)
HUNDRED = Load("100 stalled among 1,000", 1, 1000, 50, rate=50, stalling=100, length=LONG)
SATURATED = Load("one stalled among 101, 32 senders", 1, 101, 32, stalling=1)
SHARED = Load("20 × 50, 2,000 messages/s", 20, 50, 50, rate=2000)


def stalled(stage: Stage) -> Outcome:
    """Each load with all reading and with some stalling, by turns."""
    outcome = Outcome()
    rows = []
    for load in (ONE, HUNDRED, SATURATED):
        load = replace(load, seconds=16.0)
        well, ill = _with_and_without(stage, OURS, load)
        if not well or not ill:
            outcome.goals.append(Goal(load.name, None, 0.95))
            continue
        outcome.raw[load.name] = {"all read": well, "some stall": ill}
        through = ratio(_middle(ill, "deliveries_s"), _middle(well, "deliveries_s"))
        later = ratio(_middle(ill, "p99_ms"), _middle(well, "p99_ms"))
        growth = _middle(ill, "growth") - _middle(well, "growth")
        each = max(0.0, growth) / load.stalling / 2**20
        gone = [run["let_go_at"].get(load.stalling) for run in ill]
        last = None if None in gone else statistics.median(gone)
        outcome.goals += [
            Goal(f"{load.name}: the others' deliveries", 100 * (through or 0), 95, unit="%"),
            Goal(f"{load.name}: the others' p99", later, most=1.5),
            Goal(f"{load.name}: memory for each", each, most=1.5, unit="MB"),
            Goal(f"{load.name}: gone after", last, most=15, unit="s"),
        ]
        rows.append([load.name, f"{_middle(well, 'p99_ms'):.1f}", f"{_middle(ill, 'p99_ms'):.1f}"])
    well, ill = _with_and_without(stage, NAIVE, replace(ONE, seconds=8.0), rounds=1)
    if well and ill:
        part = ratio(_middle(ill, "deliveries_s"), _middle(well, "deliveries_s")) or 0
        outcome.notes.append(
            f"{ONE.name}: the naive algorithm still delivers {100 * part:.0f} % to the others."
        )
    outcome.tables.append(Table("Delay p99 of those who read, ms", ["", "all read", "some stall"], rows))
    return outcome


def _with_and_without(
    stage: Stage, name: str, load: Load, rounds: int | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    reading = replace(load, stalling=0, members=load.members - load.stalling)
    found: dict[int, list[dict[str, Any]]] = {0: [], load.stalling: []}
    contestant = stage.contestants[name]
    for turn in range(rounds or stage.rounds):
        for each in (reading, load):
            try:
                with contestant.start() as server:
                    result = measure(server, each, contestant.row, greeted=contestant.greeted, watched=True)
            except (RuntimeError, TimeoutError) as error:
                stage.say(f"{load.name}: {name} failed: {error}")
                continue
            result["growth"] = result["most_memory"] - result["memory_connected"]
            found[each.stalling].append(result)
            noted = "".join(f" ({flaw})" for flaw in flaws(result))
            stage.say(
                f"{load.name}, {each.stalling} stall, round {turn + 1}: {name}: "
                f"{result['deliveries_s']:,.0f} deliveries/s, p99 {result['p99_ms']:.1f} ms, "
                f"{result['growth'] / 2**20:.0f} MB more, gone {result['let_go_at']}{noted}"
            )
    return found[0], found[load.stalling]


def two(stage: Stage) -> Outcome:
    """The same load on one process and on two that share every room."""
    found: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
    load = replace(SHARED, seconds=stage.seconds)
    for turn in range(stage.rounds):
        for name, start in (("one", product.aiochat), ("two", product.two)):
            try:
                with start(stage.backend) as server:
                    result = measure(server, load, stage.backend.row, greeted=True)
            except (RuntimeError, TimeoutError) as error:
                stage.say(f"{load.name}: {name} failed: {error}")
                continue
            result["busiest"] = max(result["cpu_each"]) / result["deliveries_s"]
            found[name].append(result)
            noted = "".join(f" ({flaw})" for flaw in flaws(result))
            stage.say(
                f"{load.name}, {name}, round {turn + 1}: {result['deliveries_s']:,.0f} deliveries/s, "
                f"CPU {', '.join(f'{100 * one:.0f} %' for one in result['cpu_each'])}{noted}"
            )
    if not found["one"] or not found["two"]:
        return Outcome([Goal("two processes: capacity", None, 1.7)])
    wrong = sum(run["lost"] + run["doubled"] + (not run["order_equal"]) for run in found["two"])
    goals = [
        Goal(
            "two processes: capacity of one",
            ratio(_middle(found["one"], "busiest"), _middle(found["two"], "busiest")),
            1.7,
        ),
        Goal(
            "two processes: CPU per delivery above one",
            ratio(_middle(found["two"], "cpu_us"), _middle(found["one"], "cpu_us")),
            most=1.1,
        ),
        Goal("two processes: lost, doubled or in another order", wrong, most=0, unit=""),
    ]
    note = (
        f"Two processes: both had {SHARED.name}. Capacity is the inverse of the busier one's CPU per delivery, since "
        f"the second shares core {SERVER_CORE + 1} with PostgreSQL and the generator and cannot be saturated fairly."
    )
    return Outcome(goals, [], dict(found), [note])


def _middle(runs: list[dict[str, Any]], what: str) -> float:
    return float(statistics.median(run[what] for run in runs))

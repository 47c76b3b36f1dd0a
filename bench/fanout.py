"""Fan-out and durable send: every server under the same load, in turns."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import replace

from bench.contestants import CHANNELS, JOINED, KEEPS, NAIVE, OURS, SOCKETIO, Contestant
from bench.generator import Load, flaws, measure
from bench.phase import Goal, Outcome, Stage, Table, ratio

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


def fanout(stage: Stage) -> Outcome:
    """Deliveries to many members, with nothing kept by the peers."""
    everybody = [each for each in stage.contestants.values() if each.name != KEEPS]
    compete(stage, everybody, FANOUT)
    ours, naive = stage.contestants[OURS], stage.contestants[NAIVE]
    limit = stage.contestants[JOINED]
    goals: list[Goal] = []
    for load, over_naive, of_limit in (
        (ONE_HUNDRED, 20, 0.6),
        (ONE_THOUSAND, 10, 0.85),
        (TWENTY_ROOMS, 5, 0.75),
    ):
        goals.append(Goal(f"{load.name}: CPU per delivery below naive", less(ours, naive, load), over_naive))
        goals.append(Goal(f"{load.name}: of the joined C loop", less(ours, limit, load), of_limit))
        if load is ONE_HUNDRED and stage.full:
            for name, least in ((SOCKETIO, 15), (CHANNELS, 200)):
                peer = stage.contestants[name]
                goals.append(
                    Goal(f"{load.name}: CPU per delivery below {name}", less(ours, peer, load), least)
                )
    goals += [
        Goal(f"{FIXED.name}: CPU above the C loop", less(limit, ours, FIXED), most=1.35),
        Goal(f"{FIXED.name}: CPU below naive", less(ours, naive, FIXED), 1.5),
        Goal(f"{FIXED.name}: p99", median(ours, FIXED, "p99_ms"), most=2, unit="ms"),
    ]
    tables = [
        table("CPU per delivery, µs", everybody, FANOUT, "cpu_us", 2),
        table("Deliveries a second", everybody, FANOUT, "deliveries_s", 0),
        table("Delay p99, ms", everybody, FANOUT, "p99_ms", 1),
    ]
    return Outcome([*goals, *sound(ours, FANOUT)], tables, raw(everybody, FANOUT))


def whole(stage: Stage) -> Outcome:
    """From the socket to the disk and out to every member."""
    ours, naive = stage.contestants[OURS], stage.contestants[KEEPS]
    compete(stage, [ours, naive], WHOLE)
    unkept = [stage.contestants[name] for name in (SOCKETIO, CHANNELS)] if stage.full else []
    compete(stage, unkept, [FIFTY_SPEAK])
    goals: list[Goal] = []
    for load, least, p99 in (
        (FIFTY_SPEAK, 15, 6),
        (TEN_SPEAK, 4.5, 3),
        (ONE_SPEAKS, 1.1, 2),
        (MANY_ROOMS, 5, 15),
    ):
        times = ratio(median(ours, load, "messages_s"), median(naive, load, "messages_s"))
        goals.append(Goal(f"{load.name}: durable messages/s above naive", times, least))
        goals.append(Goal(f"{load.name}: ack p99", median(ours, load, "ack_p99_ms"), most=p99, unit="ms"))
    for peer, least in zip(unkept, (5, 80), strict=False):
        times = ratio(median(ours, FIFTY_SPEAK, "deliveries_s"), median(peer, FIFTY_SPEAK, "deliveries_s"))
        goals.append(Goal(f"our durable deliveries/s above {peer.name}, which keeps nothing", times, least))
    everybody = [ours, naive, *unkept]
    tables = [
        table(
            "Messages a second, kept on disk (socket.io, Channels: not kept)",
            everybody,
            WHOLE,
            "messages_s",
            0,
        ),
        table("CPU per delivery, µs", everybody, WHOLE, "cpu_us", 2),
        table("To one's own words p99, ms", everybody, WHOLE, "own_p99_ms", 1),
        table("Ack p50, ms", [ours], WHOLE, "ack_p50_ms", 1),
        table("Ack p99, ms", [ours], WHOLE, "ack_p99_ms", 1),
        table(
            "The core of PostgreSQL, Redis and the generator: busy, part of 1",
            everybody,
            WHOLE,
            "other_core_load",
            2,
        ),
    ]
    note = (
        "PostgreSQL, Redis and the generator share the core beside the server's. Where that core is full, they hold "
        "back durable messages and acks, not the server."
    )
    return Outcome([*goals, *sound(ours, WHOLE)], tables, raw(everybody, WHOLE), [note])


def compete(stage: Stage, contestants: Iterable[Contestant], loads: list[Load]) -> None:
    """Every contestant under every load, by turns, round after round; each run on a server started for it."""
    for load in loads:
        for turn in range(stage.rounds):
            for contestant in contestants:
                run(stage, contestant, replace(load, seconds=stage.seconds), turn)


def run(stage: Stage, contestant: Contestant, load: Load, turn: int) -> None:
    """One run; what goes wrong is said, and counts as no result."""
    try:
        with contestant.start() as server:
            result = measure(server, load, contestant.row, greeted=contestant.greeted)
    except (RuntimeError, TimeoutError) as error:
        stage.say(f"{load.name}, round {turn + 1}: {contestant.name} failed: {str(error)[:300]}")
        return
    contestant.results.setdefault(load.name, []).append(result)
    noted = "".join(f" ({flaw})" for flaw in flaws(result))
    stage.say(
        f"{load.name}, round {turn + 1}: {contestant.name}: {result['deliveries_s']:,.0f} deliveries/s, "
        f"{result['messages_s']:,.0f} messages/s, {result['cpu_us']:.2f} µs each, "
        f"p50/p99 {result['own_p50_ms']:.1f}/{result['own_p99_ms']:.1f} ms, "
        f"generator {100 * result['generator_load']:.0f} %, its core {100 * result['other_core_load']:.0f} %{noted}"
    )


def median(contestant: Contestant, load: Load, what: str) -> float | None:
    """The middle of a contestant's results, None where it has none."""
    found = [result[what] for result in contestant.results.get(load.name, [])]
    return statistics.median(found) if found else None


def less(ours: Contestant, theirs: Contestant, load: Load) -> float | None:
    """How many times as much CPU they spend on a delivery as we do."""
    return ratio(median(theirs, load, "cpu_us"), median(ours, load, "cpu_us"))


def sound(ours: Contestant, loads: list[Load]) -> list[Goal]:
    """Nothing of ours lost or doubled, the same order everywhere, and the generator never full."""
    results = [result for load in loads for result in ours.results.get(load.name, [])]
    wrong = sum(result["lost"] + result["doubled"] + (not result["order_equal"]) for result in results)
    return [
        Goal("lost, doubled or in another order", wrong if results else None, most=0, unit=""),
        Goal(
            "the generator's own load, at most",
            max((100 * result["generator_load"] for result in results), default=None),
            most=90,
            unit="%",
        ),
    ]


def table(title: str, contestants: Iterable[Contestant], loads: list[Load], what: str, digits: int) -> Table:
    """One number of everybody under every load."""
    rows = []
    for contestant in contestants:
        found = [median(contestant, load, what) for load in loads]
        rows.append([contestant.name, *("–" if one is None else f"{one:,.{digits}f}" for one in found)])
    return Table(title, ["", *(load.name for load in loads)], rows)


def raw(contestants: Iterable[Contestant], loads: list[Load]) -> dict[str, object]:
    """Every run, for whoever wants to look closer."""
    return {each.name: {load.name: each.results.get(load.name, []) for load in loads} for each in contestants}

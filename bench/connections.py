"""Connections: opened, idle by the thousand, and all at once."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any

from bench.contestants import CHANNELS, OURS
from bench.generator import Load, flaws, measure
from bench.phase import Goal, Outcome, Stage, Table, ratio, told
from bench.servers import Server

COMING = Load("connecting, 20 rooms of 50", 20, 50, seconds=0.1, warmup=0.1, parallel=100)
ONE_ROOM = Load("connecting, one room of 1,000", 1, 1000, seconds=0.1, warmup=0.1, parallel=100)
STORM = Load("2,000 within 10 s, 20 rooms", 20, 100, seconds=1, warmup=0.1, arrivals=200)
STORM_IN_ONE = Load("2,000 within 10 s, one room", 1, 2000, seconds=1, warmup=0.1, arrivals=200)
IDLE = Load("10,000 idle", 20, 500, seconds=50, warmup=5, parallel=50)
IDLE_SHORT = Load("2,000 idle", 20, 100, seconds=26, warmup=2, parallel=50)
LONGEST = 10.0
WHO_COMES = (
    "`first` is somebody who was not here: their coming is kept as an entry and told to the room, which costs a "
    "commit and a frame to each member. `back` is a reload."
)


def coming(stage: Stage) -> Outcome:
    """What it costs to let somebody in: for the first time since long, and back after a moment."""
    ours = stage.contestants[OURS]
    peers = [stage.contestants[CHANNELS]] if stage.full else []
    found: dict[str, list[dict[str, Any]]] = {}
    notes = [WHO_COMES]
    for turn in range(stage.rounds):
        for load in (COMING, ONE_ROOM):
            with ours.start() as server:
                found.setdefault(f"{load.name}, first", []).append(
                    _connect(stage, server, load, turn, "first")
                )
                # Within the grace of ten seconds nobody has left: this is a reload of everybody.
                time.sleep(1.5)
                found.setdefault(f"{load.name}, back", []).append(_connect(stage, server, load, turn, "back"))
        for peer in peers:
            with peer.start() as server:
                try:
                    result = measure(server, COMING, peer.row)
                except RuntimeError as error:
                    # A peer's failure is its own, and takes nothing from what the others did.
                    stage.say(f"{peer.name}: {error}")
                    notes.append(
                        f"{peer.name} did not let everybody in in round {turn + 1}, which does not count."
                    )
                    continue
            found.setdefault(peer.name, []).append(result)
            stage.say(_said(peer.name, result, turn))
    rows = [
        [name, _told(runs, "connect_cpu_us", "µs"), _rate(runs), _told(runs, "hello_p99_ms", "ms")]
        for name, runs in found.items()
    ]
    back = _middle(found[f"{COMING.name}, back"], "connect_cpu_us")
    goals = [
        Goal("connect with session, membership and hello: CPU", back, most=320, unit="µs"),
        Goal(
            "the same in a room of 1,000, above 50",
            ratio(_middle(found[f"{ONE_ROOM.name}, back"], "connect_cpu_us"), back),
            most=1.5,
        ),
    ]
    if CHANNELS in found:
        goals.append(
            Goal(
                "connect: CPU below Channels, bare",
                ratio(_middle(found[CHANNELS], "connect_cpu_us"), back),
                2.5,
            )
        )
    table = Table("Connecting, 100 at a time", ["", "CPU each", "a second", "hello p99"], rows)
    return Outcome(goals, [table], dict(found), notes)


def storm(stage: Stage) -> Outcome:
    """Two thousand people come within ten seconds, all for the first time."""
    outcome = Outcome()
    rows = []
    for load in (STORM, STORM_IN_ONE):
        with stage.contestants[OURS].start() as server:
            result = measure(server, load, stage.backend.row, greeted=True)
        stage.say(_said(load.name, result, 0))
        outcome.raw[load.name] = result
        failed = load.people - result["ready"] + result["closed"]
        longest = result["hello_longest_ms"] / 1000
        more = (result["memory_connected"] - result["memory_before"]) / load.people / 1024
        outcome.goals += [
            Goal(f"{load.name}: refused, lost or closed", failed, most=0, unit=""),
            Goal(f"{load.name}: the longest wait for hello", longest, most=LONGEST, unit="s"),
        ]
        rows.append(
            [
                load.name,
                told(result["connect_cpu_us"], "µs"),
                told(result["hello_p50_ms"], "ms"),
                told(result["hello_p99_ms"], "ms"),
                told(more, "KiB"),
            ]
        )
    columns = ["", "CPU each, all told", "hello p50", "hello p99", "memory each"]
    outcome.tables.append(Table("Join storm", columns, rows))
    return outcome


def idle(stage: Stage) -> Outcome:
    """Thousands who only listen: what each takes, and what the heartbeats cost."""
    load = IDLE if stage.full else IDLE_SHORT
    with stage.contestants[OURS].start() as server:
        result = measure(server, load, stage.backend.row, greeted=True)
    each = (result["memory_measured"] - result["memory_before"]) / load.people / 1024
    busy = 100 * result["cpu_load"]
    stage.say(
        f"{load.name}: {each:.1f} KiB each, {busy:.2f} % of a core, "
        f"opened in {result['connect_seconds']:.1f} s {flaws(result)}"
    )
    scaled = busy * IDLE.people / load.people
    goals = [
        Goal(f"{load.name}: memory each", each, most=18, unit="KiB"),
        Goal(f"{load.name}: CPU with heartbeats, for 10,000", scaled, most=3, unit="%"),
        Goal(
            f"{load.name}: closed or refused",
            load.people - result["ready"] + result["closed"],
            most=0,
            unit="",
        ),
    ]
    return Outcome(goals, [], {load.name: result})


def _connect(stage: Stage, server: Server, load: Load, turn: int, how: str) -> dict[str, Any]:
    result = measure(server, replace(load, seconds=0.1), stage.backend.row, greeted=True)
    stage.say(_said(f"{load.name}, {how}", result, turn))
    return result


def _said(name: str, result: dict[str, Any], turn: int) -> str:
    return (
        f"{name}, round {turn + 1}: {result['connect_cpu_us']:.0f} µs CPU each, "
        f"{result['ready'] / result['connect_seconds']:,.0f} a second, hello p50/p99/longest "
        f"{result['hello_p50_ms']:.1f}/{result['hello_p99_ms']:.1f}/{result['hello_longest_ms']:.1f} ms, "
        f"{result['refused']} refused, {result['errors']} errors {result['first_error'][:120]}"
    )


def _middle(runs: list[dict[str, Any]], what: str) -> float:
    return float(statistics.median(run[what] for run in runs))


def _told(runs: list[dict[str, Any]], what: str, unit: str) -> str:
    return told(_middle(runs, what), unit)


def _rate(runs: list[dict[str, Any]]) -> str:
    return f"{statistics.median(run['ready'] / run['connect_seconds'] for run in runs):,.0f}"

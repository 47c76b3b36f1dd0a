"""The benchmark from the command line: `python -m bench [--short|--full] [--only NAME] [--write]`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from bench import connections, fanout, history, journal, product, results, stalled, starting
from bench.contestants import SHORT, everybody, missing
from bench.phase import Outcome, Stage
from bench.servers import CORES, OTHER_CORE, hold_many_files

PHASES: dict[str, tuple[str, Callable[[Stage], Outcome]]] = {
    "fanout": ("Fan-out", fanout.fanout),
    "whole": ("The whole product, on disk", fanout.whole),
    "journal": ("The journal alone", journal.alone),
    "two": ("Two processes", stalled.two),
    "stalled": ("Members who do not read", stalled.stalled),
    "connect": ("Connecting", connections.coming),
    "storm": ("A join storm", connections.storm),
    "idle": ("Idle connections", connections.idle),
    "start": ("Start", starting.starting),
    "history": ("Reading back", history.history),
}


def main() -> None:
    """Measure what is asked for, in turn, and say what was found."""
    asked = _arguments()
    if len(CORES) < 2:
        sys.exit("Two processors are needed: one for the server, one for the generator.")
    names = list(asked.only or PHASES)
    # Told to end, it still stops what it started.
    signal.signal(signal.SIGTERM, _end)
    os.sched_setaffinity(0, {OTHER_CORE})
    hold_many_files()
    started = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    with product.backend() as backend:
        contestants = everybody(backend)
        if not asked.full:
            contestants = {name: each for name, each in contestants.items() if name in SHORT}
        lacking = missing(list(contestants)) if "fanout" in names else None
        if lacking is not None:
            sys.exit(lacking)
        rounds = asked.rounds or 3
        seconds = asked.seconds or (4.0 if asked.full else 1.5)
        stage = Stage(backend, contestants, asked.full, rounds, seconds, _say)
        for name in names:
            title, phase = PHASES[name]
            _say(f"-- {title}, {time.monotonic() - started:.0f} s after the start")
            try:
                outcomes[title] = phase(stage)
            except (RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
                outcomes[title] = Outcome(notes=[f"It failed: {error}"])
    how = f"python -m bench {'--full' if asked.full else '--short'} --rounds {rounds} --seconds {seconds:g}"
    sys.stdout.write(results.text(outcomes) + f"\nIt took {time.monotonic() - started:.0f} s.\n")
    results.write_json(outcomes, how)
    if asked.write:
        results.write_paper(outcomes, contestants, how)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--short", action="store_true", help="the product, naive, websockets, the limits (usual)"
    )
    length.add_argument(
        "--full",
        action="store_true",
        help="every peer, longer, with 10,000 connections and 5 million entries",
    )
    parser.add_argument("--only", action="append", choices=PHASES, help="just this phase; may be given again")
    parser.add_argument("--rounds", type=int, help="runs of each, of which the median counts")
    parser.add_argument("--seconds", type=float, help="how long one run is measured")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its chart")
    return parser.parse_args()


def _end(*_: object) -> NoReturn:
    sys.exit(1)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()

"""How often a process looks after what lives in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """All in seconds, but for `heartbeat`: that is in beats.

    Every connection is asked for a sign of life once in a `heartbeat`, and let go after `silence`; `check` looks for
    what was missed on the bus, `activity` gathers what is told of other rooms, `confirm` waits for other processes.
    `grace` is how long somebody whose line broke is not called gone, `remark` renews the marks of who is here,
    `sweep` compares them with the log, and `settle` is what everybody has to renew them once Redis forgot.
    `flood` is how often processes count together who says how much.
    `bin` is how often it is looked for rooms that have lain in the bin for long enough.
    """

    beat: float = 1.0
    heartbeat: int = 25
    silence: float = 50.0
    check: float = 3.0
    activity: float = 0.5
    confirm: float = 1.0
    grace: float = 10.0
    remark: float = 30.0
    sweep: float = 10.0
    settle: float = 30.0
    flood: float = 0.25
    bin: float = 3600.0

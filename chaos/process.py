"""One aiochat process under chaos: the product as it is, its slow clocks quickened and its queue made short.

`CHAOS_PACE` divides the waits that are made for people; `CHAOS_QUEUE` is the journal's longest queue.
"""

from __future__ import annotations

import os
from functools import partial

from aiochat import contexts
from aiochat.cli import main
from chat import journal, node, presence
from chat.node import Limits, Node
from chat.pace import Pace


def quicken(pace: float) -> None:
    """Divide who waits for whom by `pace`. What guards the log, and the heartbeat, stay as they are."""
    usual = Pace()
    quick = Pace(
        grace=usual.grace / pace,
        remark=usual.remark / pace,
        sweep=max(0.5, usual.sweep / pace),
        settle=max(1.0, usual.settle / pace),
    )
    marking = partial(presence.Presence, expires=max(3.0, presence.EXPIRES / pace))
    kicking = partial(Limits, kick=max(2, round(60 / pace)))
    for module, name, value in (
        (node, "Presence", marking),
        (contexts, "Node", partial(Node, pace=quick)),
        (contexts, "Limits", kicking),
    ):
        setattr(module, name, value)


if __name__ == "__main__":
    quicken(float(os.environ.get("CHAOS_PACE", "1")))
    journal.MOST_QUEUED = int(os.environ.get("CHAOS_QUEUE", journal.MOST_QUEUED))
    main()

"""One aiochat process under chaos: the product as it is, its slow clocks quickened and its queue made short.

`CHAOS_PACE` divides the waits that are made for people; `CHAOS_QUEUE` is the journal's longest queue; `CHAOS_PATIENCE`
is how long PostgreSQL is waited for, in seconds.
"""

from __future__ import annotations

import os
from functools import partial
from types import ModuleType

from aiochat import contexts
from aiochat.cli import main
from chat import journal, node, presence
from chat.node import Limits, Node
from chat.pace import Pace
from helpers import database


def put(module: ModuleType, name: str, value: object) -> None:
    """Another value for something that is there: what has moved elsewhere is not quietly left as it was."""
    if not hasattr(module, name):
        raise LookupError(f"{module.__name__} has no {name} any more")
    setattr(module, name, value)


def quicken(pace: float) -> None:
    """Divide who waits for whom by `pace`. What guards the log, and the heartbeat, stay as they are."""
    usual = Pace()
    quick = Pace(
        grace=usual.grace / pace,
        remark=usual.remark / pace,
        sweep=max(0.5, usual.sweep / pace),
        settle=max(1.0, usual.settle / pace),
    )
    put(node, "Presence", partial(presence.Presence, expires=max(3.0, presence.EXPIRES / pace)))
    put(contexts, "Node", partial(Node, pace=quick))
    put(contexts, "Limits", partial(Limits, kick=max(2, round(60 / pace))))


def shorten(queue: int, patience: float) -> None:
    """A queue that can be filled, and a PostgreSQL that is waited for so many seconds."""
    put(node, "Journal", partial(journal.Journal, most_queued=queue, answer_within=patience))
    put(database, "ANSWER_WITHIN", patience)


if __name__ == "__main__":
    quicken(float(os.environ.get("CHAOS_PACE", "1")))
    shorten(
        int(os.environ.get("CHAOS_QUEUE", journal.MOST_QUEUED)),
        float(os.environ.get("CHAOS_PATIENCE", database.ANSWER_WITHIN)),
    )
    main()

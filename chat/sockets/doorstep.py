"""Sockets that are open and nobody's yet: how long they may stay so, and how many of one address."""

from __future__ import annotations

import asyncio
from collections import Counter

from chat.connection import CloseCode, Connection
from chat.node import Node
from helpers.errors import AppError
from helpers.throttle import address_key

MOST_WAITING = 100
_WAITING: Counter[tuple[Node, str]] = Counter()


class TooManyStrangers(AppError):
    """One address holds many sockets of which it is not said whose they are."""

    code = "rate_limited"
    message = "Too many sockets of your address have not authenticated yet. Try again in a moment."
    status = 429
    temporary = True

    def __init__(self) -> None:
        super().__init__(retry_after=1)


class Doorstep:
    """Where one socket waits until somebody shows a key. While it waits it is let go like any other."""

    def __init__(self, node: Node, remote: str | None) -> None:
        """Raises TooManyStrangers."""
        self._node = node
        self._place = node, address_key(remote)
        self._left = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._connection: Connection | None = None
        if _WAITING[self._place] >= MOST_WAITING:
            raise TooManyStrangers

    def wait(self, connection: Connection) -> None:
        """Nobody is known on this connection from now on; when nobody is in time, it is closed."""
        if self._connection is None:
            self._connection = connection
            self._node.hub.audience.strangers.add(connection)
            _WAITING[self._place] += 1
            self._left = self._node.limits.authenticate
        self.go_on()

    def pause(self) -> None:
        """A key is looked at: whoever shows one in time is not to blame for how long that takes."""
        if self._timer is not None:
            self._timer.cancel()
            self._left = max(0.0, self._timer.when() - asyncio.get_running_loop().time())
            self._timer = None

    def go_on(self) -> None:
        """It was looked at; the time left is what it was."""
        self.pause()
        if self._connection is not None:
            self._timer = asyncio.get_running_loop().call_later(
                self._left, self._connection.close, CloseCode.NO_KEY, "Nobody authenticated in time."
            )

    def leave(self) -> None:
        """Somebody is known, or the socket is gone."""
        self.pause()
        if self._connection is None:
            return
        self._node.hub.audience.strangers.discard(self._connection)
        self._connection = None
        _WAITING[self._place] -= 1
        if not _WAITING[self._place]:
            del _WAITING[self._place]

"""One open socket: what it is owed, and the one writer that pays all of them once in every turn of the loop."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from chat.events import News, Person
from chat.signals import Belongs

log = logging.getLogger(__name__)

HIGH_WATER = 256 * 1024
MOST_OWED = 1024 * 1024
LONGEST_STALL = 10.0
LOOK_AGAIN = 0.05
SMALL, MEDIUM = 126, 65_536


class CloseCode(IntEnum):
    """Why a socket is closed. Below 4500 a client comes back by itself; from there on it does not."""

    GOING_AWAY = 1001
    UNSUPPORTED = 1003
    UNREADABLE = 1007
    TRY_AGAIN = 1011
    RESTART = 1012
    SILENT = 4408
    SLOW = 4413
    FLOODING = 4429
    BAD_FRAMES = 4500
    SIGNED_OUT = 4501
    KICKED = 4502
    BANNED = 4503
    ROOM_GONE = 4504
    TOO_MANY = 4509
    NO_KEY = 4510
    NORMAL = 1000


BY_ONESELF = {CloseCode.NORMAL, CloseCode.ROOM_GONE}
"""How a socket ends by what was asked on it: whoever asked is answered before."""


class Line(Protocol):
    """The transport under a socket, as asyncio gives it."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the network without waiting."""

    def get_write_buffer_size(self) -> int:
        """How many bytes the network has not taken yet."""

    def abort(self) -> None:
        """Cut it at once."""


def text_frame(payload: bytes) -> bytes:
    """A whole WebSocket text frame, as a server sends it: unmasked, uncompressed (RFC 6455, 5.2)."""
    size = len(payload)
    if size < SMALL:
        return bytes((0x81, size)) + payload
    if size < MEDIUM:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def _no_end(code: CloseCode, reason: str) -> None:
    pass


def _no_news(room_id: int, news: News | Belongs) -> None:
    pass


PING = b"\x89\x00"
_numbers = itertools.count(1)


class Writer:
    """Pays what is owed: everything queued for a connection in one turn of the loop goes out in one write."""

    def __init__(self) -> None:
        self._owing: list[Connection] = []
        self._stalled: set[Connection] = set()
        self._looking: asyncio.TimerHandle | None = None

    def owes(self, connection: Connection) -> None:
        """Write to this connection at the end of the next turn."""
        if not self._owing:
            asyncio.get_running_loop().call_soon(self._after_this_turn)
        self._owing.append(connection)

    def _after_this_turn(self) -> None:
        # Authors woken in this turn acknowledge in the next: their answer goes out in the same write as the words.
        asyncio.get_running_loop().call_soon(self._pay)

    def _pay(self) -> None:
        owing, self._owing = self._owing, []
        for connection in owing:
            if not connection.pay():
                self._stalled.add(connection)
        if self._stalled and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._look)

    def _look(self) -> None:
        self._looking = None
        self._stalled = {connection for connection in self._stalled if not connection.pay()}
        if self._stalled:
            self._looking = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._look)

    def close(self) -> None:
        """Look no more after those who stall."""
        if self._looking is not None:
            self._looking.cancel()


class Connection:
    """One open socket of one user.

    `session` is the reference of the session or token it came by, `session_epoch` its user's at that time, `end` closes
    it with a code and a reason, `news` says in its protocol what concerns its user in some room. Room 0 stands for all.
    A frame is a whole WebSocket frame, shared by all who get the same. Nothing here waits for a reader. While it is
    `answering`, what is asked on it is being done, and an end that may come of that waits for the answer.
    """

    __slots__ = (
        "_end",
        "_ending",
        "_frames",
        "_line",
        "_news",
        "_stalled_since",
        "_writer",
        "answering",
        "closing",
        "heard_at",
        "id",
        "session",
        "session_epoch",
        "slot",
        "user",
    )

    def __init__(
        self,
        user: Person,
        line: Line,
        writer: Writer,
        end: Callable[[CloseCode, str], None],
        news: Callable[[int, News | Belongs], None],
        *,
        session: str | None = None,
        session_epoch: int = 0,
    ) -> None:
        number = next(_numbers)
        self.id = str(number)
        self.slot = number
        self.user = user
        self.session = session
        self.session_epoch = session_epoch
        self.heard_at = asyncio.get_running_loop().time()
        self.closing: CloseCode | None = None
        self.answering = False
        self._ending: tuple[CloseCode, str] | None = None
        self._line = line
        self._writer = writer
        self._end = end
        self._news = news
        self._frames: list[bytes] = []
        self._stalled_since: float | None = None

    def send(self, frame: bytes) -> None:
        """Queue a frame. A reader too slow to keep up is let go, and may come back and catch up."""
        if self.closing is not None:
            return
        if not self._frames:
            self._writer.owes(self)
        self._frames.append(frame)
        if self._stalled_since is not None and self.owed > MOST_OWED:
            self._let_go()

    @property
    def owed(self) -> int:
        """Bytes that wait here for a reader."""
        return sum(map(len, self._frames))

    def tell(self, room_id: int, news: News | Belongs) -> None:
        """Something concerns this user in that room."""
        if self.closing is None:
            self._news(room_id, news)

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Send what is owed if the reader keeps up, then close. Once only."""
        if self.closing is not None:
            return
        if self.answering and code in BY_ONESELF:
            self._ending = self._ending or (code, reason)
            return
        if self._frames and self._stalled_since is None:
            self._put(b"".join(self._frames))
        self.closing = code
        self._frames.clear()
        self._end(code, reason)

    def answered(self) -> None:
        """What was asked is answered: the end may come that waited for it."""
        self.answering = False
        if self._ending is not None:
            self.close(*self._ending)

    def part(self) -> None:
        """It has ended: nothing more is said on it, and it holds on to nobody."""
        self._end, self._news = _no_end, _no_news

    def ping(self) -> None:
        """Ask for a sign of life, unless bytes lie here that have not been taken."""
        if self.closing is None and self._stalled_since is None:
            self._put(PING)

    def pay(self) -> bool:
        """Write what is owed; False while the reader stalls."""
        frames = self._frames
        if not frames or self.closing is not None:
            return True
        if self._line.get_write_buffer_size() > HIGH_WATER:
            return self._stalls()
        self._stalled_since = None
        self._put(frames[0] if len(frames) == 1 else b"".join(frames))
        frames.clear()
        return True

    def _stalls(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._stalled_since is None:
            self._stalled_since = now
        if now - self._stalled_since > LONGEST_STALL or self.owed > MOST_OWED:
            self._let_go()
            return True
        return False

    def _put(self, data: bytes) -> None:
        try:
            self._line.write(data)
        except (RuntimeError, OSError) as error:
            # uvloop refuses to write where the other side is gone. Whoever listens there hears of that by themselves.
            log.debug("connection %s: %s", self.id, error)

    def _let_go(self) -> None:
        self.close(CloseCode.SLOW, "Too slow to keep up. Come back and resume.")

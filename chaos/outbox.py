"""What a client has asked for and has no answer to: sent again under its nonce until it has one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from chaos.book import Book, Sent
from chaos.view import Frame

ANSWER_WITHIN = 30.0
"""In seconds; whenever as many have gone by again, it is sent once more."""


class Outbox:
    """Of one client. `write` puts a frame on its line, where there is one."""

    def __init__(
        self,
        client: str,
        person: int,
        room: str,
        book: Book,
        rng: random.Random,
        write: Callable[[Frame], Coroutine[Any, Any, None]],
    ) -> None:
        self._client = client
        self._person = person
        self._room = room
        self._book = book
        self._rng = rng
        self._write = write
        self._waiting: dict[str, Frame] = {}
        self._number = 0
        self._is_open = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def open(self) -> None:
        """The line is up to date: all that waits is sent, and what comes is sent at once."""
        self._is_open = True
        for frame in list(self._waiting.values()):
            await self._write(frame)

    def close(self) -> None:
        """The line broke: everything waits for the next one."""
        self._is_open = False
        for nonce in self._waiting:
            self._book.sent[nonce].written = 0.0

    async def send(self, kind: str, *, target: int, text: str) -> str:
        """Ask for something; it stays here until it is answered. Its nonce."""
        self._number += 1
        nonce = f"{self._client}-{self._number}"
        frame: Frame = {"type": kind, "nonce": nonce}
        if kind != "remove":
            frame["text"] = text
        if target:
            frame["target"] = target
        self._book.sent[nonce] = Sent(
            self._person, self._room, kind, text, target, asyncio.get_running_loop().time()
        )
        self._waiting[nonce] = frame
        if self._is_open:
            await self._write(frame)
        return nonce

    async def remind(self) -> None:
        """Send again what has waited for long."""
        now = asyncio.get_running_loop().time()
        for nonce, frame in list(self._waiting.items()):
            sent = self._book.sent[nonce]
            # What was answered while the one before it went out waits no more.
            if nonce in self._waiting and now - sent.since > ANSWER_WITHIN * (1 + sent.tries):
                sent.tries += 1
                self._book.errors["no answer in time"] += 1
                await self._write(frame)

    def acknowledged(self, ack: Frame) -> None:
        """It is done, and has its number."""
        if self._waiting.pop(ack["nonce"], None) is None:
            return
        book, sent = self._book, self._book.sent[ack["nonce"]]
        self._answered(sent)
        sent.acked, sent.seq = True, ack.get("seq", 0)
        book.acked += 1
        book.repeated += bool(ack.get("duplicate"))
        book.longest_ack = max(book.longest_ack, asyncio.get_running_loop().time() - sent.since)
        book.ring()

    def refused(self, error: Frame) -> None:
        """It is not done; what is refused for now is sent again a while later."""
        nonce = error["nonce"]
        if nonce not in self._waiting:
            return
        sent = self._book.sent[nonce]
        self._answered(sent)
        if error["temporary"]:
            pause = float(error.get("retry_after") or 0.3 + self._rng.random())
            asyncio.get_running_loop().call_later(pause, self._try_again, nonce)
            return
        del self._waiting[nonce]
        sent.refused = error["code"]
        self._book.ring()

    def _answered(self, sent: Sent) -> None:
        """However it was answered: nobody is to wait long for that."""
        if sent.written:
            took = asyncio.get_running_loop().time() - sent.written
            self._book.longest_answer = max(self._book.longest_answer, took)

    def _try_again(self, nonce: str) -> None:
        if nonce in self._waiting and self._is_open:
            asyncio.get_running_loop().create_task(self._write(self._waiting[nonce]), name=f"again {nonce}")

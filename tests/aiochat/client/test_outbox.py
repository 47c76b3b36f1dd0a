"""What is asked goes out in order and under one nonce, whatever comes back; without any line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiochat.client import Ended, Refused
from aiochat.client.outbox import Outbox


class Wire:
    """Keeps what was written; answers are given by hand."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    async def write(self, frame: dict[str, Any]) -> None:
        self.written.append(frame)
        self._more.set()

    async def has(self, count: int) -> None:
        """Wait until so many frames were written."""
        async with asyncio.timeout(10):
            while len(self.written) < count:
                self._more.clear()
                await self._more.wait()


def say(nonce: str, text: str = "hi") -> dict[str, Any]:
    return {"type": "say", "nonce": nonce, "text": text}


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_the_next_goes_out_when_the_first_is_answered(wire: Wire) -> None:
    outbox = Outbox(wire.write)
    outbox.opens()
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(outbox.deliver())
        asked = [group.create_task(outbox.ask(say(nonce))) for nonce in "abc"]
        for count, nonce in enumerate("abc", 1):
            await wire.has(count)
            assert [frame["nonce"] for frame in wire.written] == list("abc")[:count]
            await outbox.acknowledge({"type": "ack", "nonce": nonce, "seq": count})
        assert [(await one).seq for one in asked] == [1, 2, 3]
        delivering.cancel()


async def test_a_broken_line_and_silence_send_it_again(wire: Wire) -> None:
    outbox = Outbox(wire.write, patience=0.05)
    asking = asyncio.create_task(outbox.ask(say("a")))
    delivering = asyncio.create_task(outbox.deliver())
    outbox.opens()
    await wire.has(1)
    outbox.closes()
    outbox.opens()
    await wire.has(4)
    assert {frame["nonce"] for frame in wire.written} == {"a"}
    await outbox.acknowledge({"type": "ack", "nonce": "a", "seq": 1, "duplicate": True})
    assert (await asking).duplicate
    delivering.cancel()


async def test_a_temporary_refusal_waits_and_another_is_an_end(wire: Wire) -> None:
    outbox = Outbox(wire.write)
    outbox.opens()
    delivering = asyncio.create_task(outbox.deliver())
    asking = asyncio.create_task(outbox.ask(say("a")))
    await wire.has(1)
    assert outbox.refuse(
        {"nonce": "a", "code": "busy", "message": "x", "temporary": True, "retry_after": 0.01}
    )
    await wire.has(2)
    assert outbox.refuse({"nonce": "a", "code": "muted", "message": "No.", "temporary": False})
    with pytest.raises(Refused, match="No\\."):
        await asking
    assert not outbox.refuse({"nonce": "a", "code": "muted", "message": "No.", "temporary": False})
    delivering.cancel()


async def test_a_command_is_answered_when_all_it_says_was_heard(wire: Wire) -> None:
    outbox = Outbox(wire.write)
    outbox.opens()
    delivering = asyncio.create_task(outbox.deliver())
    asking = asyncio.create_task(outbox.ask(say("a", "/who")))
    await wire.has(1)
    outbox.pong()
    await outbox.acknowledge({"type": "ack", "nonce": "a"})
    await wire.has(2)
    assert wire.written[1] == {"type": "ping"}
    assert outbox.notice({"nonce": "a", "text": "one"})
    assert not outbox.notice({"nonce": "b", "text": "other"})
    assert not asking.done()
    outbox.pong()
    assert (await asking).text == "one"
    delivering.cancel()


async def test_who_stops_waiting_lets_the_next_go(wire: Wire) -> None:
    outbox = Outbox(wire.write)
    first, second = (asyncio.create_task(outbox.ask(say(nonce))) for nonce in "ab")
    delivering = asyncio.create_task(outbox.deliver())
    await asyncio.sleep(0)
    first.cancel()
    outbox.opens()
    await wire.has(1)
    assert wire.written[0]["nonce"] == "b"
    outbox.fail(Ended(1000))
    with pytest.raises(Ended):
        await second
    delivering.cancel()


async def test_what_cannot_be_sent_is_refused_and_holds_up_nobody(wire: Wire) -> None:
    outbox = Outbox(wire.write)
    outbox.opens()
    delivering = asyncio.create_task(outbox.deliver())
    with pytest.raises(Refused, match="cannot be sent"):
        await outbox.ask(say("a", "half a pair \ud800"))
    asking = asyncio.create_task(outbox.ask(say("b")))
    await wire.has(1)
    await outbox.acknowledge({"type": "ack", "nonce": "b", "seq": 1})
    assert (await asking).seq == 1
    delivering.cancel()

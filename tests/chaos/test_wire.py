"""The wire between a client and the site leaves nobody hanging on it."""

from __future__ import annotations

import asyncio

import pytest

from chaos.wire import Pair, Wire
from tests.chat.backstage import until


@pytest.mark.parametrize("how", ["cut", "left"])
async def test_who_goes_while_the_site_is_being_reached_is_gone_there_too(how: str) -> None:
    come, gone = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal come, gone
        come += 1
        try:
            await reader.read()
        except ConnectionError:
            pass
        finally:
            gone += 1
            writer.close()

    site = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = site.sockets[0].getsockname()
    wire = Wire(lambda: address)
    await wire.open()
    dial = Pair._dial
    reaching, go_on = asyncio.Event(), asyncio.Event()

    async def dial_late(pair: Pair) -> None:
        reaching.set()
        await go_on.wait()
        await dial(pair)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pair, "_dial", dial_late)
        _, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        writer.write(b"is anybody there?")
        await reaching.wait()
        if how == "cut":
            wire.cut()
        else:
            writer.close()
        await until(lambda: not wire._pairs, "the wire holds on to who has gone")
        go_on.set()
        await until(lambda: come == gone == 1, "the site waits for who has gone")
    writer.close()
    await wire.close()
    site.close()

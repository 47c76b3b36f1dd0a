"""An echo client with two tasks: one says what is typed, one hears what comes back. When either ends, both do.

python examples/echo.py http://localhost:8080/echo
"""

import asyncio
import json
import sys

import aiohttp


async def say(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Send each line as JSON, until there are no more (Ctrl+D)."""
    keyboard = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(keyboard), sys.stdin
    )
    while line := await keyboard.readline():
        await socket.send_json({"message": line.decode().rstrip("\n")})


async def hear(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Print each echo, until the server closes."""
    async for frame in socket:
        print(json.loads(frame.data)["echo"], flush=True)
    print("The server has closed.", flush=True)


async def main(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(url, heartbeat=25) as socket:
        tasks = [asyncio.create_task(say(socket)), asyncio.create_task(hear(socket))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:  # what was still on its way is heard by nobody; the socket closes in order
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


asyncio.run(main(sys.argv[1]))

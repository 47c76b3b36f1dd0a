"""A bot that answers sums: "1 + 1" is answered by "@ann: 2". Words are read, never run.

SITE=http://localhost:8080 TOKEN=ach_… python examples/answers_sums.py math
"""

import asyncio
import operator
import os
import re
import sys

from aiochat.client import Refused, Site
from aiochat.client.events import Message

SUM = re.compile(r"\s*(-?\d{1,6})\s*([-+*/])\s*(-?\d{1,6})\s*", re.ASCII)
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def answer(text: str) -> str | None:
    """What a sum comes to; None for whatever is no sum, or has no answer."""
    found = SUM.fullmatch(text)
    if found is None or (found[2] == "/" and int(found[3]) == 0):
        return None
    result = SIGNS[found[2]](int(found[1]), int(found[3]))
    return str(int(result)) if result == int(result) else f"{result:.6f}".rstrip("0")


async def main(slug: str) -> None:
    async with Site(os.environ["SITE"], os.environ["TOKEN"]) as site, site.room(slug) as room:
        print("listening", flush=True)
        async for event in room:
            if not isinstance(event, Message) or event.by.id == room.you.id:
                continue
            result = answer(event.text or "")
            if result is not None:
                try:
                    # Named after what it answers: however often this runs, each sum is answered once.
                    nonce = f"sum-{room.epoch[:8]}-{event.seq}"
                    await room.say(f"@{event.by.name}: {result}", reply_to=event.seq, nonce=nonce)
                except Refused as refused:
                    print(refused, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

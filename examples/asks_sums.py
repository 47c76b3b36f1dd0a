"""A bot that asks sums, and says who was right: "2 + 2" is to be answered by "@MathStudent: 4".

SITE=http://localhost:8080 TOKEN=ach_… python examples/asks_sums.py math 9 15   (nine sums, fifteen seconds for each)
"""

import asyncio
import operator
import os
import random
import re
import sys

from aiochat.client import Room, Site
from aiochat.client.events import Message, Person

SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
ANSWER = re.compile(r"@(\S+): (-?\d{1,9})", re.ASCII)


async def right_answer(room: Room, wanted: int) -> Person:
    """Wait for somebody who says so; a wrong answer gets a word."""
    async for event in room:
        if isinstance(event, Message) and (found := ANSWER.fullmatch(event.text or "")):
            if found[1] == room.you.name and int(found[2]) == wanted:
                return event.by
            if found[1] == room.you.name:
                await room.say("That is not it.", reply_to=event.seq)
    raise ConnectionError("the room is closed")


async def main(slug: str, count: int = 9, seconds: float = 15) -> None:
    async with Site(os.environ["SITE"], os.environ["TOKEN"]) as site, site.room(slug) as room:
        for _ in range(count):
            sign, one, other = random.choice(list(SIGNS)), random.randint(1, 9), random.randint(1, 9)
            await room.say(f"{one} {sign} {other}")
            wanted = SIGNS[sign](one, other)
            try:
                async with asyncio.timeout(seconds):
                    by = await right_answer(room, wanted)
                await room.say(f"Right, {by.name}.")
            except TimeoutError:
                await room.say(f"It was {wanted}.")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))

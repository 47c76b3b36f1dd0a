"""One run from the first server to the verdict."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chaos import clock, people
from chaos.book import Book
from chaos.checker import Findings, present
from chaos.client import running
from chaos.faults import CLOCKS, Fault, heavy, long
from chaos.gremlins import KINDS, LONGEST_FRAME, Gremlins
from chaos.site import Site
from chaos.talk import Talk
from chaos.wire import DOWN, UP
from chaos.world import World

log = logging.getLogger(__name__)
TELL_EVERY = 5.0
HANDS = 4


@dataclass(frozen=True)
class Plan:
    """How much of what.

    `rounds` is how often every fault that touches everybody is made, unless chance takes as many as `heavy_faults`.
    `sawn` is at how many bytes a frame is cut one after another, each way. With `minutes` the stores are away
    for minutes too. `speed` is requests a second over all rooms; `pace` divides the product's slow clocks; `queue` is
    its longest queue, and `patience` how long it waits for PostgreSQL.
    """

    seed: int
    entries: int
    wire_faults: int
    rounds: int = 1
    heavy_faults: int | None = None
    sawn: int = 0
    minutes: bool = False
    rooms: int = 8
    persons: int = 4
    processes: int = 2
    speed: float = 250.0
    pace: float = 1.0
    queue: int = 20
    patience: float = 10.0
    durable: bool = True
    shortest: float = 0.3
    only: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether everything there is is to be tried."""
        return self.heavy_faults is None and not self.only and self.minutes and self.sawn > 0


async def run(plan: Plan) -> tuple[Book, Findings, float]:
    """Break things as planned; the book, the verdict, the seconds it took."""
    folder = _folder()
    book = Book()
    began = asyncio.get_running_loop().time()
    site = Site(
        folder,
        random.Random(plan.seed + 1),
        processes=plan.processes,
        pace=plan.pace,
        queue=plan.queue,
        patience=plan.patience,
        durable=plan.durable,
    )
    try:
        await site.open()
        found = await _play(plan, site, book)
    finally:
        await site.close()
    if not found.wrong:
        shutil.rmtree(folder, ignore_errors=True)
    return book, found, asyncio.get_running_loop().time() - began


def _folder() -> Path:
    # Under /tmp, for the paths of sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="aiochat-chaos-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


async def _play(plan: Plan, site: Site, book: Book) -> Findings:
    rng = random.Random(plan.seed)
    rooms = await people.gather(
        site, book, rng, rooms=plan.rooms, persons=plan.persons, shortest=plan.shortest
    )
    world = World(site, rooms, book, rng, cool_down=60 / plan.pace)
    loop = asyncio.get_running_loop()
    async with running(world.clients):
        await world.recovered(loop.time())
        await _talk_and_break(plan, world)
        await world.recovered(loop.time())
        await world.drained()
        await _all_here(plan, world)
        await world.drained()
        found = await world.checked()
        await _some_leave(plan, world, found)
    for room in rooms:
        for client in room.clients:
            await client.wire.close()
    return found


async def _talk_and_break(plan: Plan, world: World) -> None:
    """Everybody talks as long as something is broken, and as much as was planned."""
    rng, enough, places = world.rng, asyncio.Event(), Counter[str]()
    share, speed = plan.entries // plan.rooms, plan.speed / plan.rooms
    talks = [Talk(room, random.Random(rng.random()), share, speed, enough) for room in world.rooms]
    hands = [
        Gremlins(world, random.Random(rng.random()), 1.0, plan.wire_faults // HANDS, places)
        for _ in range(HANDS)
    ]
    async with asyncio.TaskGroup() as group:
        talking = [group.create_task(talk.run()) for talk in talks]
        spoiling = [group.create_task(hand.run()) for hand in hands]
        sawing = [
            group.create_task(hand.saw(way, min(plan.sawn, LONGEST_FRAME[way])))
            for hand, way in zip(hands, (UP, DOWN), strict=False)
        ]
        telling = group.create_task(_tell(world))
        await _break(plan, world)
        await asyncio.wait(sawing)
        enough.set()
        await asyncio.wait(talking)
        for hand in hands:
            hand.left = 0
        await asyncio.wait(spoiling)
        telling.cancel()
    bus = world.site.bus
    world.book.seen["messages the bus lost"] += bus.dropped
    world.book.seen["messages the bus swapped"] += bus.reordered
    world.book.seen["messages the bus delayed"] += bus.delayed
    if plan.is_whole:
        _look_what_was_tried(world)


async def _break(plan: Plan, world: World) -> None:
    faults = heavy()
    if clock.library() is None:
        world.book.untried |= dict.fromkeys(CLOCKS, clock.MISSING)
    names = [name for name in faults if not plan.only or name in plan.only]
    lasting = [name for name in long() if (plan.minutes and not plan.only) or name in plan.only]
    schedule: list[str] = []
    if plan.heavy_faults is None:
        for _ in range(plan.rounds):
            schedule += world.rng.sample(names, len(names))
    else:
        while names and len(schedule) < plan.heavy_faults:
            schedule += world.rng.sample(names, len(names))
        del schedule[plan.heavy_faults :]
    for name in schedule + lasting:
        await asyncio.sleep(0.5 * world.rng.random())
        await make(world, name, (faults | long())[name])


def _look_what_was_tried(world: World) -> None:
    """A fault that was never made proves nothing."""
    book = world.book
    for name in (*heavy(), *long(), *(f"wire: {kind}" for kind in KINDS)):
        if not book.faults[name]:
            book.fail(f"never made: {name}")
    for what, count in book.seen.items():
        if not count:
            book.fail(f"never seen: {what}")
    if not world.site.has_nginx:
        book.untried["nginx in front"] = "nginx is not installed"


async def _tell(world: World) -> None:
    """Every few seconds, how far it is."""
    while True:
        await asyncio.sleep(TELL_EVERY)
        away = " ".join(client.name for client in world.clients if not client.live)
        log.info(
            "%d asked, %d acknowledged; away: %s", len(world.book.sent), world.book.acked, away or "nobody"
        )


async def make(world: World, name: str, fault: Fault) -> None:
    """One fault, and the wait until all is well again."""
    log.info("%s ...", name)
    await fault(world)
    seconds = await world.recovered(asyncio.get_running_loop().time())
    world.book.note(name, seconds)
    log.info("%s: all well after %.1f s", name, seconds)


async def _all_here(plan: Plan, world: World) -> None:
    """Everybody who is connected must be shown here; the healing may take a sweep."""
    expected = {room.slug: {client.person.id for client in room.clients} for room in world.rooms}
    await _until_present(plan, world, expected)


async def _some_leave(plan: Plan, world: World, found: Findings) -> None:
    """Half of everybody leaves, some in order, some by a cut line: just the others stay shown."""
    staying: dict[str, set[int]] = {}
    for room in world.rooms:
        leaving = room.clients[1].person
        for client in room.clients:
            if client.person is leaving:
                client.pausing.clear()
                if world.rng.random() < 0.5:
                    client.wire.cut()
                else:
                    await client.leave()
        staying[room.slug] = {client.person.id for client in room.clients} - {leaving.id}
    before = len(world.book.wrong)
    await _until_present(plan, world, staying)
    found.wrong += world.book.wrong[before:]


async def _until_present(plan: Plan, world: World, expected: dict[str, set[int]]) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + max(20.0, 150 / plan.pace)
    while True:
        here = await asyncio.to_thread(present, world.site.servers.database_url)
        if here == expected:
            return
        if loop.time() > until:
            world.book.fail(f"shown here: {dict(here)}, really here: {expected}")
            return
        await asyncio.sleep(0.25)

"""Who takes part: accounts, rooms, and the clients in them, each on a wire of its own."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import aiohttp

from accounts.actions import register
from accounts.models import User
from accounts.tokens import create_token
from chaos.book import Book
from chaos.client import Client, Person
from chaos.site import Site
from chaos.wire import Wire
from helpers.database import Manager

PASSWORD = "tide-gauge-7"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]*)"')


@dataclass
class Room:
    """One room: its owner's client comes first."""

    slug: str
    clients: list[Client]

    @property
    def owner(self) -> Client:
        """Who moderates it."""
        return self.clients[0]


async def gather(
    site: Site, book: Book, rng: random.Random, *, rooms: int, persons: int, shortest: float, prefix: str = ""
) -> list[Room]:
    """Make accounts and rooms. The last person of each room has a second tab, the second comes with a cookie."""
    made = []
    async with Manager(site.servers.database_url, max_size=4) as manager:
        manager.bind([User])
        await manager.execute("UPDATE site SET set_up_at = now(), registration = 'open'")
        for number in range(rooms):
            slug = f"{prefix}room{number}"
            people = [
                await _person(site, manager, f"{prefix}p{number}x{place}", with_cookie=place == 1)
                for place in range(persons)
            ]
            await _make_room(site, people[0], slug)
            clients = []
            for place, person in enumerate([*people, people[-1]]):
                wire = Wire(site.target)
                await wire.open()
                name = f"{person.name}{'b' if place == persons else 'a'}"
                own = random.Random(rng.random())
                clients.append(Client(name, person, slug, wire, book, own, shortest))
            made.append(Room(slug, clients))
    return made


async def _person(site: Site, manager: Manager, name: str, *, with_cookie: bool) -> Person:
    if not with_cookie:
        user = await register(manager, name, None, is_bot=True)
        return Person(
            user.id, name, {"Authorization": f"Bearer {await create_token(manager, user.id, 'chaos')}"}
        )
    user = await register(manager, name, PASSWORD)
    return Person(user.id, name, {"Cookie": await sign_in(site, name)})


async def sign_in(site: Site, name: str) -> str:
    """Come in by the front door; the cookie."""
    host, port = site.target()
    base = f"http://{host}:{port}"
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(f"{base}/login") as page:
            found = CSRF.search(await page.text())
        assert found is not None, "the page has no form"
        fields = {"csrf": found[1], "name": name, "password": PASSWORD}
        async with session.post(
            f"{base}/login", data=fields, headers={"Origin": base}, allow_redirects=False
        ) as answer:
            assert answer.status == 303, await answer.text()
        return "; ".join(f"{cookie.key}={cookie.value}" for cookie in jar)


async def _make_room(site: Site, owner: Person, slug: str) -> None:
    host, port = site.target()
    async with (
        aiohttp.ClientSession(headers=owner.headers) as session,
        session.post(f"http://{host}:{port}/api/rooms", json={"slug": slug}) as answer,
    ):
        assert answer.status == 201, await answer.text()

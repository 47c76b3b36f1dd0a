"""What the contract says of several processes, asked of several processes, each at the same moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import psycopg
import pytest

from chaos import clock
from chaos.checker import present
from chaos.client import PROTOCOL, Person
from chaos.site import Site
from chat.policy import Role
from tests.chaos.conftest import PACE, PATIENCE, Play, folder_for_sockets, play_at

pytestmark = pytest.mark.timeout(120)

EIGHT_DAYS, AN_HOUR = 8 * 86_400, 3600


class Caller:
    """One person, who asks whichever process they are told to."""

    def __init__(self, play: Play, person: Person, session: aiohttp.ClientSession) -> None:
        self.person = person
        self._play = play
        self._session = session

    async def posts(self, text: str, *, at: int, nonce: str | None = None) -> tuple[int, dict[str, Any]]:
        """Say or command something at one process: the status and the answer."""
        port, body = self._play.site.processes[at].port, {"text": text}
        if nonce is not None:
            body["nonce"] = nonce
        url = f"http://127.0.0.1:{port}/api/rooms/{self._play.room.slug}/messages"
        async with self._session.post(url, json=body) as answer:
            return answer.status, await answer.json()

    async def refusal(self, text: str, *, at: int) -> str:
        """The code with which this is refused; empty where it is not."""
        _, answer = await self.posts(text, at=at)
        return str(answer.get("error", {}).get("code", ""))

    @asynccontextmanager
    async def socket(self, *, at: int) -> AsyncIterator[aiohttp.ClientWebSocketResponse[Any]]:
        """A socket at one process, greeted."""
        port = self._play.site.processes[at].port
        url = f"http://127.0.0.1:{port}/rooms/{self._play.room.slug}/ws"
        async with self._session.ws_connect(url, protocols=[PROTOCOL]) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            yield socket


@asynccontextmanager
async def callers_in(play: Play) -> AsyncIterator[list[Caller]]:
    """Everybody of the room who has a token, the owner first."""
    people = list({client.person.id: client.person for client in play.clients}.values())
    programs = [person for person in people if "Authorization" in person.headers]
    sessions = [aiohttp.ClientSession(headers=person.headers) for person in programs]
    try:
        yield [Caller(play, person, session) for person, session in zip(programs, sessions, strict=True)]
    finally:
        for session in sessions:
            await session.close()


@pytest.fixture
async def callers(site: Site) -> AsyncIterator[tuple[Play, list[Caller]]]:
    async with play_at(site, persons=4) as play, callers_in(play) as found:
        yield play, found


async def test_one_nonce_at_once_on_two_processes_is_one_message(callers: tuple[Play, list[Caller]]) -> None:
    play, (owner, *_) = callers
    numbers = set()
    for round_ in range(20):
        said = f"{play.room.slug} twin {round_}"
        answers = await asyncio.gather(*(owner.posts(said, at=at, nonce=f"twin-{round_}") for at in (0, 1)))
        assert sorted(status for status, _ in answers) == [200, 201]
        assert sorted(answer.get("duplicate", False) for _, answer in answers) == [False, True]
        [number] = {answer["seq"] for _, answer in answers}
        numbers.add(number)
    assert len(numbers) == 20
    await play.is_well()


async def test_one_nonce_at_once_on_two_processes_is_one_act(callers: tuple[Play, list[Caller]]) -> None:
    play, (owner, *_) = callers
    for round_ in range(10):
        asked = f"/topic {play.room.slug} {round_}"
        answers = await asyncio.gather(*(owner.posts(asked, at=at, nonce=f"act-{round_}") for at in (0, 1)))
        assert answers[0][1]["seq"] == answers[1][1]["seq"]
        assert sorted(answer.get("duplicate", False) for _, answer in answers) == [False, True]
    with psycopg.connect(play.site.servers.database_url) as line:
        topics = line.execute(
            "SELECT count(*) FROM messages m JOIN rooms r ON r.id = m.room_id WHERE slug = %s AND m.kind = 'topic'",
            [play.room.slug],
        ).fetchone()
    assert topics == (10,)


async def test_of_two_owners_who_step_down_at_once_one_stays(callers: tuple[Play, list[Caller]]) -> None:
    play, (first, second, *_) = callers
    for _ in range(8):
        for caller in (first, second):
            _ranks(play, caller.person, Role.OWNER)
        refused = await asyncio.gather(
            *(
                caller.refusal(f"/deop {caller.person.name}", at=at)
                for at, caller in enumerate((first, second))
            )
        )
        assert sorted(refused) == ["", "last_owner"]
        assert _owners(play) == {(first, second)[refused.index("last_owner")].person.id}


async def test_a_moderator_demoted_at_one_process_cannot_act_at_another_a_moment_later(
    callers: tuple[Play, list[Caller]],
) -> None:
    _, (owner, moderator, other, *_) = callers
    async with moderator.socket(at=1) as socket:
        for round_ in range(5):
            numbers = [(await other.posts(f"words {round_} {count}", at=0))[1]["seq"] for count in range(2)]
            assert await owner.refusal(f"/op {moderator.person.name}", at=0) == ""
            assert await _removes(socket, numbers[0]) == ""
            assert await owner.refusal(f"/deop {moderator.person.name}", at=0) == ""
            assert await _removes(socket, numbers[1]) == "no_permission"
            assert await moderator.refusal(f"/kill {other.person.name}", at=1) == "no_permission"


async def _removes(socket: aiohttp.ClientWebSocketResponse[Any], target: int) -> str:
    """Remove somebody else's words: the code with which that is refused; empty where it is not."""
    nonce = f"remove-{target}"
    await socket.send_json({"type": "remove", "nonce": nonce, "target": target})
    return await _code_of(socket, nonce)


async def _code_of(socket: aiohttp.ClientWebSocketResponse[Any], nonce: str) -> str:
    """How a request was refused; empty where it was not."""
    async with asyncio.timeout(30):
        while True:
            frame = await socket.receive_json()
            if frame.get("nonce") == nonce and frame["type"] in ("error", "ack"):
                return str(frame.get("code", ""))


def _ranks(play: Play, person: Person, role: Role) -> None:
    with psycopg.connect(play.site.servers.database_url) as line:
        line.execute(
            "UPDATE memberships m SET role = %s FROM rooms r WHERE r.id = m.room_id AND slug = %s AND user_id = %s",
            [int(role), play.room.slug, person.id],
        )


def _owners(play: Play) -> set[int]:
    with psycopg.connect(play.site.servers.database_url) as line:
        return {
            user_id
            for (user_id,) in line.execute(
                "SELECT user_id FROM memberships m JOIN rooms r ON r.id = m.room_id WHERE slug = %s AND role = %s",
                [play.room.slug, int(Role.OWNER)],
            )
        }


needs_clocks = pytest.mark.skipif(
    clock.library() is None, reason=f"{clock.MISSING} (Debian: apt install libfaketime)"
)


@needs_clocks
async def test_processes_whose_clocks_are_an_hour_off_write_the_time_of_the_database(
    callers: tuple[Play, list[Caller]],
) -> None:
    """One is an hour early, one an hour late: nothing in the log is, nobody is silent for longer, nobody seems gone."""
    play, (owner, other, *_) = callers
    try:
        # The first one begins to sweep while the other starts, and goes on with it.
        await _shift(play.site, AN_HOUR, -AN_HOUR)
        await play.world.recovered(asyncio.get_running_loop().time())
        before = len(_times(play))
        for at in (0, 1):
            for asked in (
                f"words at {at}",
                f"/topic {play.room.slug} at {at}",
                f"/mute {other.person.name} 10m",
            ):
                assert await owner.refusal(asked, at=at) == "", asked
            assert timedelta(minutes=9) < _muted_for(play, other.person) <= timedelta(minutes=10)
            assert await owner.refusal(f"/unmute {other.person.name}", at=at) == ""
        times = _times(play)
        assert times == sorted(times)
        assert len(times) >= before + 8
        assert times[-1] - times[0] < timedelta(minutes=10)
        # Sweeps, and a renewal of every mark: who looked at a clock of their own would call the others gone.
        await asyncio.sleep(120 / PACE)
        here = await asyncio.to_thread(present, play.site.servers.database_url)
        assert here[play.room.slug] == {client.person.id for client in play.clients}
        assert _times(play) == times, "nobody came or went meanwhile"
    finally:
        await _shift(play.site, 0, 0)


async def _shift(site: Site, *shifts: int) -> None:
    for process, shift in zip(site.processes, shifts, strict=True):
        await process.stop()
        process.shift = shift
        await process.start()


def _times(play: Play) -> list[datetime]:
    """When each entry of the room was made, in order of their numbers."""
    with psycopg.connect(play.site.servers.database_url) as line:
        asked = "SELECT at FROM messages m JOIN rooms r ON r.id = m.room_id WHERE slug = %s ORDER BY seq"
        return [at for (at,) in line.execute(asked, [play.room.slug])]


def _muted_for(play: Play, person: Person) -> timedelta:
    with psycopg.connect(play.site.servers.database_url) as line:
        asked = "SELECT muted_until - now() FROM memberships m JOIN rooms r ON r.id = m.room_id "
        asked += "WHERE slug = %s AND user_id = %s"
        ((left,),) = line.execute(asked.encode(), [play.room.slug, person.id]).fetchall()
        assert isinstance(left, timedelta)
        return left


@needs_clocks
async def test_a_nonce_is_remembered_when_everything_starts_again_eight_days_later() -> None:
    """Every clock of the site has moved on: PostgreSQL's, Redis's, the processes'."""
    with folder_for_sockets() as folder:
        site = Site(
            folder, random.Random(1), processes=2, pace=PACE, queue=60, patience=PATIENCE, durable=False
        )
        try:
            await site.open()
            async with play_at(site) as play, callers_in(play) as (owner, *_):
                words, act = f"{play.room.slug} long ago", f"/topic {play.room.slug}"
                said, done = (
                    await owner.posts(words, at=0, nonce="n-1"),
                    await owner.posts(act, at=0, nonce="n-2"),
                )
                assert (said[0], done[0]) == (201, 200)
                await _moves_on(site)
                assert await _hours_passed(site) >= 8 * 24
                for at in (0, 1):
                    again = await owner.posts(words, at=at, nonce="n-1")
                    assert again == (200, said[1] | {"duplicate": True})
                    assert await owner.posts(act, at=at, nonce="n-2") == (200, done[1] | {"duplicate": True})
                    for nonce, other in (("n-1", "other words"), ("n-2", "/topic other"), ("n-1", act)):
                        status, refused = await owner.posts(other, at=at, nonce=nonce)
                        assert (status, refused["error"]["code"]) == (409, "nonce_conflict")
                await play.world.recovered(asyncio.get_running_loop().time())
                assert play.book.errors["http 401"] == 0, "nobody is signed out after a week"
        finally:
            await site.close()


async def _moves_on(site: Site) -> None:
    for process in site.processes:
        await process.stop()
        process.shift = EIGHT_DAYS
    for name, how in (("postgres", "fast"), ("valkey", "politely")):
        await site.servers.order("stop", name, how)
        await site.servers.order("start", name, str(EIGHT_DAYS))
    for process in site.processes:
        await process.start()


async def _hours_passed(site: Site) -> float:
    """Between the first entry of all and PostgreSQL's present."""
    async with await psycopg.AsyncConnection.connect(site.servers.database_url) as line:
        asked = await line.execute("SELECT extract(epoch FROM now() - min(at)) / 3600 FROM messages")
        row = await asked.fetchone()
        assert row is not None
        return float(row[0])

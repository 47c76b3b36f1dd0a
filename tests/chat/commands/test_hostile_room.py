"""An hour in a hostile room of two hundred, in a few seconds: a raid, insults, a rogue moderator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from aiohttp import WSServerHandshakeError
from pytest_aiohttp import AiohttpClient

from aiochat.settings import Settings
from chat import node as nodes
from chat.pace import Pace
from tests.people import House, Person, Refused, opened_house

MEMBERS = 140
RAIDERS = 60


@pytest.fixture
async def house(
    settings: Settings,
    aiohttp_client: AiohttpClient,
    quick_passwords: None,
    nothing_fails: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    """A site that lets nobody go for their silence: most here only listen, and are asked at the end what they heard."""
    monkeypatch.setattr(nodes, "Pace", partial(Pace, silence=3600))
    async with opened_house(settings, aiohttp_client) as opened:
        yield opened


async def _crowd(house: House, prefix: str, many: int) -> list[Person]:
    """So many accounts, each with a program of its own in the lobby."""
    rows = await house.node.manager.rows(
        "INSERT INTO users (name, name_key) SELECT %s || n, %s || n FROM generate_series(1, %s) n RETURNING id, name",
        prefix,
        prefix,
        many,
    )
    crowd = [await house.program(Person(house._people[0].client, name, user_id)) for user_id, name in rows]
    for start in range(0, many, 20):
        await asyncio.gather(*map(_come, crowd[start : start + 20]))
    return crowd


async def _come(person: Person) -> None:
    while True:
        try:
            await person.enters()
        except WSServerHandshakeError as refused:
            # Where all is slow, some of so many are asked to come again.
            if refused.status != 503:
                raise
        else:
            return


async def _try(person: Person, text: str) -> str:
    nonce = person.tab.nonce()
    while True:
        try:
            await person.says(text, nonce=nonce)
        except Refused as refused:
            # A slow machine may take longer for so many at once than anybody waits for an answer.
            if refused.code != "unavailable":
                return str(refused.code)
        except ConnectionError:
            return "gone"
        else:
            return "said"


async def _does(person: Person, *lines: str) -> list[str]:
    answers = [await person.says(line) for line in lines]
    return [answer.text or "" for answer in answers]


@pytest.fixture
async def members(house: House, mona: Person, olga: Person) -> list[Person]:
    """Most of the room; mona and olga are there before them."""
    await mona.enters()
    await olga.enters()
    return await _crowd(house, "member", MEMBERS)


@pytest.mark.timeout(600)
async def test_a_moderator_runs_a_hostile_room_from_the_keyboard(
    members: list[Person], mona: Person, olga: Person, house: House
) -> None:
    ann, rude, rick = members[:3]
    calm = await ann.says("what a calm evening")

    # A raid: sixty at once. One line stops it, four more clean up.
    raiders = await _crowd(house, "raider", RAIDERS)
    assert set(await asyncio.gather(*(_try(one, f"SPAM {one.name}") for one in raiders))) == {"said"}
    await _does(mona, "/lock a raid")
    assert set(await asyncio.gather(*(_try(one, "MORE SPAM") for one in raiders))) == {"locked"}
    assert await _try(ann, "help") == "locked"
    leaders = raiders[:3]
    for leader in leaders:
        (told,) = await _does(mona, f"/ban {leader.name} 30d --purge all raid")
        assert "1 message of theirs is hidden" in told
        assert await leader.tab.is_closed() == 4503
        assert (await leader.knocks()).refusal.code == "banned"
    (told,) = await _does(mona, "/purge 57")
    assert told.startswith("Removed 57 messages.")
    await _does(mona, "/moderated on", f"/voice {ann.name}", "/unlock")
    assert await _try(ann, "thank you") == "said"
    assert set(await asyncio.gather(*(_try(one, "AGAIN") for one in raiders[3:]))) == {"not_voiced"}
    assert "SPAM" not in (await mona.opens("/rooms/lobby")).text
    assert "what a calm evening" in (await mona.opens(f"/rooms/lobby?at={calm.seq}")).text
    await _does(mona, "/moderated off", "/slowmode 1h")

    # Insults: reported by the one they are meant for, taken away, and silence for a while.
    insult = await rude.says("you are all fools")
    await ann.says(f"/report {insult.seq} rude")
    assert f"?at={insult.seq}" in (await _does(mona, "/reports"))[0]
    await mona.tab.asks("remove", target=insult.seq)
    await _does(mona, f"/mute {rude.name} 30m mind your words", f"/resolve {insult.seq}")
    assert (await rude.hears("muted")).reason == "mind your words"
    assert await _try(rude, "fools!") == "muted"
    assert await _try(rude, "/me is angry") == "muted"
    await _does(mona, "/slowmode off")

    # A rogue moderator: what he could do in a minute, an owner takes back in a minute.
    await _does(olga, f"/op {rick.name}")
    await rick.hears("role")
    victims = members[10:15]
    for victim in victims:
        await _does(rick, f"/ban {victim.name} 30d haha")
    await _does(rick, "/purge 1", "/topic RICK WAS HERE", f"/mute {ann.name} 9d")
    assert await _try(rick, "/ban mona") == "rank"
    assert await _try(rick, "/deop olga") == "no_permission"
    await _does(olga, f"/deop {rick.name}")
    assert await _try(rick, "/ban member50") == "no_permission"
    assert await _try(rick, "/undo") == "no_permission"
    undone = [(await olga.says(f"/undo {rick.name}")).text for _ in range(8)]
    assert undone[0] == f"Undone: @{ann.name} may speak again."
    assert await _try(olga, f"/undo {rick.name}") == "nothing_to_undo"
    await _does(olga, f"/ban {rick.name} forever rogue")
    assert await rick.tab.is_closed() == 4503
    for victim in victims:
        assert (await victim.enters()).you.role == "member"
    assert await _try(ann, "it is calm again") == "said"
    assert "Everybody comes in here." in (await _does(ann, "/topic"))[0]

    # In the end: it is all in the log of moderation, and everybody who stayed has heard the same, without a gap.
    log = (await _does(olga, "/log 100"))[0].split("\n")
    assert len([line for line in log if line.endswith("· undone by olga")]) == 8
    assert any(line.endswith("· mona · /lock a raid") for line in log)
    last = await olga.says("good night")
    heard = {tuple(await _numbers(one, last.seq)) for one in (*members[20:60], *raiders[20:40])}
    for numbers in heard:
        assert list(numbers) == list(range(numbers[0], last.seq + 1))


async def _numbers(person: Person, upto: int) -> list[int]:
    await person.tab.settles()
    numbers = [frame.seq for frame in person.tab.unheard if frame.seq and frame.type != "ack"]
    assert numbers[-1] == upto
    return numbers

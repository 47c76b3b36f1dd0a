"""/lock, /unlock, /moderated, /slowmode: who may post, and how often."""

from __future__ import annotations

import asyncio

import pytest

from chat.policy import Role
from tests.people import House, Person, Refused


async def test_in_a_locked_room_only_moderators_post(alice: Person, mona: Person, house: House) -> None:
    await alice.enters()
    await mona.enters()
    answer = await mona.says("/lock until <b>nine</b>", nonce="n-1")
    assert answer.text == "#lobby is locked: only moderators can post. /unlock opens it."
    told = await alice.hears("settings")
    assert (told.changed, told.reason) == ({"switches": {"locked": True}}, "until <b>nine</b>")
    assert (await alice.refused("hi")).code == "locked"
    assert await mona.says("listen")
    assert await alice.hears("message")
    assert (await mona.says("/lock until <b>nine</b>", nonce="n-1")).duplicate
    assert (await mona.refused("/lock")).code == "already"
    assert (await mona.says("/unlock")).text == "#lobby is open again."
    await alice.hears("settings")
    assert await alice.says("hi")
    assert (await house.kinds()).count("settings") == 2


async def test_in_slow_mode_a_member_waits_between_two_posts(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    answer = await mona.says("/slowmode 1h", nonce="n-1")
    assert answer.text == "Everybody waits 1 hour between two posts now. /slowmode off ends it."
    assert (await alice.hears("settings")).changed == {"switches": {"slow_mode": 3600}}
    first = await alice.says("one", nonce="a-1")
    why = await alice.refused("two")
    assert (why.code, why.temporary) == ("rate_limited", True)
    assert 3_590 <= why.retry_after <= 3_600
    assert why.message.startswith("Slow mode: you can post again in ")
    assert (await alice.says("one", nonce="a-1")).seq == first.seq
    assert await bob.says("mine")
    for number in range(3):
        assert await mona.says(f"as often as I like {number}")
    assert (await mona.says("/slowmode 1h", nonce="n-1")).duplicate
    assert (await mona.refused("/slowmode 1h")).code == "already"
    await mona.says("/slowmode 1m")
    await house.marks(alice, "spoke_at = now() - interval '61 s'")
    assert await alice.says("two")
    assert (await alice.refused("three")).retry_after <= 60
    assert (await mona.says("/slowmode off")).text == "Nobody has to wait between two posts any more."
    assert await alice.says("three")
    assert (await mona.refused("/slowmode off")).code == "not_set"


async def test_in_slow_mode_the_pause_is_counted_from_what_was_accepted(
    alice: Person, mona: Person, house: House
) -> None:
    await alice.enters()
    await mona.enters()
    await mona.says("/slowmode 1h")
    await mona.says("/lock")
    assert (await alice.refused("too early")).code == "locked"
    await mona.says("/unlock")
    assert await alice.says("one")


async def test_of_many_posts_at_once_one_is_in_time(alice: Person, mona: Person, house: House) -> None:
    """In one batch of the journal and in several, through two processes."""
    await house.opens()
    far = await house.again("alice", alice.id, at=1)
    await mona.enters()
    await mona.says("/slowmode 1h")

    async def says(person: Person, number: int) -> bool:
        answer = await person.posts("/api/rooms/lobby/messages", {"text": f"{number}"})
        assert answer.status in (201, 429)
        return answer.status == 201

    done = await asyncio.gather(*(says((alice, far)[number % 2], number) for number in range(10)))
    assert done.count(True) == 1
    assert (await house.kinds()).count("message") == 1


async def test_of_many_posts_in_one_batch_one_is_in_time(alice: Person, mona: Person, house: House) -> None:
    await mona.enters()
    await mona.says("/slowmode 1h")
    await alice.enters()
    for number in range(10):
        await alice.tab.sends({"type": "say", "nonce": f"n-{number}", "text": f"{number}"})
    await alice.tab.settles()
    said = [frame for frame in await alice.tab.all_heard("ack") if frame.seq]
    assert len(said) == 1
    assert {error.code for error in await alice.tab.all_heard("error")} == {"rate_limited"}


async def test_bots_need_not_wait(alice: Person, mona: Person, house: House) -> None:
    await house.node.manager.execute("UPDATE users SET is_bot = true WHERE id = %s", alice.id)
    await alice.enters()
    await mona.enters()
    await mona.says("/slowmode 1h")
    await alice.says("one")
    assert await alice.says("two")


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/lock", "no_permission"),
        ("alice", "/unlock", "no_permission"),
        ("alice", "/moderated on", "no_permission"),
        ("alice", "/slowmode 5s", "no_permission"),
        ("mona", "/unlock", "not_set"),
        ("mona", "/unlock now", "usage"),
        ("mona", "/moderated", "usage"),
        ("mona", "/moderated maybe", "usage"),
        ("mona", "/moderated off", "not_set"),
        ("mona", "/slowmode", "usage"),
        ("mona", "/slowmode 4s", "usage"),
        ("mona", "/slowmode 7h", "usage"),
        ("mona", "/slowmode 30", "usage"),
        ("mona", "/slowmode off", "not_set"),
    ],
)
async def test_they_are_refused(
    alice: Person, mona: Person, house: House, who: str, line: str, code: str
) -> None:
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert "settings" not in await house.kinds()


async def test_a_rank_of_before_does_not_speak_in_a_locked_room(
    mona: Person, olga: Person, house: House
) -> None:
    await olga.enters()
    await mona.enters()
    await olga.says("/lock")
    assert await mona.says("still")
    await olga.says("/deop mona")
    with pytest.raises(Refused):
        await mona.says("no more")
    await house.ranks(mona, Role.MODERATOR)

"""What owners type: /rename, /private, /public, /archive, /welcome, /destroy."""

from __future__ import annotations

import asyncio
import re

import pytest

from chat.bin import empty, put_back
from chat.epoch import HEADS
from chat.errors import NoSuchRoom, SlugTaken
from chat.policy import Role
from tests.people import House, Person

CODE = re.compile(r"To confirm: .*?\b([A-Z2-7]{4})\b.* \(\d+ s\)\.\Z")


async def code_for(person: Person, line: str) -> str:
    """What is asked for before this is done."""
    why = await person.refused(line)
    assert why.code == "confirm_required"
    found = CODE.search(why.message)
    assert found is not None, why.message
    return found[1]


# -- /rename ----------------------------------------------------------------------------------------------------


async def test_the_old_address_leads_to_the_new_one(alice: Person, olga: Person, house: House) -> None:
    await alice.enters()
    await olga.enters()
    answer = await olga.says("/rename Demo  Night", nonce="n-1")
    assert answer.text == "This room is Demo Night now, at /rooms/demo-night"
    assert (await alice.hears("settings")).changed == {"slug": "demo-night", "title": "Demo Night"}
    assert (await olga.says("/rename Demo  Night", nonce="n-1")).duplicate
    old = await alice.opens("/rooms/lobby?before=3")
    assert (old.status, old.leads_to) == (303, "/rooms/demo-night?before=3")
    assert (await alice.enters("demo-night")).room.title == "Demo Night"
    assert (await olga.says("/undo")).text
    assert (await alice.opens("/rooms/demo-night")).leads_to == "/rooms/lobby"


async def test_an_old_address_of_a_private_room_is_told_to_no_stranger(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await olga.enters("cellar")
    await olga.says("/rename vault")
    for slug in ("cellar", "vault", "nowhere"):
        assert (await alice.opens(f"/rooms/{slug}")).status == 404


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("mona", "/rename other", "no_permission"),
        ("mona", "/private", "no_permission"),
        ("mona", "/archive", "no_permission"),
        ("mona", "/destroy lobby", "no_permission"),
        ("mona", "/welcome hi", "no_permission"),
        ("mona", "/allowinvite on", "no_permission"),
        ("olga", "/rename", "usage"),
        ("olga", "/rename a\nb", "usage"),
        ("olga", "/rename lobby", "already"),
        ("olga", "/rename garden", "conflict"),
        ("olga", "/rename oldname", "conflict"),
        ("olga", "/rename new", "bad_slug"),
        ("olga", "/rename !!!", "bad_slug"),
        ("olga", "/rename " + "x" * 65, "too_long"),
        ("olga", "/public", "already"),
        ("olga", "/unarchive", "already"),
        ("olga", "/allowinvite", "usage"),
        ("olga", "/allowinvite maybe", "usage"),
        ("olga", "/welcome " + "x" * 501, "too_long"),
        ("olga", "/destroy", "usage"),
        ("olga", "/destroy nowhere", "no_such_room"),
        ("olga", "/destroy garden", "not_a_member"),
    ],
)
async def test_what_cannot_be_set_is_refused(
    mona: Person, olga: Person, house: House, who: str, line: str, code: str
) -> None:
    garden = await house.room("garden", await house.person("gus"))
    await house.node.manager.execute(
        "INSERT INTO room_slugs (slug, room_id) VALUES ('oldname', %s)", garden.id
    )
    actor = {"mona": mona, "olga": olga}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert "settings" not in await house.kinds()


# -- /private, /public, /archive ----------------------------------------------------------------------------------


async def test_a_private_room_is_no_such_room_to_strangers_and_opens_by_a_code(
    alice: Person, olga: Person, house: House
) -> None:
    carol = await house.person("carol")
    await alice.enters()
    await olga.enters()
    await olga.says("hi")
    answer = await olga.says("/private", nonce="n-1")
    assert answer.text == "#lobby is private now: only an invitation brings people in."
    assert (await alice.hears("settings")).changed == {"switches": {"private": True}}
    assert (await olga.says("/private", nonce="n-1")).duplicate
    assert (await olga.refused("/private")).code == "already"
    strange, none = await carol.knocks("lobby"), await carol.knocks("nowhere")
    assert (strange.status, strange.text) == (none.status, none.text)
    await alice.says("still here")
    code = await code_for(olga, "/public")
    assert await code_for(olga, "/public") == code, "within a minute it is the same"
    assert await code_for(olga, "/public WRNG") == code
    done = await olga.says(f"/public {code.lower()}", nonce="n-2")
    assert done.text == "#lobby is public now: everybody here may come in and read."
    assert (await olga.says(f"/public {code.lower()}", nonce="n-2")).duplicate
    assert (await carol.enters()).you.role == "member"


async def test_a_code_runs_out_and_is_good_once_for_one_person_and_one_room(
    mona: Person, olga: Person, house: House
) -> None:
    await house.ranks(mona, Role.OWNER)
    await house.sets({"private": True})
    await house.room("cellar", olga, private=True)
    await olga.enters()
    await mona.enters()
    await olga.enters("cellar")
    code = await code_for(olga, "/public")
    assert (await mona.refused(f"/public {code}")).code == "confirm_required"
    for key in [key async for key in house.node.redis.scan_iter("aiochat:{confirm}:*")]:
        if not bytes(key).endswith(b":was"):
            await house.node.redis.delete(key)
    assert (await olga.refused(f"/public {code}")).code == "confirm_expired"
    fresh = await code_for(olga, "/public")
    assert fresh != code
    await olga.says(f"/public {fresh}")
    await olga.says("/private")
    assert (await olga.refused(f"/public {fresh}")).code in ("confirm_required", "confirm_expired")


async def test_an_archived_room_is_read_and_nothing_else(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    await alice.says("before")
    assert (await olga.says("/archive", nonce="n-1")).text.startswith("#lobby is archived")
    assert (await olga.says("/archive", nonce="n-1")).duplicate
    await alice.hears("settings")
    for line in ("after", "/me waves", "/edit other", "/delete"):
        assert (await alice.refused(line)).code == "archived"
    assert "before" in (await alice.opens("/rooms/lobby")).text
    assert (await olga.refused("/archive")).code == "already"
    await olga.says("/unarchive")
    await alice.hears("settings")
    assert (await alice.says("after")).seq


# -- /welcome ---------------------------------------------------------------------------------------------------


async def test_newcomers_are_greeted_once_and_alone(alice: Person, olga: Person, house: House) -> None:
    await olga.enters()
    assert (await olga.says("/welcome")).text.startswith("Newcomers are not greeted.")
    await olga.says("/welcome Say <b>who</b> you are,\nthen ask.", nonce="n-1")
    assert (await olga.says("/welcome Say <b>who</b> you are,\nthen ask.", nonce="n-1")).duplicate
    carol = await house.person("carol")
    await carol.enters()
    assert (await carol.hears("notice")).text == "Say <b>who</b> you are,\nthen ask."
    await carol.enters()
    assert not await carol.tab.has_heard("notice")
    await alice.enters()
    assert not await alice.tab.has_heard("notice")
    await olga.enters()
    assert (await olga.says("/welcome")).text == "Say <b>who</b> you are,\nthen ask."
    assert (await olga.says("/welcome clear")).text == "Newcomers are not greeted any more."


# -- /destroy ---------------------------------------------------------------------------------------------------


async def test_a_destroyed_room_is_gone_for_everybody_at_once(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await house.opens()
    there = await house.again("bob", bob.id, at=1)
    room = await house.room("garden", olga)
    await house.room("study", olga)
    for person in (alice, there):
        await person.enters("garden")
        await person.hears("joined", user=person.name)
    await alice.says("roses")
    await house.node.redis.hset(HEADS, str(room.id), 5)
    await olga.enters("study")
    why = await olga.refused("/destroy #garden")
    assert why.message.startswith(
        "This deletes #garden and its 1 message, after 7 days in the bin for good. To confirm: "
    )
    code = await code_for(olga, "/destroy #garden")
    answer = await olga.says(f"/destroy #garden {code}", nonce="n-1")
    assert answer.text.startswith("#garden is gone: 1 message. It rests in the bin until ")
    assert [await person.tab.is_closed() for person in (alice, there)] == [4504, 4504]
    assert (await alice.hears("settings")).changed["destroyed"] is True
    for person in (alice, there, olga):
        assert (await person.opens("/rooms/garden")).status == 404
        assert (await person.opens(f"/rooms/~{room.id}")).status == 404
        assert (await person.gets("/api/rooms/garden/messages")).status == 404
        assert "garden" not in (await person.opens("/rooms")).text
    assert (await olga.refused(f"/destroy #garden {code}")).code == "no_such_room"
    assert await house.node.redis.hget(HEADS, str(room.id)) is None
    assert (await house.room("garden", alice)).id != room.id, "its address is free"


async def test_after_a_week_nothing_of_it_is_left_and_nothing_of_others_is_lost(
    olga: Person, house: House
) -> None:
    room = await house.room("garden", olga)
    await olga.enters("garden")
    await olga.says("roses")
    code = await code_for(olga, "/destroy garden")
    await olga.tab.sends({"type": "say", "nonce": "n-1", "text": f"/destroy garden {code}"})
    assert await olga.tab.is_closed() == 4504
    manager = house.node.manager
    assert await empty(manager, house.node.redis) == 0
    count = "SELECT (SELECT count(*) FROM messages WHERE room_id = %s) + (SELECT count(*) FROM rooms WHERE id = %s)"
    assert await manager.value(count, room.id, room.id) > 1
    await manager.execute("UPDATE binned_rooms SET until = now() - interval '1 s'")
    emptied = await asyncio.gather(empty(manager, house.node.redis), empty(manager, house.node.redis))
    assert sum(emptied) == 1
    assert await manager.value(count, room.id, room.id) == 0
    assert await house.kinds() == ["added"]


async def test_within_the_week_a_room_comes_back_as_it_was(
    olga: Person, mona: Person, alice: Person, house: House
) -> None:
    await olga.enters()
    await olga.says("/rename garden")
    await mona.enters("garden")
    await mona.says("roses")
    code = await code_for(olga, "/destroy garden")
    done = await olga.posts("/api/rooms/garden/messages", {"text": f"/destroy garden {code}"})
    assert done.status == 200
    manager = house.node.manager
    other = await house.room("garden", alice)
    with pytest.raises(SlugTaken):
        await put_back(manager, "garden")
    await manager.execute("UPDATE rooms SET slug = 'hedge' WHERE id = %s", other.id)
    await put_back(manager, "garden")
    assert (await olga.enters("garden")).you.role == "owner"
    assert (await mona.enters("garden")).you.role == "moderator"
    assert "roses" in (await alice.opens("/rooms/garden")).text
    assert (await alice.opens("/rooms/lobby")).leads_to == "/rooms/garden"
    assert (await mona.says("thorns")).seq
    with pytest.raises(NoSuchRoom):
        await put_back(manager, "garden")


async def test_what_is_set_in_one_process_holds_in_the_other(
    alice: Person, olga: Person, house: House
) -> None:
    await house.opens()
    there = await house.again("olga", olga.id, at=1)
    await alice.enters()
    await there.enters()
    await there.says("/archive")
    assert (await alice.posts("/api/rooms/lobby/messages", {"text": "hi"})).refusal.code == "archived"
    await there.says("/unarchive")
    await there.says("/rename garden")
    await alice.hears("settings", changed={"slug": "garden", "title": "garden"})
    assert (await alice.says("here still")).seq
    assert (await alice.opens("/rooms/lobby")).leads_to == "/rooms/garden"
    code = await code_for(there, "/destroy garden")
    done = await olga.posts("/api/rooms/garden/messages", {"text": f"/destroy garden {code}"})
    assert done.status == 200, "a code of one process is known in the other"
    assert await alice.tab.is_closed() == 4504

"""/undo: the way back from a ban, a mute, a removal, a rank, a topic."""

from __future__ import annotations

import pytest

from chat.policy import Role
from tests.people import House, Person


async def test_an_undone_ban_gives_back_membership_and_rank(
    mona: Person, bob: Person, olga: Person, house: House
) -> None:
    await bob.enters()
    await olga.enters()
    banned = await olga.says("/ban mona 1h by mistake")
    assert (await olga.says("/undo", nonce="n-1")).text == "Undone: @mona may come back."
    undone = await bob.hears("undone")
    assert (undone.target, undone.act) == (banned.seq, "banned")
    assert await bob.hears("unbanned", user="mona")
    assert (await bob.hears("role", user="mona")).role == "moderator"
    assert (await mona.enters()).you.role == "moderator"
    assert (await olga.says("/undo", nonce="n-1")).duplicate
    assert (await olga.refused("/undo")).code == "nothing_to_undo"


async def test_an_undone_longer_ban_leaves_the_shorter_one(alice: Person, mona: Person) -> None:
    await mona.enters()
    await mona.says("/ban alice 1h spam")
    await mona.says("/ban alice 9d worse")
    assert (await mona.says("/undo")).text == "Undone: @alice is banned as before."
    assert (await mona.says("/banlist")).text.endswith("by mona: spam")
    await mona.says("/undo")
    assert await alice.enters()


async def test_an_undone_mute_is_over_or_as_before(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    await mona.says("/mute alice 1m once")
    await mona.says("/mute alice 1d twice")
    assert (await mona.says("/undo")).text == "Undone: @alice is muted as before."
    await alice.hears("muted", reason="twice")
    await alice.hears("muted", reason="once")
    assert (await alice.refused("hi")).retry_after <= 60
    assert (await mona.says("/undo")).text == "Undone: @alice may speak again."
    await alice.hears("unmuted")
    assert await alice.says("hi")


async def test_what_another_act_has_overtaken_is_passed_over(alice: Person, mona: Person) -> None:
    await mona.enters()
    await mona.says("/topic Tea")
    await mona.says("/mute alice")
    await mona.says("/unmute alice")
    assert (await mona.says("/undo")).text == "Undone: the topic is what it was."


@pytest.mark.parametrize("line", ["/delete {seq}", "/purge 1"])
async def test_words_that_were_cleared_since_do_not_come_back_one_by_one(
    alice: Person, mona: Person, olga: Person, line: str
) -> None:
    for person in (alice, mona, olga):
        await person.enters()
    said = await alice.says("a password")
    await mona.says(line.format(seq=said.seq))
    await olga.says("/clear")
    assert (await mona.refused("/undo")).code == "nothing_to_undo"
    assert not await alice.tab.has_heard("undone")
    await olga.says("/undo")
    assert (await mona.says("/undo")).text == "Undone: 1 message back."


async def test_what_others_decided_since_is_not_undone(
    alice: Person, bob: Person, mona: Person, olga: Person, house: House
) -> None:
    await house.ranks(mona, Role.OWNER)
    for person in (mona, olga):
        await person.enters()
    for line in ("/ban bob 1h", "/topic Tea", "/history-from join", "/mute alice 1h"):
        await mona.says(line)
    overtaking = ("/ban bob 30d", "/topic Coffee", "/history-from all", "/mute alice 1d")
    for line in overtaking:
        await olga.says(line)
    assert (await mona.refused("/undo")).code == "nothing_to_undo"
    for _ in overtaking:
        await olga.says("/undo")
    # What overtook them is undone itself: they are the newest again.
    assert (await mona.says("/undo")).text == "Undone: @alice may speak again."


async def test_who_stepped_down_and_was_banned_since_is_no_owner_again(
    mona: Person, olga: Person, house: House
) -> None:
    await house.ranks(mona, Role.OWNER)
    await mona.posts("/api/rooms/lobby/messages", {"text": "/deop mona"})
    for line in ("/ban mona 1h", "/unban mona"):
        await olga.posts("/api/rooms/lobby/messages", {"text": line})
    await mona.enters()
    assert (await mona.refused("/undo")).code in ("nothing_to_undo", "no_permission")
    assert (await mona.refused("/clear")).code == "no_permission"


async def test_a_topic_comes_back(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    await mona.says("/topic Tea")
    await mona.says("/undo")
    assert (await alice.hears("topic", topic="Everybody comes in here.")).by.name == "mona"
    assert "Everybody comes in here." in (await mona.says("/topic")).text


async def test_a_removed_message_comes_back_with_its_words(alice: Person, bob: Person, mona: Person) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    said = await alice.says("good *words*")
    await mona.tab.asks("remove", target=said.seq)
    assert (await alice.refused("/undo")).code == "nothing_to_undo"
    assert (await mona.says("/undo")).text == "Undone: 1 message back."
    undone = await bob.hears("undone")
    assert (undone.act, undone.message, undone.text) == ("removed", said.seq, "good *words*")
    assert undone.parts
    assert "good" in (await bob.opens("/rooms/lobby")).text


async def test_what_somebody_took_back_themselves_is_theirs_alone(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    said = await alice.says("my password")
    await alice.tab.asks("remove", target=said.seq)
    assert (await olga.refused("/undo alice")).code == "nothing_to_undo"
    assert (await alice.says("/undo")).text == "Undone: 1 message back."


async def test_who_moderates_no_more_takes_nothing_back(alice: Person, mona: Person, olga: Person) -> None:
    await mona.enters()
    await olga.enters()
    await mona.says("/ban alice 1h")
    await olga.says("/deop mona")
    assert (await mona.refused("/undo")).code == "no_permission"
    assert (await olga.says("/undo @mona")).text == "Undone: @alice may come back."


async def test_who_stepped_down_may_think_better_of_it(mona: Person) -> None:
    await mona.enters()
    await mona.says("/deop mona")
    assert (await mona.refused("/ban mona")).code == "no_permission"
    assert (await mona.says("/undo")).text == "Undone: @mona is a moderator again."
    assert (await mona.refused("/ban mona")).code == "self"


async def test_the_last_owner_stays_one(olga: Person, alice: Person, house: House) -> None:
    ade = await house.person("ade", is_admin=True)
    await house.ranks(ade, Role.MEMBER)
    await ade.enters()
    await olga.enters()
    await olga.says("/owner alice")
    await olga.says("/deop olga")
    assert (await ade.refused("/undo nobody")).code == "nothing_to_undo"
    await ade.says("/undo olga")
    assert (await ade.says("/undo olga")).text == "Undone: @alice is a member again."
    assert (await olga.refused("/deop olga")).code == "last_owner"


@pytest.mark.parametrize("line", ["/ban alice 1h", "/mute alice", "/topic Tea", "/op alice"])
async def test_everything_can_be_undone_for_a_quarter_of_an_hour(
    alice: Person, olga: Person, house: House, line: str
) -> None:
    await olga.enters()
    await olga.says(line)
    await house.node.manager.execute("UPDATE acts SET undo_until = undo_until - interval '15 min'")
    assert (await olga.refused("/undo")).code == "undo_expired"
    await house.node.manager.execute("UPDATE acts SET undo_until = undo_until + interval '14 min'")
    assert await olga.says("/undo")


async def test_a_renamed_room_is_called_and_found_as_before(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    await olga.says("/rename Workshop")
    await alice.hears("settings", changed={"title": "Workshop", "slug": "workshop"})
    assert (await olga.says("/undo")).text == "Undone: the room is as it was."
    assert (await alice.hears("undone")).act == "settings"
    assert (await alice.hears("settings")).changed == {"title": "lobby", "slug": "lobby"}
    assert (await alice.opens("/rooms/lobby")).status == 200
    moved = await alice.opens("/rooms/workshop")
    assert (moved.status, moved.leads_to) == (303, "/rooms/lobby")


async def test_an_archived_room_goes_on(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    await olga.says("/archive")
    await alice.hears("settings")
    assert (await alice.refused("hi")).code == "archived"
    await olga.says("/undo")
    await alice.hears("settings", changed={"switches": {"archived": False}})
    assert await alice.says("hi")


async def test_undo_does_not_open_what_only_a_code_opens(olga: Person) -> None:
    await olga.enters()
    await olga.says("/private")
    assert (await olga.refused("/undo")).code == "nothing_to_undo"


async def test_the_log_of_acts_at_two_processes_is_one(alice: Person, olga: Person, house: House) -> None:
    await house.opens()
    there = await house.again("olga", olga.id, at=1)
    await olga.posts("/api/rooms/lobby/messages", {"text": "/mute alice"})
    answer = await there.posts("/api/rooms/lobby/messages", {"text": "/undo"})
    assert answer.json.notices == ["Undone: @alice may speak again."]

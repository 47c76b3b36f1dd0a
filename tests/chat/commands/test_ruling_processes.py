"""Rules at two processes: true everywhere before the reply, and decided once where two act at the same moment."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from chat.policy import Role
from tests.people import Answer, House, Person


@pytest.fixture
async def anna(house: House, alice: Person) -> Person:
    """Alice again, at another process."""
    await house.opens()
    return await house.again("alice", alice.id, at=1)


@pytest.fixture
async def far(house: House, bob: Person, anna: Person) -> Person:
    """Bob, at the other process."""
    return await house.again("bob", bob.id, at=1)


async def test_a_ban_is_true_everywhere_before_its_reply(
    alice: Person, anna: Person, far: Person, mona: Person, house: House
) -> None:
    for person in (alice, anna, far, mona):
        await person.enters()
    answer = await mona.says("/ban alice 1h bye")
    assert "process" not in answer.text
    for node in house.nodes:
        for channel in node.hub.channels():
            assert alice.id not in {listener.member.user_id for listener in channel.listeners}
    assert await alice.tab.is_closed() == 4503
    assert await anna.tab.is_closed() == 4503
    assert (await far.hears("banned")).reason == "bye"
    said = await mona.says("after")
    assert (await far.hears("message", seq=said.seq)).text == "after"
    assert not [frame for tab in (alice.tab, anna.tab) for frame in tab.unheard if frame.seq == said.seq]
    assert (await anna.knocks()).refusal.code == "banned"


async def test_mute_voice_lock_and_pause_count_at_the_other_process(
    anna: Person, far: Person, mona: Person
) -> None:
    for person in (anna, far, mona):
        await person.enters()
    await mona.says("/mute alice 1h")
    assert (await anna.refused("hi")).code == "muted"
    await mona.says("/unmute alice")
    await anna.hears("unmuted")
    await mona.says("/moderated on")
    assert (await anna.refused("hi")).code == "not_voiced"
    await mona.says("/voice alice")
    assert await anna.says("hi")
    await mona.says("/moderated off")
    await far.hears("settings", changed={"switches": {"moderated": False}})
    await mona.says("/lock")
    assert (await far.refused("hi")).code == "locked"
    await mona.says("/unlock")
    await mona.says("/slowmode 1h")
    await far.hears("settings", changed={"switches": {"slow_mode": 3600}})
    assert await far.says("hi")
    assert (await far.refused("ho")).code == "rate_limited"


async def test_what_is_hidden_pinned_and_brought_back_crosses_over(
    alice: Person, far: Person, mona: Person
) -> None:
    for person in (alice, far, mona):
        await person.enters()
    said = await alice.says("one")
    await mona.says("/pin")
    assert (await far.hears("pinned")).target == said.seq
    await mona.says("/unpin " + str(said.seq))
    assert await far.hears("unpinned")
    await mona.says("/purge 1")
    assert (await far.hears("purged")).targets == [said.seq]
    await mona.says("/undo")
    assert (await far.hears("undone")).act == "purged"
    assert ">one<" in (await far.opens("/rooms/lobby")).text


async def test_an_owner_made_here_rules_there(anna: Person, far: Person, olga: Person) -> None:
    for person in (anna, far, olga):
        await person.enters()
    await olga.says("/owner alice")
    assert (await anna.says("/clear")).text.startswith("Cleared")
    await olga.says("/undo")
    assert (await anna.refused("/clear")).code == "no_permission"
    await olga.says("/transfer bob")
    await far.says("/accept")
    assert (await far.says("/mute olga")).text.startswith("Muted @olga")


@pytest.mark.parametrize(
    "lines",
    [
        ("/ban alice 1h", "/unban alice", "/mute bob", "/unmute bob", "/voice bob", "/devoice bob"),
        ("/lock", "/unlock", "/moderated on", "/moderated off"),
        ("/slowmode 1h", "/slowmode off", "/topic Tea", "/undo"),
    ],
)
async def test_a_command_sent_again_through_another_process_does_nothing_more(
    alice: Person, far: Person, mona: Person, house: House, lines: tuple[str, ...]
) -> None:
    there = await house.again("mona", mona.id, at=1)
    for number, line in enumerate(lines):
        body = {"text": line, "nonce": f"n-{number}"}
        first = await mona.posts("/api/rooms/lobby/messages", body)
        length = len(await house.kinds())
        again = await there.posts("/api/rooms/lobby/messages", body)
        assert (first.status, again.status) == (200, 200), first.text
        assert again.json.duplicate
        # What was said of processes that did not answer is of the moment, and not kept.
        assert first.json.notices[0].startswith(again.json.notices[0])
        assert len(await house.kinds()) == length


async def _at_once(*asked: tuple[Person, str]) -> list[Answer]:
    return await asyncio.gather(
        *(person.posts("/api/rooms/lobby/messages", {"text": line}) for person, line in asked)
    )


@pytest.mark.parametrize("turn", range(3))
async def test_a_ban_and_a_promotion_at_the_same_moment_do_not_both_happen(
    alice: Person, anna: Person, mona: Person, olga: Person, house: House, turn: int
) -> None:
    there = await house.again("mona", mona.id, at=1)
    asked = [(there, "/ban alice 1h"), (olga, "/op alice")]
    answers = await _at_once(*(asked if turn % 2 else reversed(asked)))
    assert min(answer.status for answer in answers) == 200
    assert len([answer for answer in answers if answer.status == 200]) == 1
    kinds = await house.kinds()
    assert ("banned" in kinds) != ("role" in kinds)


async def test_of_two_who_ban_each_other_one_is_left(
    alice: Person, anna: Person, mona: Person, house: House
) -> None:
    """Equals cannot; but an owner and the owner they are just being unmade by could both believe they may."""
    await house.ranks(alice, Role.OWNER)
    ade = await house.person("ade", is_admin=True)
    await house.ranks(ade, Role.MEMBER)
    answers = await _at_once((ade, "/deop alice"), (anna, "/ban mona"))
    assert answers[0].status == 200
    kinds = await house.kinds()
    if "banned" in kinds:
        assert kinds.index("banned") < kinds.index("role")
    else:
        assert answers[1].status == 403


async def test_two_owners_cannot_both_step_down(
    alice: Person, anna: Person, olga: Person, house: House
) -> None:
    await house.ranks(alice, Role.OWNER)
    answers = await _at_once((anna, "/deop alice"), (olga, "/deop olga"))
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_one_act_is_undone_once(alice: Person, anna: Person, mona: Person, house: House) -> None:
    there = await house.again("mona", mona.id, at=1)
    await alice.posts("/api/rooms/lobby/messages", {"text": "one"})
    await mona.posts("/api/rooms/lobby/messages", {"text": "/purge 1"})
    answers = await _at_once((mona, "/undo"), (there, "/undo"))
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert (await house.kinds()).count("undone") == 1


async def test_nobody_speaks_after_the_ban_that_they_race_with(
    alice: Person, anna: Person, mona: Person, house: House
) -> None:
    await anna.enters()

    async def talk() -> None:
        with contextlib.suppress(ConnectionError, AssertionError):
            for number in range(200):
                await anna.tab.sends({"type": "say", "nonce": f"n-{number}", "text": f"{number}"})

    talking = asyncio.create_task(talk())
    banned = (await mona.posts("/api/rooms/lobby/messages", {"text": "/ban alice 1h"})).json
    await talking
    assert await anna.tab.is_closed() in (4503, 4429)
    later = [kind for seq, kind, _ in await house.log() if seq > banned.seq]
    assert "message" not in later

"""/mute, /unmute, /voice, /devoice: who may read but not speak."""

from __future__ import annotations

import pytest

from chat.policy import Role
from tests.people import House, Person


async def test_who_is_muted_reads_on_and_is_told_by_whom_why_and_until_when(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    answer = await mona.says("/mute @alice one <i>link</i> is enough", nonce="n-1")
    assert answer.text.startswith("Muted @alice until ")
    told = await alice.hears("muted")
    assert (told.user.name, told.by.name, told.reason) == ("alice", "mona", "one <i>link</i> is enough")
    assert told.until
    why = await alice.refused("but")
    assert why.code == "muted"
    assert "one <i>link</i> is enough" in why.message
    assert 590 <= why.retry_after <= 600
    for line in ("/me sighs", "//etc"):
        assert (await alice.refused(line)).code == "muted"
    sent = await alice.posts("/api/rooms/lobby/messages", {"text": "but"})
    assert (sent.status, sent.refusal.code) == (403, "muted")
    said = await bob.says("quiet")
    assert (await alice.hears("message", seq=said.seq)).text == "quiet"
    assert (await mona.says("/mute @alice one <i>link</i> is enough", nonce="n-1")).duplicate
    assert (await house.kinds()).count("muted") == 1
    assert (await mona.says("/unmute alice")).text == "@alice may speak again."
    assert (await alice.hears("unmuted")).user.name == "alice"
    assert await alice.says("thank you")


async def test_nobody_sees_a_muted_member_type(alice: Person, bob: Person, mona: Person) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    await mona.says("/mute alice")
    await alice.hears("muted")
    await alice.tab.sends({"type": "typing"})
    await alice.tab.settles()
    assert not await bob.tab.has_heard("typing")


async def test_a_mute_has_an_end_and_another_length(alice: Person, mona: Person, house: House) -> None:
    await mona.enters()
    await mona.says("/mute alice 1m")
    assert (await mona.refused("/mute alice")).code == "already"
    await mona.says("/mute alice 2h still")
    await alice.enters()
    assert (await alice.refused("hi")).retry_after > 7_000
    await house.marks(alice, "muted_until = now() - interval '1 s'")
    await alice.enters()
    assert await alice.says("hi")


async def test_who_never_came_is_muted_from_the_start(mona: Person, house: House) -> None:
    carol = await house.person("carol")
    await mona.enters()
    await mona.says("/mute carol 5m")
    await carol.enters()
    assert (await carol.refused("hi")).code == "muted"


async def test_an_owner_mutes_a_moderator(mona: Person, olga: Person) -> None:
    await mona.enters()
    await olga.enters()
    await olga.says("/mute mona 5m")
    await mona.hears("muted")
    assert (await mona.refused("hi")).code == "muted"
    # By the journal alone, which asks no connection what it remembers.
    assert (await mona.posts("/api/rooms/lobby/messages", {"text": "hi"})).refusal.code == "muted"


@pytest.mark.parametrize(
    "line", ["/kill bob {}", "/ban bob 1h {}", "/mute bob 5m {}", "/clear {}", "/lock {}"]
)
async def test_a_muted_moderator_rules_but_gives_no_reason(
    bob: Person, mona: Person, olga: Person, house: House, line: str
) -> None:
    await house.sets({"moderators_clear": True})
    for person in (bob, mona, olga):
        await person.enters()
        await person.hears("joined", user=person.name)
    await bob.says("hello")
    await olga.says("/mute mona 5m enough of that")
    before = await house.kinds()
    refused = await mona.refused(line.format("as I said all along"))
    assert refused.code == "muted"
    assert "(enough of that)" in refused.message
    assert "without one" in refused.message
    assert await house.kinds() == before, "nothing of it stays"
    await mona.says(line.format("").strip())
    assert await house.kinds() != before


@pytest.mark.parametrize("line", ["/topic words of mine", "/rename mine", "/welcome words of mine"])
async def test_a_muted_owner_puts_no_words_before_all(
    mona: Person, olga: Person, house: House, line: str
) -> None:
    for person in (mona, olga):
        await person.enters()
        await person.hears("joined", user=person.name)
    await olga.says("/topic of before")
    await olga.says("/mute mona 5m")
    await house.ranks(mona, Role.OWNER)
    before = await house.kinds()
    assert (await mona.refused(line)).code == "muted"
    assert await house.kinds() == before
    assert (await mona.says("/topic clear")).text == "The topic is empty now."


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/mute bob", "no_permission"),
        ("alice", "/mute nobody", "no_permission"),
        ("alice", "/unmute bob", "no_permission"),
        ("mona", "/mute bob 0s", "usage"),
        ("mona", "/mute nobody", "not_found"),
        ("mona", "/mute mona", "self"),
        ("mona", "/mute olga", "rank"),
        ("mona", "/unmute bob", "not_set"),
        ("mona", "/unmute", "not_set"),
        ("mona", "/mut bob", "unknown_command"),
        ("alice", "/voice bob", "no_permission"),
        ("alice", "/devoice bob", "no_permission"),
        ("mona", "/voice", "usage"),
        ("mona", "/voice nobody", "not_found"),
        ("mona", "/voice carol", "not_in_room"),
        ("mona", "/voice mona", "self"),
        ("mona", "/voice olga", "rank"),
        ("mona", "/devoice bob", "not_set"),
    ],
)
async def test_mutes_and_voices_are_refused(
    alice: Person, bob: Person, mona: Person, house: House, who: str, line: str, code: str
) -> None:
    await house.person("carol")
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert not {"muted", "unmuted", "role"} & set(await house.kinds())


async def test_in_a_moderated_room_only_the_voiced_speak(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    assert (await mona.says("/moderated on", nonce="n-1")).text.startswith("Only those with a voice")
    assert (await alice.hears("settings")).changed == {"switches": {"moderated": True}}
    assert (await alice.refused("hi")).code == "not_voiced"
    assert await mona.says("I may")
    assert (await mona.says("/voice @alice")).text == "@alice has a voice in #lobby now."
    told = await alice.hears("role")
    assert (told.user.name, told.role, told.voiced) == ("alice", "member", True)
    assert await alice.says("hi")
    assert (await bob.refused("hi")).code == "not_voiced"
    assert (await mona.refused("/voice alice")).code == "already"
    await mona.says("/devoice alice")
    await alice.hears("role", voiced=False)
    assert (await alice.refused("hi")).code == "not_voiced"
    assert (await mona.refused("/moderated on")).code == "already"
    assert (await mona.says("/moderated on", nonce="n-1")).duplicate
    await mona.says("/moderated off")
    await alice.hears("settings")
    assert await alice.says("hi")
    assert (await house.kinds()).count("settings") == 2


async def test_a_voice_stays_with_who_becomes_a_moderator_and_back(
    alice: Person, mona: Person, olga: Person, house: House
) -> None:
    await olga.enters()
    await mona.enters()
    await mona.says("/voice alice")
    await olga.says("/op alice")
    await olga.says("/deop alice")
    voiced = await house.node.manager.value(
        "SELECT voiced FROM memberships WHERE user_id = %s AND role = %s", alice.id, int(Role.MEMBER)
    )
    assert voiced is True


async def test_who_is_muted_is_not_heard_by_their_name_or_by_what_they_say_of_themselves(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    await mona.says("/mute @alice 10m one link is enough")
    await alice.hears("muted")
    for line in (
        "/nick mona-is-a-fool",
        "/name mona2",
        "/away mona is a fool",
        "/status mona is a fool",
        "/status 🤡",
    ):
        why = await alice.refused(line)
        assert why.code == "muted", line
        assert why.message.startswith("You are muted until "), line
        assert "one link is enough" in why.message
    # What says nothing but how they are may be told, and whatever says nothing to the room.
    for line in ("/away", "/dnd for 1h", "/back", "/who", "/ignore bob"):
        assert await alice.says(line), line
    assert "renamed" not in await house.kinds()
    assert not [frame for frame in await bob.tab.all_heard("status") if frame.status.why or frame.status.text]
    await mona.says("/unmute alice")
    await alice.hears("unmuted")
    assert await alice.says("/nick Anna")
    assert await alice.says("/status Back to work")


async def test_who_is_muted_may_take_back_what_they_said_of_themselves(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    await alice.says("/status Nose in a book")
    await mona.says("/mute alice")
    await alice.hears("muted")
    assert (await alice.says("/status clear")).text == "Your status is empty now."


async def test_from_another_room_who_is_muted_is_not_heard_either(
    alice: Person, mona: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await house.ranks(alice, Role.MEMBER, "garden")
    await mona.enters()
    await alice.enters("lobby")
    await alice.hears("joined")
    await alice.enters("garden")
    await mona.says("/mute alice")
    for line in ("/nick Anna", "/status Hi", "/away lunch"):
        why = await alice.refused(line)
        assert (why.code, why.message[:28]) == ("muted", "You are muted in #lobby unti"), line
    await alice.says("/leave #lobby")
    for line in ("/nick Anna", "/status Hi", "/away lunch"):
        assert await alice.says(line), line
    assert "renamed" not in await house.kinds()


async def test_in_a_locked_room_nobody_is_heard_by_another_name(
    alice: Person, mona: Person, house: House
) -> None:
    await alice.enters()
    await mona.enters()
    await mona.says("/lock a raid")
    await alice.hears("settings")
    assert (await alice.refused("/nick spam-com")).code == "locked"
    assert await mona.says("/nick monique")
    await mona.says("/unlock")
    assert await alice.says("/nick Anna")
    assert (await house.kinds()).count("renamed") == 2

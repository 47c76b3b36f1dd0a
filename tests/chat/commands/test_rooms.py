"""What shapes a room: /topic."""

from __future__ import annotations

import pytest

from tests.people import House, Person


async def test_the_topic_is_shown_to_all_and_set_by_moderators(
    alice: Person, mona: Person, house: House
) -> None:
    await alice.enters()
    await mona.enters()
    assert (await alice.says("/topic")).text == "Topic: Everybody comes in here."
    ack = await mona.says("/subject  Demos at <b>nine</b>", nonce="n-1")
    assert ack.text == "The topic is set."
    told = await alice.hears("topic")
    assert (told.topic, told.by.name, told.seq) == ("Demos at <b>nine</b>", "mona", ack.seq)
    assert (await alice.says("/topic")).text == "Topic: Demos at <b>nine</b>"
    assert (await alice.enters()).room.topic == "Demos at <b>nine</b>"
    again = await mona.says("/subject  Demos at <b>nine</b>", nonce="n-1")
    assert (again.text, again.duplicate) == (ack.text, True)
    assert (await house.kinds()).count("topic") == 1
    assert "Demos at &lt;b&gt;nine&lt;/b&gt;" in (await alice.opens("/rooms/lobby")).text


async def test_the_topic_may_be_taken_down(olga: Person) -> None:
    await olga.enters()
    assert (await olga.says("/topic clear")).text == "The topic is empty now."
    assert (await olga.hears("topic")).topic == ""
    assert (await olga.says("/topic")).text == "There is no topic. /topic text sets one."
    assert (await olga.refused("/topic clear")).code == "not_set"


@pytest.mark.parametrize(
    ("line", "code"),
    [("/topic " + "x" * 251, "too_long"), ("/topic one\ntwo", "usage"), ("/topic \u200b", "empty")],
)
async def test_a_topic_that_cannot_be_is_refused(olga: Person, line: str, code: str) -> None:
    await olga.enters()
    assert (await olga.refused(line)).code == code


async def test_members_set_no_topic_unless_the_room_lets_them(alice: Person, house: House) -> None:
    await alice.enters()
    why = await alice.refused("/topic mine")
    assert (why.code, why.message) == (
        "no_permission",
        "Only moderators of #lobby can /topic. Ask one of them.",
    )
    await house.sets({"topic_by": "member"})
    assert (await alice.says("/topic mine")).text == "The topic is set."


@pytest.mark.parametrize(
    ("line", "code"), [("/mute alice 1h", "muted"), ("/lock", "locked"), ("/moderated on", "not_voiced")]
)
async def test_who_may_not_speak_does_not_do_it_in_the_topic(
    alice: Person, mona: Person, house: House, line: str, code: str
) -> None:
    await house.sets({"topic_by": "member"})
    await alice.enters()
    await mona.enters()
    await mona.says(line)
    assert (await alice.refused("/topic I speak on")).code == code
    assert await mona.says("/topic Quiet now")

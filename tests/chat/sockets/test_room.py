"""The native socket as the people in a room know it: hello, words, what was missed, and the end."""

from __future__ import annotations

import pytest

from tests.people import House, Person, Refused


async def test_who_comes_in_is_greeted_with_all_there_is_to_know(alice: Person, house: House) -> None:
    hello = await alice.enters()
    assert set(hello) == {
        "type", "protocol", "epoch", "floor", "head", "read", "room", "you", "here", "limits", "heartbeat",
    }  # fmt: skip
    assert hello.protocol == 2
    assert hello.epoch == house.node.epoch
    assert hello.room == {
        "slug": "lobby",
        "title": "lobby",
        "topic": "Everybody comes in here.",
        "kind": "room",
        "switches": hello.room.switches,
    }
    assert hello.you == {"id": alice.id, "name": "alice", "role": "member", "muted_until": None}
    assert hello.limits == {"text": 4000, "frame": 65536}
    assert hello.heartbeat == 25


async def test_words_are_heard_by_all_and_acknowledged_to_who_said_them(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    ack = await alice.says("hi")
    said = await bob.hears("message")
    assert said == {
        "type": "message",
        "seq": ack.seq,
        "at": ack.at,
        "by": {"id": alice.id, "name": "alice"},
        "text": "hi",
        "parts": [{"t": "text", "s": "hi"}],
    }


async def test_the_nonce_is_told_to_every_tab_of_the_author_and_to_nobody_else(
    alice: Person, bob: Person
) -> None:
    await alice.enters()
    await alice.enters()
    await bob.enters()
    first, second = alice.tabs
    await first.says("hi", nonce="n-1")
    assert (await first.hears("message")).nonce == "n-1"
    assert (await second.hears("message")).nonce == "n-1"
    assert "nonce" not in await bob.hears("message")
    assert not await second.has_heard("ack")


async def test_the_same_nonce_again_gives_the_same_answer_and_says_nothing_twice(alice: Person) -> None:
    await alice.enters()
    ack = await alice.says("hi", nonce="n-1")
    again = await alice.says("hi", nonce="n-1")
    assert again == {**ack, "duplicate": True}
    assert len(await alice.tab.all_heard("message")) == 1


async def test_a_nonce_names_one_request_only(alice: Person) -> None:
    await alice.enters()
    ack = await alice.says("hi", nonce="n-1")
    for kind, fields in (
        ("say", {"text": "ho"}),
        ("say", {"text": "hi", "reply_to": ack.seq}),
        ("edit", {"target": ack.seq, "text": "hi"}),
        ("remove", {"target": ack.seq}),
    ):
        with pytest.raises(Refused) as refused:
            await alice.tab.asks(kind, nonce="n-1", **fields)
        assert refused.value.code == "nonce_conflict"
    await alice.tab.asks("edit", nonce="n-2", target=ack.seq, text="ho")
    with pytest.raises(Refused) as refused:
        await alice.says("ho", nonce="n-2")
    assert refused.value.code == "nonce_conflict"


async def test_two_people_may_use_the_same_nonce(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    assert (await alice.says("hi", nonce="n")).seq != (await bob.says("hi", nonce="n")).seq


async def test_a_slash_twice_says_one_slash(alice: Person) -> None:
    await alice.enters()
    await alice.says("//kill is a command")
    assert (await alice.hears("message")).text == "/kill is a command"


async def test_what_begins_like_a_command_and_is_none_is_not_posted(alice: Person, house: House) -> None:
    await alice.enters()
    why = await alice.refused("/kcik bob")
    assert (why.code, why.temporary) == ("unknown_command", False)
    assert why.message == "No command /kcik. Did you mean /nick? Nothing was posted."
    assert "message" not in await house.kinds()


async def test_an_answer_names_what_it_answers(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    ack = await alice.says("who is here?")
    await bob.says("I am", reply_to=ack.seq)
    assert (await alice.hears("message", by="bob")).reply_to == ack.seq
    with pytest.raises(Refused) as refused:
        await bob.says("I am", reply_to=999)
    assert refused.value.code == "gone"


async def test_a_member_meant_by_name_is_a_mention(alice: Person, bob: Person) -> None:
    await alice.enters()
    await alice.says("hello @BOB and @nobody")
    assert {"t": "mention", "s": "@BOB", "id": bob.id} in (await alice.hears("message")).parts

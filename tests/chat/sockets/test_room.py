"""The native socket as the people in a room know it: hello, words, what was missed, and the end."""

from __future__ import annotations

from tests.people import House, Person


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

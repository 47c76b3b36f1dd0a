"""Frames sent one behind the other, without waiting, are done in the order they came, whichever way each goes."""

from __future__ import annotations

from chat.commands.command import is_command
from tests.people import House, Person


async def test_words_commands_and_mentions_keep_their_order(
    alice: Person, olga: Person, house: House
) -> None:
    await alice.enters()
    await olga.enters()
    said = ["one", "two @alice", "three", "/topic Tea", "four", "five @alice", "/topic Cake", "six"]
    for number, text in enumerate(said):
        await olga.tab.sends({"type": "say", "nonce": f"n-{number}", "text": text})
    words = [text for text in said if not is_command(text)]
    assert [(await alice.hears("message")).text for _ in words] == words
    kinds = ["topic" if is_command(text) else "message" for text in said]
    assert [kind for kind in await house.kinds() if kind in ("message", "topic")] == kinds


async def test_words_sent_before_a_mistake_are_kept_and_those_after_it_too(
    alice: Person, house: House
) -> None:
    await alice.enters()
    await alice.tab.sends({"type": "say", "nonce": "n-1", "text": "before"})
    await alice.tab.sends({"type": "say", "nonce": "n-2", "text": ""})
    await alice.tab.sends({"type": "say", "nonce": "n-3", "text": "after"})
    assert (await alice.tab.hears("error", nonce="n-2")).code == "empty"
    first, second = await alice.tab.hears("ack", nonce="n-1"), await alice.tab.hears("ack", nonce="n-3")
    assert first.seq + 1 == second.seq


async def test_the_same_words_twice_in_one_breath_are_said_once(alice: Person, house: House) -> None:
    await alice.enters()
    for _ in range(3):
        await alice.tab.sends({"type": "say", "nonce": "n-1", "text": "hi"})
    acks = [await alice.tab.hears("ack", nonce="n-1") for _ in range(3)]
    assert len({ack.seq for ack in acks}) == 1
    assert [kind for kind in await house.kinds() if kind == "message"] == ["message"]

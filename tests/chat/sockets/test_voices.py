"""One conversation in every protocol at once: said in one it is heard in all, in one order, and kept in one log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.chat.sockets.old import OldPage, OldProgram, old_page, old_program
from tests.chat.sockets.old_nicks import OldNick, Street
from tests.people import House, Person, Tab

ROUNDS = 6


@pytest.fixture(autouse=True)
async def open_house(house: House, olga: Person) -> None:
    """Guests may come into the lobby, and nobody is asked to speak more slowly."""
    house.node.limits = replace(house.node.limits, burst=500)
    await house.sets({"guests_welcome": True})


async def heard_natively(tab: Tab, count: int) -> list[str]:
    """The words a native client hears, in their order."""
    return [(await tab.hears("message")).text for _ in range(count)]


async def heard_plainly(page: OldPage, count: int) -> list[str]:
    """The words a plain-text page shows, its own among them."""
    found: list[str] = []
    while len(found) < count:
        frame = await page.reads()
        if frame.get("user"):
            found.append(frame["text"])
    return found


async def heard_in_rooms(program: OldProgram, count: int) -> list[str]:
    """The words a multi-room program hears, its own among them."""
    found: list[str] = []
    while len(found) < count:
        frame = await program.reads()
        if frame.action == "new_message":
            found.append(frame["message"]["text"])
    return found


async def heard_by_a_nick(nick: OldNick, count: int) -> list[str]:
    """The words a guest hears; their own come back as an answer."""
    found: list[str] = []
    while len(found) < count:
        frame = await nick.reads()
        if frame.action == "chat_message":
            found.append(frame["message"])
    return found


async def test_one_conversation_is_one_log_in_every_voice(
    alice: Person, bob: Person, olga: Person, house: House, street: Street
) -> None:
    await alice.enters()
    plain = await old_page(bob)
    await plain.shows("@bob join chat room")
    rooms = await old_program(house, olga)
    await rooms.asks_for("select_room", room="lobby")
    nick = await (await street.comes()).called("Jonas", "lobby")
    words: list[str] = []
    for number in range(ROUNDS):
        for name, says in (
            ("native", alice.says),
            ("plain", plain.types),
            ("rooms", lambda text: rooms.asks_for("new_message", room="lobby", text=text, uuid=text)),
            ("nick", lambda text: nick.asks("chat_message", message=text)),
        ):
            words.append(f"{name} {number}")
            await says(words[-1])
            if name == "plain":
                await plain.shows(f"@bob: {words[-1]}")
            if name != "native":
                assert (await alice.hears("message", text=words[-1])).by.name == {
                    "plain": "bob", "rooms": "olga", "nick": "Jonas",
                }[name]  # fmt: skip
    assert [text for _, kind, text in await house.log() if kind == "message"] == words
    await plain.shows(f"@Jonas: {words[-1]}")
    assert [line.partition(": ")[2] for line in plain.screen if ": " in line] == words
    page = await alice.opens("/rooms/lobby")
    for text in words:
        assert text in page.words


async def test_all_voices_at_once_hear_the_same_in_the_same_order(
    alice: Person, bob: Person, olga: Person, house: House, street: Street
) -> None:
    await alice.enters()
    plain, rooms = await old_page(bob), await old_program(house, olga)
    nick = await (await street.comes()).called("Jonas", "lobby")

    async def speaks(says: Any, name: str) -> None:
        for number in range(ROUNDS):
            await says(f"{name} {number}")

    await asyncio.gather(
        speaks(
            lambda text: alice.tab.sends({"type": "say", "nonce": text.replace(" ", "-"), "text": text}),
            "native",
        ),
        speaks(plain.types, "plain"),
        speaks(
            lambda text: rooms.sends({"uuid": text, "action": "new_message", "room": "lobby", "text": text}),
            "rooms",
        ),
        speaks(lambda text: nick.sends({"action": "chat_message", "message": text}), "nick"),
    )
    count = 4 * ROUNDS
    heard = await asyncio.gather(
        heard_natively(alice.tab, count), heard_plainly(plain, count), heard_in_rooms(rooms, count)
    )
    words = [text for _, kind, text in await house.log() if kind == "message"]
    assert len(words) == count
    assert heard == [words, words, words]
    others = [text for text in await heard_by_a_nick(nick, count) if not text.startswith("nick")]
    assert others == [text for text in words if not text.startswith("nick")]


async def test_what_a_moderator_does_in_one_voice_is_done_in_all(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await alice.enters()
    plain = await old_page(bob)
    await plain.shows("@bob join chat room")
    ruling = await old_program(house, olga, events=True)
    await plain.types("hi")
    await plain.shows("@bob: hi")
    await ruling.asks_for("new_message", room="lobby", text="/clear")
    await plain.is_emptied()
    assert (await alice.hears("cleared")).count == 1
    await ruling.asks_for("new_message", room="lobby", text="/undo")
    assert (await alice.hears("undone")).count == 1
    await ruling.asks_for("new_message", room="lobby", text="/kill bob")
    assert await plain.is_closed() == 1000
    assert (await alice.hears("kicked")).user.name == "bob"
    assert (await ruling.hears_of("kicked")).user.name == "bob"
    answer = await ruling.asks_for("select_room", room="lobby")
    assert [message["text"] for message in answer.room_messages] == ["hi"]

"""A room that was renamed: whoever comes by its old address comes in, by every door, and nobody else does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chat.sockets.old import old_page, old_program
from tests.chat.sockets.old_nicks import Street
from tests.people import House, Person


@pytest.fixture
async def hook(olga: Person, house: House) -> str:
    """The path of a hook, made while the room was #lobby; now it is #harbour."""
    await house.sets({"guests_welcome": True})
    await olga.enters()
    path = "/" + (await olga.says("/hook ci")).text.partition("://")[2].partition("/")[2].split()[0]
    await olga.says("/rename harbour")
    return path


@pytest.fixture
async def street(house: House) -> AsyncIterator[Street]:
    """Where guests come from; in the end they all go."""
    street = Street(house)
    yield street
    await street.clears()


async def test_pages_lead_on(hook: str, alice: Person) -> None:
    page = await alice.opens("/rooms/lobby?at=1")
    assert (page.status, page.leads_to) == (303, "/rooms/harbour?at=1")


@pytest.mark.parametrize("path", ["log", "reports", "settings"])
async def test_the_pages_of_who_rules_the_room_open(
    hook: str, olga: Person, alice: Person, path: str
) -> None:
    assert (await olga.opens(f"/rooms/lobby/{path}")).status == 200
    assert (await alice.opens(f"/rooms/lobby/{path}")).status == 403


async def test_programs_are_answered(hook: str, alice: Person) -> None:
    assert (await alice.gets("/api/rooms/lobby/me")).json.room["slug"] == "harbour"
    said = await alice.posts("/api/rooms/lobby/messages", {"text": "hello", "nonce": "n-1"})
    assert said.status == 201
    again = await alice.posts("/api/rooms/harbour/messages", {"text": "hello", "nonce": "n-1"})
    assert (again.json.duplicate, again.json.seq) == (True, said.json.seq)
    assert (await alice.gets("/api/commands?room=lobby")).status == 200


async def test_the_native_socket_opens(hook: str, alice: Person, olga: Person) -> None:
    hello = await alice.enters("lobby")
    assert hello.room["slug"] == "harbour"
    said = await alice.says("hello")
    assert (await olga.hears("message", by="alice")).seq == said.seq


async def test_the_plain_socket_opens(hook: str, alice: Person, olga: Person) -> None:
    page = await old_page(alice, "lobby")
    await page.types("hello")
    await page.shows("@alice: hello")
    assert (await olga.hears("message", by="alice")).text == "hello"


async def test_the_socket_of_all_rooms_finds_it(hook: str, alice: Person, olga: Person, house: House) -> None:
    program = await old_program(house, alice)
    assert (await program.asks_for("new_message", room="lobby", text="hello")).status == "success"
    assert (await olga.hears("message", by="alice")).text == "hello"


async def test_guests_find_it_by_its_old_name(hook: str, olga: Person, house: House, street: Street) -> None:
    guest = await street.comes("Jonas", "lobby")
    await guest.asks("chat_message", message="hello")
    assert (await olga.hears("message", by="Jonas")).text == "hello"
    assert await house.node.manager.value("SELECT count(*) FROM rooms WHERE slug = 'lobby'") == 0


async def test_a_hook_posts(hook: str, olga: Person, house: House) -> None:
    stranger = await house.stranger()
    assert hook.startswith("/hooks/lobby/")
    assert (await stranger.posts(hook, "works", **{"Content-Type": "text/plain"})).status == 201
    assert (await olga.hears("message", by="ci")).text == "works"


async def test_who_may_not_come_in_learns_nothing(hook: str, olga: Person, house: House) -> None:
    await house.sets({"private": True}, "harbour")
    eve = await house.person("eve")
    for slug in ("lobby", "harbour", "nowhere"):
        assert (await eve.knocks(slug)).refusal.code == "no_such_room"
        assert (await eve.gets(f"/api/rooms/{slug}/me")).refusal.code == "no_such_room"
        assert (await eve.opens(f"/rooms/{slug}")).status == 404

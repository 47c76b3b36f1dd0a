"""What the site admin switched off: making rooms, and changing one's name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.actions.membership import NamesStay
from chat.actions.rooms import OnlyAdminsMakeRooms
from chat.node import Node
from tests.chat.sockets.old_nicks import Street
from tests.people import House, Person


def only_admins(node: Node) -> None:
    """Nobody else makes rooms or changes names here."""
    node.limits = replace(node.limits, rooms_by_all=False, new_names=False)


@pytest.fixture
async def strict(house: House) -> House:
    """A site in two processes, where only admins make rooms, and names stay."""
    await house.opens()
    for node in house.nodes:
        only_admins(node)
    return house


async def test_only_admins_make_rooms(alice: Person, strict: House) -> None:
    await alice.enters()
    why = await alice.refused("/create #studio")
    assert (why.code, why.message) == ("disabled", OnlyAdminsMakeRooms.message)
    refused = await alice.posts("/api/rooms", {"slug": "studio"})
    assert (refused.status, refused.refusal.code) == (403, "disabled")
    page = await alice.fills("/rooms", on="/me", slug="studio")
    assert page.status == 403
    assert OnlyAdminsMakeRooms.message in page.words
    assert (await alice.gets("/api/rooms/studio/me")).status == 404
    admin = await strict.person("ada", is_admin=True, at=1)
    await admin.enters()
    made = await admin.says("/create #studio", nonce="n-1")
    assert made.text == "#studio is yours: /rooms/studio"
    assert (await admin.says("/create #studio", nonce="n-1")).duplicate
    assert (await admin.posts("/api/rooms", {"slug": "atelier"})).status == 201


async def test_no_button_is_offered_for_what_is_off(alice: Person, strict: House) -> None:
    admin = await strict.person("ada", is_admin=True)
    for who, offered in ((alice, False), (admin, True)):
        page = await who.opens("/rooms")
        assert ('href="#new"' in page.text) is offered
        assert ('action="/rooms"' in page.text) is offered
        names = {one["name"] for one in (await who.gets("/api/commands?room=lobby")).json["commands"]}
        assert ({"create", "nick"} <= names) is offered
        assert "who" in names


async def test_help_names_what_is_off_to_nobody_it_is_off_for(alice: Person, strict: House) -> None:
    admin = await strict.person("ada", is_admin=True)
    for who, offered in ((alice, False), (admin, True)):
        await who.enters()
        told = (await who.says("/help")).text
        assert "/who · " in told
        for line in ("/create #room", "/nick <new name>"):
            assert (line in told) is offered, line
    assert "Did you mean" not in (await alice.refused("/crate #studio")).message
    assert "Did you mean /create?" in (await admin.refused("/crate #studio")).message
    assert "Who may: site admins" in (await alice.says("/help create")).text.splitlines()


async def test_names_stay(alice: Person, strict: House) -> None:
    far = await strict.again("alice", alice.id, at=1)
    for one in (alice, far):
        await one.enters()
        why = await one.refused("/nick Anna")
        assert (why.code, why.message) == ("disabled", NamesStay.message.format(name="alice"))
    admin = await strict.person("ada", is_admin=True)
    await admin.enters()
    assert (await admin.says("/nick Superuser")).text


async def test_guests_name_no_new_rooms_either(house: House, olga: Person) -> None:
    await house.room("garden", olga, guests=True)
    street = Street(house)
    guest = await street.comes()
    only_admins(house.node)
    answer = await guest.asks("join_room", room="Anywhere")
    assert (answer.success, answer.message) == (False, OnlyAdminsMakeRooms.message)
    assert (await guest.asks("join_room", room="garden")).success
    await street.clears()

"""The look-up that is also the permission to come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chat.errors import NoSuchRoom
from chat.events import Person
from chat.forbidden import Banned, Removed
from chat.members import enter, find_room, member_in
from chat.policy import Role
from helpers.database import Manager
from tests.chat.backstage import Backstage

SOON = datetime.now(UTC) + timedelta(hours=1)


async def test_anybody_with_an_account_may_enter_a_public_room(
    manager: Manager, backstage: Backstage, lobby: int, ann: Person
) -> None:
    eve = await backstage.person("eve")
    for person, is_member in ((ann, True), (eve, False)):
        room, member = await enter(manager, person.id, "lobby")
        assert (room.id, member.person, member.role, member.is_member) == (
            lobby,
            person,
            Role.MEMBER,
            is_member,
        )
        assert not member.is_muted


async def test_a_private_room_and_none_at_all_are_refused_alike(
    manager: Manager, backstage: Backstage, ann: Person, ben: Person
) -> None:
    den = await backstage.room(ann, slug="den", private=True)
    root = await backstage.person("root", admin=True)
    assert (await enter(manager, ann.id, "den"))[0].id == den
    assert (await enter(manager, root.id, "den"))[1].role is Role.ADMIN
    await backstage.joins(den, ben, is_member=False, banned_until=SOON)
    for person_id, slug in ((ben.id, "den"), (ann.id, "nowhere"), (999, "den"), (ann.id, "d\0n")):
        with pytest.raises(NoSuchRoom):
            await enter(manager, person_id, slug)


async def test_guests_come_in_where_they_are_welcome(
    manager: Manager, backstage: Backstage, lobby: int
) -> None:
    gus = await backstage.person("gus", guest=True)
    await backstage.room(slug="cafe", guests_welcome=True)
    assert (await enter(manager, gus.id, "cafe"))[1].role is Role.GUEST
    with pytest.raises(NoSuchRoom):
        await enter(manager, gus.id, "lobby")


async def test_who_was_put_out_waits(
    manager: Manager, backstage: Backstage, lobby: int, ann: Person, ben: Person
) -> None:
    await backstage.joins(lobby, ann, out_until=SOON, reason="loud")
    with pytest.raises(Removed, match="loud"):
        await enter(manager, ann.id, "lobby")
    await backstage.joins(lobby, ben, banned_until=SOON)
    with pytest.raises(Banned):
        await enter(manager, ben.id, "lobby")
    await backstage.joins(lobby, ann, out_until=SOON - timedelta(hours=2))
    assert (await enter(manager, ann.id, "lobby"))[1].reason == "loud"


async def test_an_old_address_leads_to_the_room(manager: Manager, lobby: int) -> None:
    await manager.execute("INSERT INTO room_slugs (slug, room_id) VALUES ('hall', %s)", lobby)
    assert (await find_room(manager, "hall")).id == (await find_room(manager, "lobby")).id == lobby
    for slug in ("nowhere", "\0"):
        with pytest.raises(NoSuchRoom):
            await find_room(manager, slug)


async def test_a_mute_is_a_date_and_nobody_is_no_member(
    manager: Manager, backstage: Backstage, lobby: int, ann: Person
) -> None:
    await backstage.joins(lobby, ann, muted_until=SOON)
    member = await member_in(manager, lobby, ann.id)
    assert member is not None
    assert member.is_muted
    member.muted_until = SOON - timedelta(hours=2)
    assert not member.is_muted
    assert await member_in(manager, lobby, 999) is None

"""What an admin of the site does in a room of others is shown there as such, to all, now and later."""

from __future__ import annotations

import pytest

from chat.policy import Role
from tests.people import House, Person


@pytest.fixture
async def ade(house: House, olga: Person) -> Person:
    """An admin of the site, in the lobby a member like others."""
    person = await house.person("ade", is_admin=True)
    await house.ranks(person, Role.MEMBER)
    return person


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("/mute bob 10m", "muted"),
        ("/ban bob 1h", "banned"),
        ("/kill bob", "kicked"),
        ("/op bob", "role"),
        ("/topic Tea", "topic"),
        ("/lock", "settings"),
        ("/archive", "settings"),
        ("/rename harbour", "settings"),
        ("/pin", "pinned"),
        ("/purge 1", "purged"),
        ("/clear", "cleared"),
        ("/undo mona", "undone"),
        ("/invite zoe", "added"),
        ("/hook make bert", "added"),
        ("/broadcast Tea", "message"),
    ],
)
async def test_all_see_that_it_was_an_admin(
    ade: Person, alice: Person, bob: Person, mona: Person, house: House, line: str, kind: str
) -> None:
    await house.person("zoe")
    for person in (ade, alice, mona):
        await person.enters()
    await alice.says("one")
    await mona.says("/mute alice")
    await alice.tab.all_heard("message")
    if line.startswith("/broadcast"):
        code = (await ade.refused(line)).message.split("--code ")[1].split()[0]
        line = f"/broadcast --code {code} Tea"
    seq = (await ade.says(line)).seq
    told = await alice.hears(kind, by="ade")
    assert told.as_admin is True
    again = await house.node.history.since(1, told.seq - 1, told.seq)
    assert [entry.as_admin for entry in again] == [True]
    if kind != "cleared":
        slug = "harbour" if line == "/rename harbour" else "lobby"
        page = (await alice.gets(f"/api/rooms/{slug}/messages")).json
        assert [entry.get("as_admin") for entry in page["entries"] if entry["seq"] == told.seq] == [True]
    kept = await house.node.manager.rows("SELECT as_admin FROM acts WHERE seq = %s", seq)
    assert not kept or kept == [(True,)]


async def test_what_their_own_rank_allows_is_no_override(
    ade: Person, alice: Person, bob: Person, house: House
) -> None:
    await house.ranks(ade, Role.MODERATOR)
    await ade.enters()
    await alice.enters()
    for line, kind in (
        ("hello", "message"),
        ("/mute bob 1h", "muted"),
        ("/undo", "undone"),
        ("/ban bob 1h", "banned"),
        ("/unban bob", "unbanned"),
        ("/purge 1", "purged"),
    ):
        await ade.says(line)
        assert (await alice.hears(kind, by="ade")).as_admin is None
    await ade.says("/deop ade")
    assert (await alice.hears("role")).as_admin is None
    assert await house.node.manager.rows("SELECT DISTINCT as_admin FROM acts") == [(False,)]


async def test_to_rule_ones_equals_or_for_longer_than_ones_rank_may_is_one(
    ade: Person, alice: Person, bob: Person, mona: Person, house: House
) -> None:
    await house.ranks(ade, Role.MODERATOR)
    for person in (ade, alice, mona):
        await person.enters()
    await mona.says("one")
    for line, kind in (
        ("/mute mona 1h", "muted"),
        ("/purge 1", "purged"),
        ("/ban bob 60d", "banned"),
        ("/unban bob", "unbanned"),
        ("/ban bob", "banned"),
    ):
        await ade.says(line)
        assert (await alice.hears(kind, by="ade")).as_admin is True


async def test_words_in_a_locked_room_and_a_way_into_a_private_one(
    ade: Person, alice: Person, mona: Person, house: House
) -> None:
    for person in (ade, alice, mona):
        await person.enters()
    said = await ade.says("before")
    assert (await alice.hears("message")).as_admin is None
    await mona.says("/lock")
    await ade.hears("settings")
    await ade.says("still")
    assert (await alice.hears("message")).as_admin is True
    await ade.tab.asks("edit", target=said.seq, text="changed")
    assert (await alice.hears("edited")).as_admin is True
    await mona.says("mine")
    assert (await alice.hears("message")).as_admin is None
    await house.sets({"private": True})
    eve = await house.person("eve", is_admin=True)
    await eve.enters()
    assert (await alice.hears("added")).as_admin is True


async def test_the_plain_protocol_says_it_in_words(ade: Person, bob: Person, alice: Person) -> None:
    await ade.enters()
    url: str = "/rooms/lobby/ws"
    async with alice.client.ws_connect(url, headers={"Origin": alice.origin}) as socket:
        await ade.says("/mute bob 10m")
        texts = [(await socket.receive_json())["text"]]
        while "muted" not in texts[-1]:
            texts.append((await socket.receive_json())["text"])
    assert texts[-1] == "@bob was muted by @ade (as site admin)"

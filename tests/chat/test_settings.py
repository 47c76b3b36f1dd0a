"""The settings of a room as a page: for owners, and the only place that shows a new hook's address."""

from __future__ import annotations

import re

from tests.people import House, Person

ADDRESS = re.compile(r"http://[^/]+/hooks/lobby/[A-Za-z0-9_-]{43}")


async def test_an_owner_makes_lists_and_ends_hooks(olga: Person, house: House) -> None:
    assert "There is no hook here yet" in (await olga.opens("/rooms/lobby/settings")).words
    made = await olga.fills("/rooms/lobby/hooks", on="/rooms/lobby/settings", name=" ci ")
    assert made.status == 200
    (address,) = set(ADDRESS.findall(made.words))
    assert made.headers["Cache-Control"] == "no-store"
    stranger = await house.stranger()
    async with stranger.client.session.post(address, data="It works") as answer:
        assert answer.status == 201
    page = (await olga.opens("/rooms/lobby/settings")).words
    assert not ADDRESS.search(page)
    assert "Made by olga on" in page
    assert "last used" in page
    ended = await olga.fills("/rooms/lobby/hooks/revoke", on="/rooms/lobby/settings", name="ci")
    assert ended.leads_to == "/rooms/lobby/settings#hooks"
    page = (await olga.opens("/rooms/lobby/settings")).words
    assert "The hook ci is ended. What it said stays." in page
    assert "There is no hook here yet" in page
    async with stranger.client.session.post(address, data="It works") as answer:
        assert answer.status == 404


async def test_what_is_wrong_with_a_name_stands_beside_it(olga: Person, alice: Person) -> None:
    for name, words in (("alice", "alice is taken"), ("a b", "letters"), ("<b>", "letters"), ("", "")):
        answer = await olga.fills("/rooms/lobby/hooks", on="/rooms/lobby/settings", name=name)
        assert answer.status in {400, 409}, name
        assert 'aria-invalid="true"' in answer.text
        assert words in answer.words
        assert "<b>" not in answer.text.partition("<form")[2].replace("<b>olga</b>", "")


async def test_ending_what_is_not_there_is_said(olga: Person) -> None:
    await olga.fills("/rooms/lobby/hooks/revoke", on="/rooms/lobby/settings", name="\0")
    assert "There is no hook of that name here" in (await olga.opens("/rooms/lobby/settings")).words


async def test_the_settings_are_for_owners(mona: Person, alice: Person, house: House) -> None:
    for person in (mona, alice):
        for answer in (
            await person.opens("/rooms/lobby/settings"),
            await person.fills("/rooms/lobby/hooks", on="/me", name="spy"),
            await person.fills("/rooms/lobby/hooks/revoke", on="/me", name="ci"),
        ):
            assert answer.status == 403
            assert "Only owners of #lobby can do that." in answer.words
        assert "/rooms/lobby/settings" not in (await person.opens("/rooms/lobby")).text
    assert await house.node.manager.value("SELECT count(*) FROM hooks") == 0


async def test_owners_find_the_settings_from_the_room(olga: Person, house: House) -> None:
    assert 'href="/rooms/lobby/settings"' in (await olga.opens("/rooms/lobby")).text
    admin = await house.person("adam", is_admin=True)
    assert (await admin.opens("/rooms/lobby/settings")).status == 200


async def test_strangers_sign_in_first(house: House, olga: Person) -> None:
    stranger = await house.stranger()
    answer = await stranger.opens("/rooms/lobby/settings")
    assert answer.leads_to == "/login?next=/rooms/lobby/settings"
    assert (await stranger.sends("/rooms/lobby/hooks", name="ci")).status == 403
    assert (await olga.opens("/rooms/nowhere/settings")).status == 404

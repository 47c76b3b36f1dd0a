"""The settings of a room as a page: for owners, and the only place that shows a new hook's address."""

from __future__ import annotations

import re

import pytest

from tests.people import Answer, House, Person

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
            assert "Only owners of #lobby can do that. Ask one of them." in answer.words
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


# -- the room itself --------------------------------------------------------------------------------------------

AS_IT_IS = {
    "title": "lobby",
    "topic": "Everybody comes in here.",
    "enter": "all",
    "write": "all",
    "slow_mode": "0",
    "comings_and_goings": "1",
}


async def saves(person: Person, slug: str = "lobby", **changed: str) -> Answer:
    """Change some of the form, leave the rest as it is."""
    at = f"/rooms/{slug}/settings"
    return await person.fills(at, **{**AS_IT_IS, **changed})


async def test_what_is_saved_is_done_and_nothing_else(olga: Person, alice: Person, house: House) -> None:
    await alice.enters()
    assert (await saves(olga)).leads_to == "/rooms/lobby/settings"
    assert not {"settings", "topic"} & set(await house.kinds())
    done = await saves(
        olga,
        topic="Demos at nine",
        welcome="Hello <b>you</b>",
        write="voiced",
        slow_mode="30",
        members_topic="1",
    )
    assert done.leads_to == "/rooms/lobby/settings"
    assert (await alice.hears("topic")).topic == "Demos at nine"
    changed = (await alice.hears("settings")).changed["switches"]
    assert changed == {"moderated": True, "slow_mode": 30, "topic_by": "member"}
    said = re.sub("<[^>]+>", "", (await alice.opens("/rooms/lobby")).words)
    assert (
        "olga set the room: only those with a voice post, a pause of 30 seconds between two posts, "
        "members set the topic"
    ) in said
    acts = await house.node.manager.rows("SELECT before FROM acts WHERE act = 'settings'")
    assert acts == [({"switches": {"moderated": False, "slow_mode": 0, "topic_by": "moderator"}},)]
    page = (await olga.opens("/rooms/lobby/settings")).text
    assert "The settings are kept." in page
    assert 'value="Demos at nine"' in page
    assert "Hello &lt;b&gt;you&lt;/b&gt;</textarea>" in page
    assert '<option value="30" selected>' in page


@pytest.mark.parametrize("typed", ["0000000019999999999999", "21601", "-1", "٣", "soon"])
async def test_no_pause_that_the_log_could_not_count_is_ever_kept(
    olga: Person, alice: Person, house: House, typed: str
) -> None:
    await alice.enters()
    assert (await saves(olga, slow_mode=typed)).leads_to == "/rooms/lobby/settings"
    assert "settings" not in await house.kinds()
    await alice.says("one")
    await alice.says("two")


async def test_a_room_renamed_in_the_page_is_at_its_new_address(olga: Person, alice: Person) -> None:
    assert (await saves(olga, title="Demo Night")).leads_to == "/rooms/demo-night/settings"
    assert (await alice.opens("/rooms/lobby")).leads_to == "/rooms/demo-night"


@pytest.mark.parametrize(
    ("field", "typed", "code"),
    [
        ("title", "", 400),
        ("title", "x" * 65, 413),
        ("title", "garden", 409),
        ("title", "new", 400),
        ("topic", "x" * 251, 413),
        ("welcome", "x" * 501, 413),
        ("welcome", "\0", 400),
    ],
)
async def test_what_cannot_be_saved_stands_beside_its_field(
    olga: Person, house: House, field: str, typed: str, code: int
) -> None:
    await house.room("garden", olga)
    refused = await saves(olga, **{field: typed})
    assert refused.status == code
    assert 'aria-invalid="true"' in refused.text


async def test_a_private_room_is_opened_by_its_name_alone(olga: Person, alice: Person, house: House) -> None:
    assert (await saves(olga, enter="invited")).status == 303
    carol = await house.person("carol")
    assert (await carol.opens("/rooms/lobby")).status == 404
    for typed in ("", "garden"):
        refused = await saves(olga, open=typed)
        assert (refused.status, "Type lobby here to confirm it." in refused.words) == (400, True)
    assert (await carol.opens("/rooms/lobby")).status == 404
    assert (await saves(olga, open=" #Lobby ")).status == 303
    assert (await carol.opens("/rooms/lobby")).status == 200


async def test_a_room_is_archived_and_opened_again(olga: Person, alice: Person) -> None:
    await alice.enters()
    at = "/rooms/lobby/settings"
    await olga.fills(f"{at}/archive", on=at, archived="1")
    await alice.hears("settings")
    assert (await alice.refused("hi")).code == "archived"
    assert "Open it again" in (await olga.opens(at)).text
    await olga.fills(f"{at}/archive", on=at, archived="")
    await alice.hears("settings")
    assert (await alice.says("hi")).seq


async def test_a_room_is_deleted_once_its_name_is_typed(olga: Person, alice: Person) -> None:
    await alice.enters()
    at = "/rooms/lobby/settings"
    for typed in ("", "garden"):
        assert (await olga.fills(f"{at}/destroy", on=at, confirm=typed)).status == 400
    assert (await olga.fills(f"{at}/destroy", on=at, confirm="lobby")).leads_to == "/rooms"
    assert await alice.tab.is_closed() == 4504
    assert "#lobby is gone" in (await olga.opens("/rooms")).words


async def test_a_link_is_shown_once_with_its_code_and_ended(
    olga: Person, alice: Person, house: House
) -> None:
    at = "/rooms/lobby/settings"
    made = await olga.fills("/rooms/lobby/links", on=at, uses="any", days="30")
    assert 'aria-label="QR code of the link"' in made.text
    (path,) = set(re.findall(r"/join/[A-Za-z0-9_-]{22}", made.text))
    carol = await house.person("carol")
    assert (await carol.opens(path)).status == 200
    page = (await olga.opens(at)).text
    assert path not in page
    assert "for any number of people" in page
    (number,) = re.findall(r'name="number" value="(\d+)"', page)
    await olga.fills("/rooms/lobby/links/revoke", on=at, number=number)
    assert (await carol.opens(path)).status == 404
    await olga.fills("/rooms/lobby/links/revoke", on=at, number="nonsense")
    assert "There is no link 0 here" in (await olga.opens(at)).words


async def test_only_owners_set_anything(mona: Person, alice: Person, house: House) -> None:
    for person in (mona, alice):
        for path in ("settings", "settings/archive", "settings/destroy", "links", "links/revoke"):
            answer = await person.fills(
                f"/rooms/lobby/{path}", on="/me", confirm="lobby", title="mine", archived="1"
            )
            assert answer.status == 403, path
    assert "settings" not in await house.kinds()


async def test_a_conversation_of_two_has_no_settings(house: House, alice: Person, bob: Person) -> None:
    await alice.enters()
    where = (await alice.says("/msg bob")).text.rpartition("/")[2]
    assert (await alice.opens(f"/rooms/{where}/settings")).status == 409


async def test_what_newcomers_read_is_set_on_the_page(olga: Person, alice: Person, house: House) -> None:
    await alice.enters()
    await saves(olga, history="join")
    assert (await alice.hears("settings")).changed == {"switches": {"history_from_join": True}}
    page = (await olga.opens("/rooms/lobby/settings")).text
    assert 'name="history" value="join" checked' in page
    await saves(olga, history="something else")
    assert (await house.kinds()).count("settings") == 1
    await saves(olga, history="all")
    assert (await alice.hears("settings")).changed == {"switches": {"history_from_join": False}}

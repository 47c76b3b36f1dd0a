"""/ban, /unban and /banlist: at every door, for the absent too, and told to the one concerned."""

from __future__ import annotations

import pytest

from chat.policy import Role
from tests.people import House, Person


async def test_a_ban_ends_every_tab_and_closes_every_door(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    await bob.enters()
    await alice.enters()
    await alice.enters()
    await bob.hears("joined", user="alice")
    await mona.enters()
    answer = await mona.says("/ban @ALICE 2d spam <b>again</b>", nonce="n-1")
    assert answer.text.startswith("Banned @alice until ")
    for tab in alice.tabs:
        assert (await tab.hears("banned")).reason == "spam <b>again</b>"
        assert await tab.is_closed() == 4503
    told = await bob.hears("banned")
    assert (told.user.name, told.by.name, told.seq) == ("alice", "mona", answer.seq)
    assert "lost" not in await bob.hears("left", user="alice")
    assert (await alice.knocks()).refusal.code == "banned"
    for refused in (
        await alice.gets("/api/rooms/lobby/messages"),
        await alice.gets("/api/rooms/lobby/here"),
        await alice.gets("/api/rooms/lobby/me"),
        await alice.posts("/api/rooms/lobby/messages", {"text": "hi"}),
    ):
        assert (refused.status, refused.refusal.code) == (403, "banned")
    page = await alice.opens("/rooms/lobby")
    assert page.status == 403
    assert "mona" in page.text
    assert "spam &lt;b&gt;again&lt;/b&gt;" in page.text
    again = await mona.says("/ban @ALICE 2d spam <b>again</b>", nonce="n-1")
    assert (again.seq, again.duplicate, again.text) == (answer.seq, True, answer.text)
    assert (await house.kinds()).count("banned") == 1


async def test_a_ban_has_an_end(alice: Person, mona: Person, house: House) -> None:
    await mona.enters()
    await mona.says("/ban alice 10m")
    await house.marks(alice, "banned_until = now() - interval '1 s'")
    assert (await alice.enters()).you.role == "member"


async def test_who_never_came_is_kept_out(mona: Person, olga: Person, house: House) -> None:
    carol = await house.person("carol")
    await mona.enters()
    assert (await mona.says("/ban @carol 1h beforehand")).text.startswith("Banned @carol until ")
    assert (await carol.knocks()).refusal.code == "banned"
    await olga.enters()
    assert (await olga.says("/unban carol")).text == "@carol may come back."
    assert await carol.enters()


async def test_nothing_said_means_thirty_days_of_a_moderator_and_for_ever_of_an_owner(
    alice: Person, bob: Person, mona: Person, olga: Person, house: House
) -> None:
    await mona.enters()
    await olga.enters()
    assert "for ever" not in (await mona.says("/ban alice")).text
    assert (await olga.says("/ban bob spam")).text.startswith("Banned @bob for ever.")
    days = await house.node.manager.value(
        "SELECT extract(day FROM banned_until - now())::int FROM memberships WHERE user_id = %s", alice.id
    )
    assert days in (29, 30)
    page = await bob.opens("/rooms/lobby")
    assert "Only a moderator can let you back in." in page.text
    assert "9999" not in page.text
    assert (await mona.refused("/unban bob")).code == "no_permission"
    listed = (await mona.says("/banlist")).text
    assert "@bob · for ever, by olga: spam" in listed
    assert listed.startswith("@alice · until ")


async def test_the_length_of_a_ban_can_be_changed(alice: Person, mona: Person) -> None:
    await mona.enters()
    await mona.says("/ban alice 10m")
    refused = await mona.refused("/ban alice")
    assert refused.code == "already"
    assert refused.message.endswith("; run /ban again with a length to change it.")
    assert (await mona.says("/ban alice 1h")).text.startswith("Banned @alice until ")


async def test_a_ban_may_hide_what_was_said(alice: Person, bob: Person, mona: Person) -> None:
    await bob.enters()
    await alice.enters()
    await mona.enters()
    first = await alice.says("buy this")
    await bob.says("no")
    second = await alice.says("buy that")
    answer = await mona.says("/ban alice 1h --purge 1h spam")
    assert "2 messages of theirs are hidden." in answer.text
    purged = await bob.hears("purged")
    assert (purged.targets, purged.user.name) == ([first.seq, second.seq], "alice")
    page = (await bob.opens("/rooms/lobby")).text
    assert "buy" not in page
    assert ">no<" in page
    assert (await mona.says("/undo")).text == "Undone: @alice may come back, 2 messages back."
    assert "buy that" in (await bob.opens("/rooms/lobby")).text
    await alice.enters()


async def test_of_a_private_room_a_ban_says_nothing_to_who_cannot_know_of_it(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await house.ranks(alice, Role.MEMBER, "cellar")
    await alice.enters("cellar")
    await olga.enters("cellar")
    await olga.says("/ban alice 1h")
    assert await alice.tab.is_closed() == 4503
    assert (await alice.knocks("cellar")).status == 404
    assert (await olga.says("/unban alice")).text.endswith("/invite @alice makes them a member again.")


async def test_an_empty_banlist_says_so(mona: Person) -> None:
    await mona.enters()
    assert (await mona.says("/banlist")).text == "Nobody is banned from #lobby."


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/ban bob", "no_permission"),
        ("alice", "/ban nobody", "no_permission"),
        ("alice", "/unban bob", "no_permission"),
        ("alice", "/banlist", "no_permission"),
        ("mona", "/ban", "usage"),
        ("mona", "/ban alice 0m", "usage"),
        ("mona", "/ban alice 1h --purge", "usage"),
        ("mona", "/ban alice 1h --purge much", "usage"),
        ("mona", "/ban alice --purge 0s", "usage"),
        ("mona", "/ban alice\nand bob", "usage"),
        ("mona", "/ban nobody", "not_found"),
        ("mona", "/ban aiochat", "not_found"),
        ("mona", "/ban mona", "self"),
        ("mona", "/ban olga", "rank"),
        ("mona", "/ban ade", "rank"),
        ("mona", "/ban alice 31d", "no_permission"),
        ("mona", "/ban alice forever", "no_permission"),
        ("mona", "/unban alice", "not_set"),
        ("mona", "/unban nobody", "not_found"),
        ("mona", "/unban", "usage"),
        ("mona", "/banlist all", "usage"),
        ("mona", "/bann alice", "unknown_command"),
    ],
)
async def test_bans_are_refused(
    alice: Person, bob: Person, mona: Person, house: House, who: str, line: str, code: str
) -> None:
    await house.ranks(await house.person("ade", is_admin=True), Role.MEMBER)
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert not {"banned", "unbanned"} & set(await house.kinds())


async def test_a_lifted_ban_is_lifted_once(alice: Person, mona: Person, house: House) -> None:
    await mona.enters()
    await mona.says("/ban alice 1h")
    first = await mona.says("/unban alice", nonce="n-1")
    again = await mona.says("/unban alice", nonce="n-1")
    assert (again.text, again.seq, again.duplicate) == (first.text, first.seq, True)
    assert (await house.kinds()).count("unbanned") == 1


async def test_who_was_removed_before_the_ban_is_not_promised_to_come_at_once(
    alice: Person, mona: Person, house: House
) -> None:
    await alice.enters()
    await mona.enters()
    await mona.says("/kill alice")
    await mona.says("/ban alice 1h")
    answer = (await mona.says("/unban alice")).text
    assert answer.startswith("@alice was removed as well, and may come back at ")
    assert (await alice.knocks()).refusal.code == "removed"


async def test_a_moderator_makes_no_ban_shorter_that_they_could_not_lift(
    bob: Person, mona: Person, olga: Person, house: House
) -> None:
    await mona.enters()
    await mona.hears("joined", user="mona")
    await olga.enters()
    await olga.says("/ban bob forever")
    before = await house.kinds()
    for line in ("/ban bob 1s", "/ban bob 30d", "/unban bob"):
        assert (await mona.refused(line)).code == "no_permission", line
    assert await house.kinds() == before
    await olga.says("/ban bob 2d")
    assert await mona.says("/ban bob 1d")

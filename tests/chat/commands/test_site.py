"""What admins of the site type: /siteban, /siteunban, /broadcast, /announce, /resetlink."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.actions import suspend
from chat.actions import site
from chat.errors import Unavailable
from chat.policy import Role
from tests.chat.commands.test_steering import code_for
from tests.people import PASSWORD, House, Person, Refused

PLAIN = {"Content-Type": "text/plain"}


@pytest.fixture
async def ada(house: House, olga: Person) -> Person:
    """The admin of the site, a member of #lobby."""
    person = await house.person("ada", is_admin=True)
    await house.ranks(person, Role.MEMBER)
    await person.enters()
    return person


ALICE = {"name": "alice", "password": PASSWORD}


async def acts(house: House) -> list[str]:
    """What is in the log of the site."""
    return [act for (act,) in await house.node.manager.rows("SELECT act FROM site_log ORDER BY id")]


async def test_who_is_shut_out_of_the_site_is_out_of_every_room_and_process(
    alice: Person, ada: Person, olga: Person, house: House
) -> None:
    await house.opens()
    there = await house.again("alice", alice.id, at=1)
    program = await house.program(alice)
    await house.room("garden", olga)
    await alice.enters()
    await there.enters("garden")
    why = await ada.refused("/siteban @ALICE 7d spam")
    assert why.message.startswith("This shuts @alice out of the whole site until ")
    code = await code_for(ada, "/siteban @ALICE 7d spam")
    assert f"/siteban --code {code} @alice 7d spam (" in why.message
    line = f"/siteban --code {code} @alice 7d spam"
    answer = await ada.says(line, nonce="n-1")
    assert answer.text.startswith("@alice is shut out of the site until ")
    assert [await person.tab.is_closed() for person in (alice, there)] == [4501, 4501]
    assert (await alice.opens("/rooms")).leads_to == "/login?next=/rooms"
    page = (await alice.opens("/login?next=/rooms")).words
    assert "This account may not sign in until " in page
    assert "UTC. By ada, with the reason “spam”. Ask whoever runs this chat if that is wrong." in page
    why = await alice.gets("/api/rooms")
    assert (why.status, why.refusal.code) == (401, "not_signed_in")
    assert "By ada, with the reason “spam”." in why.refusal.message
    assert "with the reason “spam”" in (await (await house.stranger()).fills("/login", **ALICE)).words
    assert "may not sign in" not in (await (await house.stranger()).opens("/login")).words
    for refused in (await program.gets("/api/rooms"), await program.knocks(), await alice.knocks()):
        assert (refused.status, refused.refusal.code) == (401, "not_signed_in")
        assert "until " in refused.refusal.message
        assert "By ada, with the reason “spam”." in refused.refusal.message
    assert (await ada.says(line, nonce="n-1")).duplicate
    assert (await ada.says("/siteunban alice", nonce="n-2")).text == "@alice may come in again."
    assert (await ada.says("/siteunban alice", nonce="n-2")).duplicate
    assert (await ada.refused("/siteunban alice")).code == "not_set"
    await alice.signs_in()
    assert (await alice.enters()).you.role == "member"
    assert await acts(house) == ["siteban", "siteunban"]


async def test_a_word_of_old_is_not_given_for_another_rest(alice: Person, ada: Person, house: House) -> None:
    code = await code_for(ada, "/siteban alice 7d spam")
    await ada.says(f"/siteban --code {code} alice 7d spam")
    # At the machine, where no word is left.
    node = house.node
    await suspend(node.manager, [alice.id], datetime.now(UTC) + timedelta(days=9))
    words = (await (await house.stranger()).fills("/login", **ALICE)).words
    assert "This account may not sign in until " in words
    assert "ada" not in words
    assert "spam" not in words


async def test_bots_of_who_is_shut_out_stop(alice: Person, ada: Person, house: House) -> None:
    await house.ranks(alice, Role.OWNER)
    await alice.enters()
    path = "/hooks/" + (await alice.says("/hook ci")).text.split("/hooks/")[1].split()[0]
    assert (await ada.posts(path, "works", **PLAIN)).status in (200, 201, 204)
    code = await code_for(ada, "/siteban alice")
    assert "1 bot of theirs" in (await ada.says(f"/siteban --code {code} alice")).text
    assert (await ada.posts(path, "works still", **PLAIN)).status == 403


async def shuts_out(ada: Person, whom: str) -> str:
    """Ada shuts an account out for good; what she is told."""
    told: str = (await ada.says(f"/siteban --code {await code_for(ada, f'/siteban {whom}')} {whom}")).text
    return told


async def test_a_hook_of_somebody_else_goes_on_under_the_name_that_two_use(
    alice: Person, ada: Person, olga: Person, house: House
) -> None:
    await house.ranks(alice, Role.OWNER)
    await house.room("garden", alice)
    await alice.enters("garden")
    hers = "/hooks/" + (await alice.says("/hook ci")).text.split("/hooks/")[1].split()[0]
    await alice.enters("lobby")
    await alice.says("/hook ci")
    await alice.says("/hook revoke ci")
    await olga.enters()
    theirs = "/hooks/" + (await olga.says("/hook ci")).text.split("/hooks/")[1].split()[0]
    assert "bot" not in await shuts_out(ada, "alice")
    assert (await ada.posts(theirs, "works", **PLAIN)).status == 201
    refused = await ada.posts(hers, "works still", **PLAIN)
    assert (refused.status, refused.refusal.code) == (403, "suspended")
    assert "1 bot of theirs" in await shuts_out(ada, "olga")
    assert (await ada.posts(theirs, "works still", **PLAIN)).status == 403
    await ada.says("/siteunban alice")
    assert (await ada.posts(theirs, "works still", **PLAIN)).status == 403
    await ada.says("/siteunban olga")
    assert (await ada.posts(theirs, "works", **PLAIN)).status == 201
    assert (await ada.posts(hers, "works", **PLAIN)).status == 201


@pytest.mark.parametrize("first", ["alice", "ci"])
async def test_a_bot_shut_out_for_itself_is_not_let_in_with_who_made_it(
    alice: Person, ada: Person, house: House, first: str
) -> None:
    await house.ranks(alice, Role.OWNER)
    await alice.enters()
    path = "/hooks/" + (await alice.says("/hook ci")).text.split("/hooks/")[1].split()[0]
    for whom in ("alice", "ci") if first == "alice" else ("ci", "alice"):
        await shuts_out(ada, whom)
    await ada.says("/siteunban alice")
    assert (await ada.posts(path, "works", **PLAIN)).status == 403
    await ada.says("/siteunban ci")
    assert (await ada.posts(path, "works", **PLAIN)).status == 201


async def test_who_asks_again_ends_what_was_not_ended_yet(
    alice: Person, ada: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alice.enters()
    line = f"/siteban --code {await code_for(ada, '/siteban alice')} alice"

    async def stops(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as dying:
        dying.setattr(site, "_end", stops)
        with pytest.raises(Refused, match="again"):
            await ada.says(line, nonce="n-1")
    assert (await alice.refused("still here")).code == "suspended", "her line stands, for nobody was told"
    assert (await ada.says(line, nonce="n-1")).duplicate
    assert await alice.tab.is_closed() == 4501
    assert await acts(house) == ["siteban"]
    await ada.says("/siteunban alice")
    await alice.signs_in()
    await alice.enters()
    assert (await ada.says(line, nonce="n-1")).duplicate
    assert (await alice.says("and stays")).seq


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("olga", "/siteban alice", "no_permission"),
        ("olga", "/siteunban alice", "no_permission"),
        ("olga", "/broadcast hi", "no_permission"),
        ("olga", "/announce lobby hi", "no_permission"),
        ("olga", "/resetlink alice", "no_permission"),
        ("ada", "/siteban", "usage"),
        ("ada", "/siteban ada", "self"),
        ("ada", "/siteban adam", "rank"),
        ("ada", "/siteban nobody", "not_found"),
        ("ada", "/siteban alice", "confirm_required"),
        ("ada", "/siteban --code AAAA alice", "confirm_required"),
        ("ada", "/broadcast", "usage"),
        ("ada", "/broadcast hi", "confirm_required"),
        ("ada", "/announce lobby", "usage"),
        ("ada", "/announce nowhere hi", "no_such_room"),
        ("ada", "/resetlink ada", "self"),
        ("ada", "/resetlink", "usage"),
    ],
)
async def test_ruling_the_site_is_refused(
    alice: Person, ada: Person, olga: Person, house: House, who: str, line: str, code: str
) -> None:
    await house.person("adam", is_admin=True)
    actor = {"ada": ada, "olga": olga}[who]
    await olga.enters()
    assert (await actor.refused(line)).code == code
    assert await acts(house) == []


async def test_something_is_said_in_every_room_once(
    alice: Person, ada: Person, olga: Person, house: House
) -> None:
    await house.opens()
    there = await house.again("alice", alice.id, at=1)
    await house.room("garden", olga, private=True)
    await house.room("attic", olga)
    await house.ranks(alice, Role.MEMBER, "garden")
    await house.sets({"archived": True}, "attic")
    await there.enters("garden")
    code = await code_for(ada, "/broadcast We *close* at noon")
    line = f"/broadcast --code {code} We *close* at noon"
    assert (await ada.says(line, nonce="n-1")).text == "Said in 2 rooms."
    said = await there.hears("message")
    assert (said.text, said.by.name, said.parts[1]) == (
        "We *close* at noon",
        "ada",
        {"t": "strong", "s": "close"},
    )
    assert (await ada.says(line, nonce="n-1")).duplicate
    for slug, count in (("lobby", 1), ("garden", 1), ("attic", 0)):
        assert (await house.kinds(slug)).count("message") == count
    assert "We <strong>close</strong> at noon" in (await there.opens("/rooms/garden")).text
    assert (await ada.refused(line)).code in ("confirm_required", "confirm_expired")
    await olga.enters("garden")
    assert (await olga.says("next")).seq
    assert await house.node.manager.value("SELECT last_ordinal FROM rooms WHERE slug = 'garden'") == 2


async def test_who_asks_again_says_it_where_it_was_not_said_yet(
    ada: Person, olga: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.room("garden", olga)
    line = f"/broadcast --code {await code_for(ada, '/broadcast Tea')} Tea"

    async def stops(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as dying:
        dying.setattr(site, "_say_everywhere", stops)
        with pytest.raises(Refused, match="again"):
            await ada.says(line, nonce="n-1")
    assert "message" not in await house.kinds("garden")
    await house.room("later", olga)
    for _ in range(2):
        assert (await ada.says(line, nonce="n-1")).duplicate
    counts = {slug: (await house.kinds(slug)).count("message") for slug in ("lobby", "garden", "later")}
    assert counts == {"lobby": 1, "garden": 1, "later": 0}
    assert await acts(house) == ["broadcast"]


async def test_nobody_learns_by_announcing_which_rooms_there_are(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga, private=True)
    await alice.enters()
    told = [await alice.refused(f"/announce #{slug} hi") for slug in ("garden", "nowhere")]
    assert [one.code for one in told] == ["no_permission"] * 2
    assert told[0].message == told[1].message


async def test_something_is_announced_in_a_room_one_is_no_member_of(
    ada: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await olga.enters("garden")
    assert (await ada.says("/announce #garden Mind the roses", nonce="n-1")).text == "Said in #garden."
    assert (await olga.hears("message")).text == "Mind the roses"
    assert (await ada.says("/announce #garden Mind the roses", nonce="n-1")).duplicate
    assert (await house.kinds("garden")).count("message") == 1
    await house.sets({"archived": True}, "garden")
    assert (await ada.refused("/announce garden again")).code == "archived"


async def test_a_lost_password_is_made_new_by_a_link_once(alice: Person, ada: Person, house: House) -> None:
    await alice.enters()
    answer = await ada.says("/resetlink alice", nonce="n-1")
    path = answer.text.split()[0][answer.text.index("/reset/") :]
    again = await ada.says("/resetlink alice", nonce="n-1")
    assert again.duplicate
    assert path not in again.text
    stranger = await house.stranger()
    assert "For <b>alice</b>" in (await stranger.opens(path)).text
    short = await stranger.fills(path, password="short")
    assert short.status == 400
    done = await stranger.fills(path, password="quay-and-lantern-9")
    assert (done.status, done.leads_to) == (303, "/rooms")
    assert await alice.tab.is_closed() == 4501
    assert "alice" in (await stranger.opens("/me")).text
    assert (await stranger.opens(path)).status == 404
    assert (await ada.says("/resetlink alice")).text != answer.text
    assert await acts(house) == ["resetlink", "resetlink"]


async def test_a_link_of_before_is_good_no_more_and_none_lasts_for_ever(
    alice: Person, ada: Person, house: House
) -> None:
    first, second = [(await ada.says("/resetlink alice")).text.split()[0] for _ in range(2)]
    stranger = await house.stranger()
    assert (await stranger.opens(first[first.index("/reset/") :])).status == 404
    path = second[second.index("/reset/") :]
    assert (await stranger.opens(path)).status == 200
    await house.node.manager.execute("UPDATE sign_in_links SET expires_at = now()")
    assert (await stranger.opens(path)).status == 404

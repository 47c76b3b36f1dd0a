"""Rooms as pages: read and written without a script."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.policy import Role
from tests.people import House, Person

HOSTILE = "<script>alert(1)</script>\"'><img src=x>"
TAGS = ("<script>alert", "<img src=x", "\"'>")


async def test_the_front_door_leads_where_one_belongs(house: House, olga: Person, alice: Person) -> None:
    assert (await (await house.stranger()).opens("/")).leads_to == "/login"
    assert (await alice.opens("/")).leads_to == "/rooms/lobby"
    assert (await (await house.person("carol")).opens("/")).leads_to == "/rooms"
    await house.room("garden", alice)
    assert (await alice.opens("/")).leads_to == "/rooms"


@pytest.mark.parametrize("path", ["/rooms", "/rooms/lobby", "/rooms/lobby?at=3"])
async def test_strangers_sign_in_first_and_come_back(house: House, olga: Person, path: str) -> None:
    stranger = await house.stranger()
    page = await stranger.opens(path)
    assert page.status == 303
    assert page.leads_to is not None
    assert page.leads_to.startswith("/login?next=/rooms")
    stranger.name = "olga"
    assert (await stranger.opens(page.leads_to)).status == 200


async def test_strangers_post_nothing(house: House, olga: Person) -> None:
    stranger = await house.stranger()
    for path in ("/rooms", "/rooms/lobby"):
        answer = await stranger.fills(path, on="/login", text="hi", slug="x")
        assert answer.leads_to == "/login"
    assert await house.kinds() == ["added"]


async def test_a_form_of_another_page_is_not_believed(alice: Person, house: House) -> None:
    for path, fields in (("/rooms/lobby", {"text": "hi"}), ("/rooms", {"slug": "x"})):
        assert (await alice.sends(path, **fields)).status == 403
        assert (await alice.sends(path, csrf="0" * 64, **fields)).status == 403
    assert await house.kinds() == ["added"]


async def test_the_list_shows_rooms_one_may_know_of(alice: Person, olga: Person, house: House) -> None:
    await house.room("cellar", olga, private=True, topic="secrets")
    await house.room("garden", olga, title="The garden", topic="Roses & <b>thorns</b>")
    page = await alice.opens("/rooms")
    assert "#lobby" in page.text
    assert "Roses &amp; &lt;b&gt;thorns&lt;/b&gt;" in page.text
    assert "cellar" not in page.text
    assert "#cellar" in (await olga.opens("/rooms")).text


# -- making a room ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "slug"),
    [("garden", "garden"), ("#Garden", "garden"), (" Été à la mer ", "ete-a-la-mer"), ("a_b", "a_b")],
)
async def test_a_room_is_made_by_a_form(alice: Person, house: House, typed: str, slug: str) -> None:
    answer = await alice.fills("/rooms", slug=typed)
    assert (answer.status, answer.leads_to) == (303, f"/rooms/{slug}")
    page = await alice.opens(f"/rooms/{slug}")
    assert page.status == 200
    assert 'data-role="owner"' in page.text


async def test_a_private_room_is_private(alice: Person, bob: Person) -> None:
    await alice.fills("/rooms", slug="cellar", private="on", title="Down below")
    assert "Down below" in (await alice.opens("/rooms/cellar")).text
    page = await bob.opens("/rooms/cellar")
    assert page.status == 404
    assert "Down below" not in page.text
    assert (await bob.fills("/rooms/cellar", on="/rooms", text="hi")).status == 404


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ("", 400, "A room's address is"),
        ("!!!", 400, "A room's address is"),
        ("日本", 400, "A room's address is"),
        ("api", 400, "kept for the site itself"),
        ("lobby", 409, "There is a room #lobby already"),
    ],
)
async def test_a_room_that_cannot_be_is_said_beside_its_field(
    alice: Person, typed: str, status: int, words: str
) -> None:
    answer = await alice.fills("/rooms", slug=typed, title=HOSTILE)
    assert answer.status == status
    assert words in answer.words
    for tag in TAGS:
        assert tag not in answer.text


async def test_rooms_are_not_made_without_end(alice: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, rate=0.01)
    page = await alice.opens("/rooms")
    answers = [
        await alice.sends("/rooms", csrf=page.field("csrf"), slug=f"room-{number}") for number in range(25)
    ]
    assert 429 in {answer.status for answer in answers}


# -- reading ----------------------------------------------------------------------------------------------------


async def test_names_topic_words_and_reasons_are_shown_as_words(
    alice: Person, olga: Person, house: House
) -> None:
    await house.node.manager.execute("UPDATE users SET name = %s WHERE id = %s", HOSTILE, alice.id)
    await house.node.manager.execute("UPDATE rooms SET title = %s, topic = %s", HOSTILE, HOSTILE)
    await alice.enters()
    await olga.enters()
    await alice.says(HOSTILE)
    await alice.says(f"/me {HOSTILE}")
    await alice.says(f"`{HOSTILE}`")
    await olga.says(f"/topic {HOSTILE}")
    await olga.says(f"/clear {HOSTILE}")
    await olga.says("/undo")
    await house.marks(alice, f"reason = '{HOSTILE.replace(chr(39), chr(39) * 2)}'")
    for person, path in ((olga, "/rooms/lobby"), (alice, "/rooms/lobby"), (olga, "/rooms"), (alice, "/me")):
        page = await person.opens(path)
        assert page.status == 200
        assert "&lt;script&gt;alert" in page.text
        for tag in TAGS:
            assert tag not in page.text, path


async def test_the_page_shows_the_last_fifty_and_leads_to_older_ones(alice: Person, house: House) -> None:
    await house.node.manager.execute(
        "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, ordinal, text, "
        "parts) SELECT r.id, r.last_seq + n, 'message', %s, 'alice', now(), 'x' || n, '', n, 'word' || n, "
        "jsonb_build_array(jsonb_build_object('t', 'text', 's', 'word' || n || '.')) "
        "FROM rooms r, generate_series(1, 120) n",
        alice.id,
    )
    await house.node.manager.execute("UPDATE rooms SET last_seq = last_seq + 120, last_ordinal = 120")
    page = await alice.opens("/rooms/lobby")
    assert "word71." in page.text
    assert "word70." not in page.text
    older = await alice.opens("/rooms/lobby?before=72")
    assert "word70." in older.text
    assert "word71." not in older.text
    assert 'href="/rooms/lobby?after=71"' in older.text
    assert "word71." in (await alice.opens("/rooms/lobby?after=71")).text
    first = await alice.opens("/rooms/lobby?before=22")
    assert "word20." in first.text
    assert 'href="/rooms/lobby?before=' not in first.text
    assert 'href="/rooms/lobby?before=72"' in page.text


async def test_a_permalink_shows_what_it_names(alice: Person, house: House) -> None:
    await alice.enters()
    seqs = [(await alice.says(f"word {n}.")).seq for n in range(6)]
    page = await alice.opens(f"/rooms/lobby?at={seqs[2]}")
    assert f'id="m{seqs[2]}"' in page.text
    assert (await alice.opens("/rooms/lobby?at=999999")).status == 200


@pytest.mark.parametrize(
    "query", ["at=x", "at=-1", "before=1&after=2", "before=" + "9" * 30, "limit=0", "at=%00"]
)
async def test_an_address_nobody_can_mean_is_refused_as_a_page(alice: Person, query: str) -> None:
    page = await alice.opens(f"/rooms/lobby?{query}")
    assert page.status == 400
    assert "must be" in page.words or "given without" in page.words


@pytest.mark.parametrize(
    "slug", ["nowhere", "%00", "lobby%00", "%FF", "<script>", "a%2Fb", "LOBBY", "%0d%0aX-Y:1"]
)
async def test_a_room_that_is_not_there_is_a_page_too(alice: Person, slug: str) -> None:
    page = await alice.opens(f"/rooms/{slug}")
    assert page.status == 404
    assert "<script>" not in page.text
    assert (await alice.fills(f"/rooms/{slug}", on="/rooms", text="hi")).status == 404


async def test_a_page_makes_nobody_a_member(house: House, olga: Person) -> None:
    carol = await house.person("carol")
    assert (await carol.opens("/rooms/lobby")).status == 200
    assert (await carol.opens("/rooms/lobby?at=1")).status == 200
    assert await house.kinds() == ["added"]


# -- old addresses ----------------------------------------------------------------------------------------------


async def test_old_addresses_lead_to_the_new_ones(alice: Person) -> None:
    for old, new in (
        ("/chat/rooms", "/rooms"),
        ("/chat/rooms/lobby", "/rooms/lobby"),
        ("/chat/rooms/lobby?at=3&x=%26%0d%0a", "/rooms/lobby?at=3&x=%26%0D%0A"),
    ):
        answer = await alice.opens(old)
        assert (answer.status, answer.leads_to) == (301, new)


@pytest.mark.parametrize(
    "slug", ["%0d%0aSet-Cookie:x=y", "%2F%2Fevil.example", "..%2F..%2F%2Fevil.example", "😀", "%00"]
)
async def test_an_old_address_leads_nowhere_else(alice: Person, slug: str) -> None:
    answer = await alice.opens(f"/chat/rooms/{slug}")
    assert "Set-Cookie" not in answer.headers or "x=y" not in answer.headers["Set-Cookie"]
    assert answer.status in (301, 404)
    if answer.status == 301:
        assert answer.leads_to is not None
        assert answer.leads_to.startswith("/rooms/")


async def test_the_former_address_of_a_room_leads_to_it_with_all_that_was_asked(
    alice: Person, house: House
) -> None:
    await _moves(house, "lobby", "hall")
    answer = await alice.opens("/rooms/lobby?at=1")
    assert (answer.status, answer.leads_to) == (303, "/rooms/hall?at=1")
    assert (await alice.fills("/rooms", slug="lobby")).status == 409


async def test_the_former_address_of_a_private_room_tells_strangers_nothing(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await _moves(house, "cellar", "vault")
    assert (await alice.opens("/rooms/cellar")).status == 404
    assert (await olga.opens("/rooms/cellar")).leads_to == "/rooms/vault"


async def test_who_is_shown_out_is_led_to_the_new_address_to_read_why(alice: Person, house: House) -> None:
    await house.marks(alice, "out_until = now() + interval '1 minute'")
    await _moves(house, "lobby", "hall")
    assert (await alice.opens("/rooms/lobby")).leads_to == "/rooms/hall"
    assert (await alice.opens("/rooms/hall")).status == 403


@pytest.mark.parametrize(
    ("line", "heading", "back"),
    [
        ("/kill @alice too loud", "You were removed from", "Only an invitation brings you back."),
        ("/uninvite @alice", "You were removed from", "Only an invitation brings you back."),
        ("/ban @alice 2d too loud", "You are banned from", "Only an invitation brings you back, after"),
        ("/ban @alice forever too loud", "You are banned from", "back, once a moderator lets you."),
    ],
)
async def test_who_was_put_out_of_a_private_room_reads_by_whom_and_why(
    alice: Person, bob: Person, olga: Person, house: House, line: str, heading: str, back: str
) -> None:
    await house.room("cellar", olga, private=True)
    await olga.enters("cellar")
    await olga.says("/invite @alice")
    assert (await alice.opens("/rooms/cellar")).status == 200
    await olga.says(line)
    page = await alice.opens("/rooms/cellar")
    assert page.status == 403
    assert f"{heading} #cellar" in page.words
    assert "By <b>olga</b> at " in page.words
    assert ("with the reason “too loud”" in page.words) is ("too loud" in line)
    assert back in page.words
    assert (await bob.opens("/rooms/cellar")).status == 404
    await _moves(house, "cellar", "vault")
    assert (await alice.opens("/rooms/cellar")).status == 404, "its new address is not told"


async def test_a_ban_tells_nobody_of_a_private_room_they_never_were_in(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await olga.enters("cellar")
    await olga.says("/ban @alice too loud")
    assert (await alice.opens("/rooms/cellar")).status == 404


async def test_who_left_a_private_room_is_not_told_of_an_older_removal(
    alice: Person, olga: Person, house: House
) -> None:
    await house.room("cellar", olga, private=True)
    await olga.enters("cellar")
    for line in ("/invite @alice", "/kill @alice", "/invite @alice"):
        await olga.says(line)
    await house.marks(alice, "out_until = NULL", "cellar")
    await alice.fills("/rooms/cellar", text="/leave")
    assert (await alice.opens("/rooms/cellar")).status == 404


async def _moves(house: House, was: str, now: str) -> None:
    run = house.node.manager.execute
    await run("INSERT INTO room_slugs (slug, room_id) SELECT slug, id FROM rooms WHERE slug = %s", was)
    await run("UPDATE rooms SET slug = %s WHERE slug = %s", now, was)


# -- saying something by a form ---------------------------------------------------------------------------------


async def test_words_are_said_by_a_form_and_heard_live(alice: Person, bob: Person) -> None:
    await bob.enters()
    page = await alice.opens("/rooms/lobby")
    sent = {"csrf": page.field("csrf"), "nonce": page.field("nonce"), "text": "hi\r\nthere"}
    answer = await alice.sends("/rooms/lobby", **sent)
    assert (answer.status, answer.leads_to) == (303, "/rooms/lobby")
    assert (await bob.hears("message")).text == "hi\nthere"
    assert (await alice.sends("/rooms/lobby", **sent)).status == 303
    assert not await bob.tab.has_heard("message"), "a form sent again says nothing twice"


async def test_an_answer_to_a_command_is_on_the_next_page_once(alice: Person) -> None:
    await alice.fills("/rooms/lobby", text="/who")
    assert "0 here in #lobby" in (await alice.opens("/rooms/lobby")).words
    assert "0 here in #lobby" not in (await alice.opens("/rooms/lobby")).words


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("/kcik bob", 400, "No command /kcik"),
        ("/kill bob", 403, "Only moderators of #lobby can /kill. Ask one of them."),
        ("x" * 4001, 413, "4,001 of at most 4,000 characters"),
        ("x" * 6000, 413, "6,000 of at most 4,000 characters"),
        ("", 400, "There is nothing in it to send"),
    ],
)
async def test_what_is_refused_stays_in_the_composer(
    alice: Person, house: House, text: str, status: int, words: str
) -> None:
    answer = await alice.fills("/rooms/lobby", text=text)
    assert answer.status == status
    assert words in answer.words
    assert f">{text}</textarea>" in answer.words
    assert "message" not in await house.kinds()


async def test_refused_words_come_back_as_words(alice: Person) -> None:
    answer = await alice.fills("/rooms/lobby", text="/nope </textarea><script>alert(1)</script>")
    assert "<script>alert" not in answer.text


async def test_four_thousand_characters_in_short_lines_fit_a_form(alice: Person, bob: Person) -> None:
    await bob.enters()
    text = "x\n" * 2000
    assert (await alice.fills("/rooms/lobby", text=text.replace("\n", "\r\n"))).status == 303
    assert (await bob.hears("message")).text == text.rstrip()


async def test_a_first_word_by_form_makes_a_member(house: House, olga: Person) -> None:
    carol = await house.person("carol")
    assert (await carol.fills("/rooms/lobby", text="hi")).status == 303
    assert await house.kinds() == ["added", "added", "message"]


async def test_who_is_banned_sees_why(alice: Person, house: House) -> None:
    await house.marks(alice, "banned_until = '9999-01-01', is_member = false, reason = 'spam & <b>lies</b>'")
    page = await alice.opens("/rooms/lobby")
    assert page.status == 403
    assert "You are banned from #lobby" in page.words
    assert "spam &amp; &lt;b&gt;lies&lt;/b&gt;" in page.text
    assert "#lobby" not in (await alice.opens("/rooms")).text


async def test_a_gone_user_is_a_stranger_everywhere(alice: Person, house: House) -> None:
    await house.ranks(alice, Role.MEMBER)
    await house.node.manager.execute("DELETE FROM memberships WHERE user_id = %s", alice.id)
    await house.node.manager.execute("DELETE FROM users WHERE id = %s", alice.id)
    for path in ("/", "/rooms", "/rooms/lobby", "/me"):
        page = await alice.opens(path)
        assert page.status == 303
        assert page.leads_to is not None
        assert page.leads_to.startswith("/login")
    assert (await alice.gets("/api/rooms")).status == 401

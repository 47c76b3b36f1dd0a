"""Rooms over HTTP, for programs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from chat.commands import COMMANDS
from chat.history import Page
from chat.policy import Role
from tests.people import House, Person

MESSAGES = "/api/rooms/lobby/messages"


@pytest.fixture
async def program(alice: Person, house: House) -> Person:
    """Alice's program, with a token and no cookie."""
    return await house.program(alice)


# -- who may ask ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/api/rooms", MESSAGES, "/api/rooms/lobby/here", "/api/rooms/lobby/me", "/api/commands?room=lobby"],
)
async def test_programs_sign_in_too(house: House, olga: Person, path: str) -> None:
    answer = await (await house.stranger()).gets(path)
    assert (answer.status, answer.refusal.code) == (401, "not_signed_in")


@pytest.mark.parametrize("slug", ["nowhere", "%00", "lobby%00", "%2e%2e", "%FF", "😀", "x" * 999])
async def test_a_room_that_is_not_there_is_not_found(program: Person, slug: str) -> None:
    for path in (f"/api/rooms/{slug}/messages", f"/api/rooms/{slug}/me", f"/api/commands?room={slug}"):
        answer = await program.gets(path)
        assert (answer.status, answer.refusal.code) in {(404, "no_such_room"), (404, "not_found")}
    answer = await program.posts(f"/api/rooms/{slug}/messages", {"text": "hi"})
    assert answer.status == 404


async def test_a_private_room_of_others_looks_like_none(program: Person, olga: Person, house: House) -> None:
    await house.room("cellar", olga, private=True)
    for what in ("messages", "here", "me"):
        private, none = (
            await program.gets(f"/api/rooms/cellar/{what}"),
            await program.gets(f"/api/rooms/no/{what}"),
        )
        assert (private.status, private.text) == (404, none.text)
    assert (await program.posts("/api/rooms/cellar/messages", {"text": "hi"})).status == 404
    assert [room["slug"] for room in (await program.gets("/api/rooms")).json.rooms] == ["lobby"]


# -- saying something -------------------------------------------------------------------------------------------


async def test_what_a_program_says_is_heard(program: Person, bob: Person) -> None:
    await bob.enters()
    answer = await program.posts(MESSAGES, {"text": "hi", "nonce": "n-1"})
    assert answer.status == 201
    assert set(answer.json) == {"seq", "at"}
    heard = await bob.hears("message")
    assert (heard.seq, heard.at, heard.by.name) == (answer.json.seq, answer.json.at, "alice")
    again = await program.posts(MESSAGES, {"text": "hi", "nonce": "n-1"})
    assert (again.status, again.json) == (200, {**answer.json, "duplicate": True})
    other = await program.posts(MESSAGES, {"text": "ho", "nonce": "n-1"})
    assert (other.status, other.refusal.code) == (409, "nonce_conflict")
    assert not await bob.tab.has_heard("message")


async def test_a_first_post_makes_a_member(house: House, olga: Person) -> None:
    carol = await house.program(await house.person("carol"))
    assert (await carol.posts(MESSAGES, {"text": "hi"})).status == 201
    assert (await carol.gets("/api/rooms/lobby/me")).json.member is True
    assert await house.kinds() == ["added", "added", "message"]


async def test_commands_are_understood_here_too(
    program: Person, olga: Person, bob: Person, house: House
) -> None:
    await bob.enters()
    helped = await program.posts(MESSAGES, {"text": "/help"})
    assert helped.status == 200
    assert "/me <action>" in helped.json.notices[0]
    waved = await program.posts(MESSAGES, {"text": "/me waves", "nonce": "n-1"})
    assert waved.status == 201
    assert (await bob.hears("message", seq=waved.json.seq)).style == "action"
    refused = await program.posts(MESSAGES, {"text": "/kill bob"})
    assert (refused.status, refused.refusal.code) == (403, "no_permission")
    unknown = await program.posts(MESSAGES, {"text": "/kcik bob"})
    assert (unknown.status, unknown.refusal.code) == (400, "unknown_command")
    ruler = await house.program(olga)
    killed = await ruler.posts(MESSAGES, {"text": "/kill bob", "nonce": "n-1"})
    assert (killed.status, await bob.tab.is_closed()) == (200, 4502)
    again = await ruler.posts(MESSAGES, {"text": "/kill bob", "nonce": "n-1"})
    assert again.json == {**killed.json, "duplicate": True}


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ("{", 400, "bad_json", None),
        ("", 400, "bad_json", None),
        ("null", 400, "bad_request", None),
        ("[]", 400, "bad_request", None),
        ("[" * 5000, 400, "bad_request", None),
        (b"\xff", 400, "bad_json", None),
        ({}, 400, "bad_request", None),
        ({"text": None}, 400, "bad_request", "text"),
        ({"text": 1}, 400, "bad_request", "text"),
        ({"text": ["hi"]}, 400, "bad_request", "text"),
        ({"text": ""}, 400, "empty", "text"),
        ({"text": " \u200b\n"}, 400, "empty", "text"),
        ({"text": "a\0b"}, 400, "bad_request", "text"),
        ('{"text": "\\ud800"}', 400, "bad_json", None),
        ({"text": "x" * 4001}, 413, "too_long", "text"),
        ({"text": "hi", "nonce": ""}, 400, "bad_request", "nonce"),
        ({"text": "hi", "nonce": "~mine"}, 400, "bad_request", "nonce"),
        ({"text": "hi", "nonce": "n\n"}, 400, "bad_request", "nonce"),
        ({"text": "hi", "nonce": "n" * 65}, 400, "bad_request", "nonce"),
        ({"text": "hi", "reply_to": -1}, 400, "bad_request", "reply_to"),
        ({"text": "hi", "reply_to": 10**30}, 400, "bad_request", "reply_to"),
        ({"text": "hi", "reply_to": 1.5}, 400, "bad_request", "reply_to"),
        ({"text": "hi", "reply_to": 77}, 404, "gone", None),
        ({"text": "x" * 70_000}, 413, "too_large", None),
    ],
)
async def test_what_cannot_be_read_is_refused_by_name(
    program: Person, body: Any, status: int, code: str, field: str | None
) -> None:
    answer = await program.posts(MESSAGES, body)
    assert (answer.status, answer.refusal.code) == (status, code)
    assert answer.refusal.field == field


async def test_a_page_of_another_site_posts_nothing_in_ones_name(alice: Person, house: House) -> None:
    foreign = await alice.posts(MESSAGES, {"text": "hi"}, Origin="https://evil.example")
    assert (foreign.status, foreign.refusal.code) == (403, "foreign_origin")
    form = await alice.posts(MESSAGES, '{"text": "hi"}', **{"Content-Type": "text/plain"})
    assert (form.status, form.refusal.code) == (403, "bad_csrf")
    assert await house.kinds() == ["added"]


async def test_too_much_at_once_is_asked_to_wait(program: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, rate=0.01)
    answers = await asyncio.gather(*(program.posts(MESSAGES, {"text": f"{n}"}) for n in range(30)))
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert refused[0].refusal.temporary is True
    assert refused[0].headers["Retry-After"] == str(refused[0].refusal.retry_after)


async def test_the_muted_are_told_how_long(program: Person, alice: Person, house: House) -> None:
    await house.marks(alice, "muted_until = now() + interval '5 minutes', reason = 'loud'")
    answer = await program.posts(MESSAGES, {"text": "hi"})
    assert (answer.status, answer.refusal.code) == (403, "muted")
    assert 200 <= int(answer.headers["Retry-After"]) <= 300
    assert (await program.gets("/api/rooms/lobby/me")).json.muted_until


# -- pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def talk(alice: Person, house: House) -> list[int]:
    """Twelve messages, and their numbers."""
    program = await house.program(alice)
    return [(await program.posts(MESSAGES, {"text": f"word {n}"})).json.seq for n in range(12)]


@pytest.mark.parametrize(
    ("query", "expected", "complete"),
    [
        ("", range(12), True),
        ("?limit=5", range(7, 12), False),
        ("?before={3}", range(3), True),
        ("?before={3}&limit=2", range(1, 3), False),
        ("?after={8}", range(9, 12), True),
        ("?after={8}&limit=2", range(9, 11), False),
        ("?after={11}", range(0), True),
        ("?around={5}&limit=4", range(3, 7), False),
        ("?around={5}&limit=5", range(3, 8), False),
        ("?around={11}&limit=4", range(9, 12), True),
        ("?around={5}&limit=1", range(5, 6), False),
        ("?after=9223372036854775807", range(0), True),
    ],
)
async def test_the_log_is_read_in_pages(
    program: Person, talk: list[int], query: str, expected: range, complete: bool
) -> None:
    answer = await program.gets(MESSAGES + query.format(*talk))
    page = answer.json
    seqs = [entry["seq"] for entry in page.entries if entry["type"] == "message"]
    assert seqs == [talk[n] for n in expected]
    assert (page.complete, page.head) == (complete, talk[-1])
    assert page.epoch


async def test_what_is_said_while_a_page_is_made_is_no_news_after_it(
    program: Person, alice: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket opened with the page's head does not tell again what stands in the page."""
    history = house.node.history
    read = history.latest

    async def read_late(*where: int) -> Page:
        await alice.posts(MESSAGES, {"text": "just now"})
        return await read(*where)

    monkeypatch.setattr(history, "latest", read_late)
    page = (await program.gets(MESSAGES)).json
    assert page.entries[-1]["text"] == "just now"
    assert page.head == page.entries[-1]["seq"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("before=x", "before"),
        ("before=-1", "before"),
        ("before=", "before"),
        ("before=١", "before"),
        ("before=1e3", "before"),
        ("after=9223372036854775808", "after"),
        ("after=" + "9" * 400, "after"),
        ("around=1.0", "around"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("before=1&after=2", "after"),
        ("before=1&around=2", "around"),
    ],
)
async def test_a_page_nobody_can_mean_is_refused(program: Person, query: str, field: str) -> None:
    answer = await program.gets(f"{MESSAGES}?{query}")
    assert (answer.status, answer.refusal.code, answer.refusal.field) == (400, "bad_parameter", field)


async def test_a_page_is_never_longer_than_two_hundred(program: Person, talk: list[int]) -> None:
    assert (await program.gets(f"{MESSAGES}?limit=99999")).status == 200


async def test_a_nonce_is_shown_to_its_author_alone(program: Person, bob: Person, house: House) -> None:
    await program.posts(MESSAGES, {"text": "hi", "nonce": "n-1"})
    await program.posts(MESSAGES, {"text": "ho"})
    own = (await program.gets(MESSAGES)).json.entries
    assert [entry.get("nonce") for entry in own if entry["type"] == "message"] == ["n-1", None]
    assert "n-1" not in (await bob.gets(MESSAGES)).text


async def test_removed_words_are_read_no_more(program: Person, alice: Person) -> None:
    await alice.enters()
    said = await alice.says("a password")
    await alice.tab.asks("remove", target=said.seq)
    answer = await program.gets(MESSAGES)
    assert "a password" not in answer.text
    assert {"seq": said.seq, "gone": True}.items() <= next(
        entry for entry in answer.json.entries if entry["seq"] == said.seq
    ).items()


# -- rooms, people, commands --------------------------------------------------------------------------------------


async def test_rooms_are_listed_with_what_is_unread(
    program: Person, alice: Person, bob: Person, house: House
) -> None:
    await bob.enters()
    await bob.says("hi @alice")
    await house.room("cellar", alice, private=True)
    rooms = {room["slug"]: room for room in (await program.gets("/api/rooms")).json.rooms}
    assert set(rooms) == {"lobby", "cellar"}
    assert (rooms["lobby"]["here"], rooms["lobby"]["unread"], rooms["lobby"]["mentions"]) == (1, 1, 1)
    assert (rooms["lobby"]["member"], rooms["cellar"]["private"]) == (True, True)
    assert rooms["lobby"]["last_at"].endswith("Z")


async def test_a_room_is_made_by_who_wants_one(program: Person, bob: Person) -> None:
    answer = await program.posts(
        "/api/rooms", {"slug": "garden", "title": "The <b>garden</b>", "topic": "Roses", "private": False}
    )
    assert answer.status == 201
    assert (answer.json.slug, answer.json.title, answer.json.topic) == (
        "garden",
        "The <b>garden</b>",
        "Roses",
    )
    assert (await program.gets("/api/rooms/garden/me")).json.role == "owner"
    assert (await bob.enters("garden")).you.role == "member"


async def test_what_a_room_is_called_stands_in_one_line(program: Person) -> None:
    answer = await program.posts(
        "/api/rooms", {"slug": "garden", "title": "\u202eThe\ngarden", "topic": "Roses\n#gold · 9 here"}
    )
    assert (answer.json.title, answer.json.topic) == ("The garden", "Roses #gold · 9 here")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"slug": ""}, "bad_slug", "slug"),
        ({"slug": "Garden"}, "bad_slug", "slug"),
        ({"slug": "-x"}, "bad_slug", "slug"),
        ({"slug": "a b"}, "bad_slug", "slug"),
        ({"slug": "a\n"}, "bad_slug", "slug"),
        ({"slug": "a\0"}, "bad_slug", "slug"),
        ({"slug": "ü"}, "bad_slug", "slug"),
        ({"slug": "x" * 33}, "bad_slug", "slug"),
        ({"slug": "api"}, "bad_slug", "slug"),
        ({"slug": "lobby"}, "conflict", "slug"),
        ({"slug": 7}, "bad_request", "slug"),
        ({}, "bad_request", None),
        ({"slug": "x", "title": "t" * 65}, "too_long", "title"),
        ({"slug": "x", "title": "\0"}, "bad_request", "title"),
        ({"slug": "x", "topic": "t" * 251}, "too_long", "topic"),
        ({"slug": "x", "private": "yes"}, "bad_request", "private"),
    ],
)
async def test_a_room_that_cannot_be_is_refused(
    program: Person, body: Any, code: str, field: str | None
) -> None:
    answer = await program.posts("/api/rooms", body)
    assert answer.status in (400, 409, 413)
    assert (answer.refusal.code, answer.refusal.field) == (code, field)
    assert len((await program.gets("/api/rooms")).json.rooms) == 1


async def test_of_two_who_make_the_same_room_one_does(program: Person, bob: Person, house: House) -> None:
    await house.opens()
    other = await house.program(bob, at=1)
    answers = await asyncio.gather(
        *(person.posts("/api/rooms", {"slug": "garden"}) for person in (program, other) for _ in range(3))
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert await house.kinds("garden") == ["added"]


async def test_who_is_here_is_known_without_going_in(program: Person, bob: Person, olga: Person) -> None:
    nobody = await program.gets("/api/rooms/lobby/here")
    assert nobody.json == {"count": 0, "people": []}
    await bob.enters()
    await bob.hears("joined")
    assert (await program.gets("/api/rooms/lobby/here")).json == {
        "count": 1,
        "people": [{"id": bob.id, "name": "bob", "role": "member"}],
    }


async def test_who_is_muted_and_who_has_a_voice_is_known_to_who_comes_later(
    program: Person, bob: Person, mona: Person, house: House
) -> None:
    await bob.enters()
    await mona.enters()
    await mona.says("/voice bob")
    await mona.says("/mute bob 1h")
    until = (await bob.hears("muted")).until
    marked = {"id": bob.id, "name": "bob", "role": "member", "muted_until": until, "voiced": True}
    await house.opens()
    far = await house.again("mona", mona.id, at=1)
    assert marked in (await far.enters()).here.people
    assert "\nbob · muted until " in (await far.says("/who")).text
    assert marked in (await program.gets("/api/rooms/lobby/here")).json["people"]
    await mona.says("/unmute bob")
    await mona.says("/devoice bob")
    await far.hears("role", voiced=False)
    plain = {"id": bob.id, "name": "bob", "role": "member"}
    assert plain in (await program.gets("/api/rooms/lobby/here")).json["people"]
    assert plain in (await far.gets("/api/rooms/lobby/here")).json["people"]
    await mona.says("/mute bob 1h")
    await bob.leaves()
    await far.hears("left")
    again = await house.again("bob", bob.id)
    await again.enters()
    await far.hears("joined")
    assert (await far.gets("/api/rooms/lobby/here")).json["people"][-1]["muted_until"]


async def test_commands_are_told_as_far_as_one_may_use_them(
    program: Person, olga: Person, house: House
) -> None:
    told = (await program.gets("/api/commands?room=lobby")).json
    names = {command["name"] for command in told.commands}
    assert names >= {"help", "me", "who", "nick", "topic", "undo", "msg", "leave"}
    assert not names & {"kill", "clear", "op"}
    assert told.total == len(COMMANDS)
    everything = (await (await house.program(olga)).gets("/api/commands?room=lobby")).json
    assert {command["name"] for command in everything.commands} >= names | {"kill", "clear", "op"}
    assert (await program.gets("/api/commands")).json == told


async def test_an_answer_is_never_kept_by_a_cache_for_others(program: Person) -> None:
    for path in ("/api/rooms", MESSAGES, "/api/rooms/lobby/me"):
        assert (await program.gets(path)).headers["Cache-Control"] == "no-store"


async def test_a_site_admin_comes_in_everywhere_and_keeps_their_rank(house: House, olga: Person) -> None:
    await house.room("cellar", olga, private=True)
    ada = await house.person("ada", is_admin=True)
    assert (await ada.enters("cellar")).you.role == "admin"
    assert (await ada.says("/topic mine")).text == "The topic is set."
    assert (await ada.gets("/api/rooms/cellar/me")).json.member is True
    await house.ranks(ada, Role.MEMBER, "cellar")
    assert (await ada.gets("/api/rooms/cellar/me")).json.role == "admin"

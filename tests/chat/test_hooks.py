"""Hooks: made, listed and ended by owners; and what a program outside may and may not post by one."""

from __future__ import annotations

import asyncio
import re
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from accounts.actions import find_user, register
from chat.actions import hooks
from chat.keys import KNOCKS
from chat.policy import Role
from tests.people import Answer, House, Person

ADDRESS = re.compile(r"/hooks/[a-z0-9_-]+/[A-Za-z0-9_-]{43}")


async def made(owner: Person, name: str = "ci") -> str:
    """The address of a new hook."""
    answer = (await owner.says(f"/hook {name}")).text
    found = ADDRESS.search(answer)
    assert found is not None, answer
    return found[0]


async def knock(
    person: Person, path: str, body: str | bytes, kind: str | None = None, **headers: str
) -> Answer:
    """POST to a hook, as a program does."""
    given = {**headers, **({"Content-Type": kind} if kind else {})}
    how: dict[str, Any] = {"data": body, "headers": given}
    if kind is None:
        how["skip_auto_headers"] = ["Content-Type"]
    return await person._asks("POST", path, **how)


@pytest.fixture
async def hook(olga: Person) -> str:
    """The address of #lobby's hook, whose bot is called ci."""
    await olga.enters()
    return await made(olga)


@pytest.fixture
async def ci(house: House) -> Person:
    """A program somewhere: no account, no cookies."""
    return await house.stranger()


async def test_a_line_of_curl_is_heard_in_the_room(hook: str, house: House, alice: Person) -> None:
    await alice.enters()
    url = f"http://127.0.0.1:{house.servers[0].port}{hook}"
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-d", "build **green** & 100% done=yes", url, stdout=subprocess.PIPE
    )
    told, _ = await process.communicate()
    said = await alice.hears("message")
    assert (said.text, said.by.name) == ("build **green** & 100% done=yes", "ci")
    assert f'"seq":{said.seq}'.encode() in told
    assert {"t": "strong", "s": "green"} in said.parts


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("plain", "text/plain", "plain"),
        ("grüße", "text/plain; charset=UTF-8", "grüße"),
        ("bytes", None, "bytes"),
        ('{"text": "of JSON", "colour": "red"}', "application/json", "of JSON"),
        ("/kill olga", "text/plain", "/kill olga"),
        ("two\nlines", "text/plain", "two\nlines"),
    ],
)
async def test_plain_text_and_json_are_words_and_nothing_else(
    hook: str, ci: Person, olga: Person, body: str, kind: str | None, text: str
) -> None:
    answer = await knock(ci, hook, body.encode(), kind)
    assert answer.status == 201, answer.text
    said = await olga.hears("message")
    assert (said.seq, said.text) == (answer.json.seq, text)


async def test_the_bot_is_a_bot_and_a_member(hook: str, house: House, olga: Person) -> None:
    bot = await find_user(house.node.manager, "ci")
    assert bot is not None
    assert (bot.is_bot, bot.password_hash) == (True, None)
    added = await olga.hears("added", user="ci")
    assert added.by.name == "olga"


async def test_a_nonce_posts_once(hook: str, ci: Person, house: House) -> None:
    first = await knock(ci, f"{hook}?nonce=build-42", "green", "text/plain")
    again = await knock(ci, f"{hook}?nonce=build-42", "green", "text/plain")
    by_json = await knock(ci, hook, '{"text": "green", "nonce": "build-42"}', "application/json")
    assert (first.status, again.status, by_json.status) == (201, 200, 200)
    assert again.json == by_json.json == {**first.json, "duplicate": True}
    assert (await house.kinds()).count("message") == 1
    other = await knock(ci, f"{hook}?nonce=build-42", "red", "text/plain")
    assert (other.status, other.refusal.code) == (409, "nonce_conflict")


@pytest.mark.parametrize(
    ("body", "kind", "status", "code", "field"),
    [
        (b"\xff\xfe", "text/plain", 400, "bad_request", "text"),
        ("grüße".encode("latin-1"), "text/plain; charset=latin-1", 400, "bad_request", "text"),
        (b"", "text/plain", 400, "empty", "text"),
        (b" \n ", "text/plain", 400, "empty", "text"),
        (b"a\0b", "text/plain", 400, "bad_request", "text"),
        (b"x" * 4001, "text/plain", 413, "too_long", "text"),
        (b"x" * 70000, "text/plain", 413, "too_large", None),
        (b"{", "application/json", 400, "bad_json", None),
        (b"[1]", "application/json", 400, "bad_request", None),
        (b'{"text": 5}', "application/json", 400, "bad_request", "text"),
        (b'{"text": ""}', "application/json", 400, "bad_request", "text"),
        (b'{"text": "\\ud800"}', "application/json", 400, "bad_json", None),
        (b'{"text": "x", "nonce": "a b"}', "application/json", 400, "bad_request", "nonce"),
        (b"<p>x</p>", "text/html", 415, "wrong_type", None),
        (b"x", "multipart/form-data; boundary=x", 415, "wrong_type", None),
        (b"x", "image/png", 415, "wrong_type", None),
    ],
)
async def test_what_cannot_be_posted_is_refused_in_json(
    hook: str, ci: Person, house: House, body: bytes, kind: str, status: int, code: str, field: str | None
) -> None:
    answer = await knock(ci, hook, body, kind, Accept="text/html")
    assert (answer.status, answer.refusal.code, answer.refusal.field) == (status, code, field), answer.text
    assert "message" not in await house.kinds()


async def test_a_nonce_in_the_address_is_looked_at(hook: str, ci: Person) -> None:
    answer = await knock(ci, f"{hook}?nonce=%00", "x", "text/plain")
    assert (answer.status, answer.refusal.field) == (400, "nonce")


async def test_an_address_that_is_not_good_is_no_hook(
    hook: str, ci: Person, olga: Person, house: House
) -> None:
    await house.room("attic", olga)
    secret = hook.rpartition("/")[2]
    for path in (
        hook[:-1],
        f"/hooks/attic/{secret}",
        f"/hooks/nowhere/{secret}",
        f"/hooks/%00/{secret}",
        hook + "%00",
    ):
        answer = await knock(ci, path, "x", "text/plain")
        assert (answer.status, answer.refusal.code) == (404, "no_such_hook"), path
    assert (await ci.gets(hook)).status == 405
    await olga.says("/hook revoke CI")
    answer = await knock(ci, hook, "x", "text/plain")
    assert (answer.status, answer.refusal.code) == (404, "no_such_hook")
    assert "message" not in await house.kinds()


async def test_an_old_address_of_the_room_leads_there_still(hook: str, ci: Person, house: House) -> None:
    await house.node.manager.execute("INSERT INTO room_slugs (slug, room_id) SELECT 'lobby', id FROM rooms")
    await house.node.manager.execute("UPDATE rooms SET slug = 'hall'")
    assert (await knock(ci, hook, "x", "text/plain")).status == 201


async def test_only_the_hash_of_the_secret_is_kept(hook: str, house: House, olga: Person) -> None:
    secret = hook.rpartition("/")[2]
    manager = house.node.manager
    for table in ("hooks", "receipts", "messages", "users"):
        rows = await manager.rows(f"SELECT t::text FROM {table} t")
        assert not [row for (row,) in rows if secret in row], table
    assert "ci · made by olga, never used" in (await olga.says("/hook list")).text


async def test_a_repeat_makes_no_second_hook_and_tells_no_secret(olga: Person, house: House) -> None:
    await olga.enters()
    first = await olga.says("/hook ci", nonce="n-1")
    again = await olga.says("/hook ci", nonce="n-1")
    assert again.duplicate
    assert not ADDRESS.search(again.text)
    assert "/hook revoke ci" in again.text
    assert ADDRESS.search(first.text)
    assert await house.node.manager.value("SELECT count(*) FROM hooks") == 1


async def test_hooks_are_listed_with_when_they_were_used(hook: str, ci: Person, olga: Person) -> None:
    await knock(ci, hook, "x", "text/plain")
    assert "ci · made by olga, last used" in (await olga.says("/hook")).text
    await olga.says("/hook revoke @ci")
    assert (await olga.says("/hooks")).text == "There is no hook here. /hook name makes one."
    assert (await olga.refused("/hook revoke ci")).code == "not_set"
    assert (await olga.refused("/hook revoke")).code == "usage"


async def test_only_owners_make_list_and_end_hooks(hook: str, mona: Person, alice: Person) -> None:
    for person in (mona, alice):
        await person.enters()
        for line in ("/hook", "/hook spy", "/hook revoke ci"):
            assert (await person.refused(line)).code == "no_permission", line


async def test_no_hook_takes_the_name_of_an_account(
    hook: str, olga: Person, alice: Person, house: House
) -> None:
    await register(house.node.manager, "robo", None, is_bot=True)
    for name in ("alice", "ALICE", "robo"):
        assert (await olga.refused(f"/hook {name}")).code == "name_taken", name
    assert (await olga.refused("/hook ci")).code == "already"
    assert (await olga.refused('/hook "a b"')).code == "bad_name"


async def test_a_bot_may_serve_the_rooms_of_one_owner(
    hook: str, olga: Person, alice: Person, house: House, ci: Person
) -> None:
    await house.room("attic", olga)
    await olga.enters("attic")
    attic = await made(olga)
    assert (await knock(ci, attic, "x", "text/plain")).status == 201
    await house.room("cellar", alice)
    await alice.enters("cellar")
    assert (await alice.refused("/hook ci")).code == "name_taken"
    await olga.says("/hook revoke ci")
    assert await made(olga) != attic


async def test_a_room_holds_only_so_many(olga: Person, house: House) -> None:
    await olga.enters()
    for number in range(20):
        await house.node.manager.execute(
            "WITH bot AS (INSERT INTO users (name, name_key, is_bot) VALUES (%s, %s, true) RETURNING id) "
            "INSERT INTO hooks (room_id, user_id, secret_hash, created_by) "
            "SELECT r.id, bot.id, %s::bytea, 0 FROM bot, rooms r",
            f"bot{number}",
            f"bot{number}",
            str(number).encode(),
        )
    assert (await olga.refused("/hook ci")).code == "too_many"
    assert await find_user(house.node.manager, "ci") is None


async def test_who_ends_hooks_claims_no_names_without_end(
    olga: Person, mona: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "MOST_NAMES", 2)
    await house.room("garden", olga)
    for slug in ("lobby", "garden"):
        await olga.enters(slug)
        await made(olga, f"ci-{slug}")
        await olga.says(f"/hook revoke ci-{slug}")
    why = await olga.refused("/hook ci-three")
    assert (why.code, "have had 2 names" in why.message) == ("too_many", True)
    assert await find_user(house.node.manager, "ci-three") is None
    assert await made(olga, "ci-lobby")
    await house.ranks(mona, Role.OWNER)
    await mona.enters()
    assert await made(mona, "ci-three"), "those of others are not counted"


async def test_an_archived_room_takes_nothing(hook: str, ci: Person, olga: Person, house: House) -> None:
    await house.sets({"archived": True})
    answer = await knock(ci, hook, "x", "text/plain")
    assert (answer.status, answer.refusal.code) == (403, "archived")
    assert (await olga.refused("/hook deploy")).code == "archived"


async def test_a_bot_is_ruled_like_anybody(hook: str, ci: Person, mona: Person, house: House) -> None:
    await mona.enters()
    await mona.says("/kill ci too loud")
    answer = await knock(ci, hook, "x", "text/plain")
    assert (answer.status, answer.refusal.code) == (403, "removed")
    assert answer.refusal.retry_after
    await house.node.manager.execute("UPDATE memberships SET out_until = NULL, is_member = false")
    answer = await knock(ci, hook, "x", "text/plain")
    assert (answer.status, answer.refusal.code) == (403, "not_a_member")


async def test_a_private_room_hears_its_hook(olga: Person, house: House, ci: Person) -> None:
    await house.room("vault", olga, private=True)
    await olga.enters("vault")
    assert (await knock(ci, await made(olga, "deploy"), "x", "text/plain")).status == 201


async def test_a_hook_that_posts_too_much_is_told_when_to_come_back(
    hook: str, ci: Person, house: House
) -> None:
    house.node.limits = replace(house.node.limits, rate=0.01)
    answers = await asyncio.gather(*(knock(ci, hook, str(number), "text/plain") for number in range(40)))
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {answer.refusal.code for answer in refused} == {"rate_limited"}
    assert int(refused[0].headers["Retry-After"]) == refused[0].refusal.retry_after >= 1
    assert refused[0].refusal.temporary is True


async def test_who_guesses_is_slowed_by_their_address(hook: str, ci: Person, house: House) -> None:
    # However long the guesses take, nothing of it is forgiven meanwhile.
    house.servers[0].app[KNOCKS]._rate = 0.01
    codes = [(await knock(ci, f"{hook[:-1]}{n % 10}x", "x", "text/plain")).status for n in range(90)]
    assert codes[0] == 404
    assert 429 in codes


async def test_cookies_and_tokens_play_no_part(hook: str, house: House, olga: Person) -> None:
    answer = await knock(olga, hook, "x", "text/plain", Origin="https://elsewhere.example")
    assert answer.status == 201
    bearer = await house.program(olga)
    assert (await knock(bearer, hook, "y", "text/plain", Authorization="Bearer ach_nobody")).status == 201
    assert [text for _, kind, text in await house.log() if kind == "message"] == ["x", "y"]


async def test_two_who_make_the_same_hook_at_once_make_one(olga: Person, house: House, mona: Person) -> None:
    await house.ranks(mona, Role.OWNER)
    await olga.enters()
    await mona.enters()
    told = await asyncio.gather(olga.says("/hook ci"), mona.says("/hook ci"), return_exceptions=True)
    assert len([one for one in told if not isinstance(one, Exception)]) == 1
    assert await house.node.manager.value("SELECT count(*) FROM hooks") == 1


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    kind=st.sampled_from(
        ["text/plain", "application/json", "application/x-www-form-urlencoded", "x/y", "", ";"]
    ),
    query=st.text(st.characters(codec="utf-8"), max_size=12),
)
async def test_no_body_is_a_fault_of_the_server(
    hook: str, ci: Person, house: House, body: bytes, kind: str, query: str
) -> None:
    house.node.limits = replace(house.node.limits, rate=1e6, burst=1_000_000)
    house.servers[0].app[KNOCKS]._of.clear()
    async with ci.client.request(
        "POST", hook, data=body, params={"nonce": query}, headers={"Content-Type": kind}
    ) as answer:
        assert answer.status in {201, 200, 400, 404, 409, 413, 415}, await answer.text()
        assert answer.content_type == "application/json"


async def test_the_address_is_no_way_back_for_who_made_it(house: House, olga: Person, ci: Person) -> None:
    ade, owen = await house.person("ade", is_admin=True), await house.person("owen")
    await house.ranks(owen, Role.OWNER)
    await ade.enters()
    await owen.enters()
    hook = await made(owen)
    for line, back, code in (
        ("/mute owen 1h", "/unmute owen", "muted"),
        ("/ban owen 1h", "/unban owen", "banned"),
        ("/kill owen", "", "removed"),
    ):
        await ade.says(line)
        assert (await knock(ci, hook, "here again", "text/plain")).refusal.code == code
        if back:
            await ade.says(back)
            assert (await knock(ci, hook, "welcome", "text/plain")).status == 201
            await owen.enters()
    await house.marks(owen, "out_until = NULL")
    await owen.enters()
    await ade.says("/private")
    await ade.says("/uninvite owen")
    assert (await knock(ci, hook, "here again", "text/plain")).refusal.code == "no_such_room"


async def test_a_hook_outlasts_an_owner_who_goes_away(house: House, olga: Person, ci: Person) -> None:
    owen = await house.person("owen")
    await house.ranks(owen, Role.OWNER)
    await owen.enters()
    hook = await made(owen)
    await owen.posts("/api/rooms/lobby/messages", {"text": "/leave"})
    assert (await knock(ci, hook, "green", "text/plain")).status == 201

"""Before the 101: who may open a socket, and what everybody else is told."""

from __future__ import annotations

from typing import Any

import pytest

from chat.policy import Role
from tests.people import PROTOCOL, House, Person


async def test_nobody_comes_in_without_signing_in(house: House, olga: Person) -> None:
    answer = await (await house.stranger()).knocks()
    assert (answer.status, answer.refusal.code) == (401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_the_banned_are_told_until_when_and_why(alice: Person, house: House) -> None:
    await house.marks(alice, "banned_until = '9999-01-01', reason = 'spam', is_member = false")
    answer = await alice.knocks()
    assert (answer.status, answer.refusal.code) == (403, "banned")
    assert "for ever (spam)" in answer.refusal.message


async def test_who_was_removed_is_told_when_to_come_back(alice: Person, house: House) -> None:
    await house.marks(alice, "out_until = now() + interval '42 s', reason = 'loud'")
    answer = await alice.knocks()
    assert (answer.status, answer.refusal.code) == (403, "removed")
    assert 0 < int(answer.headers["Retry-After"]) <= 42
    assert answer.refusal.retry_after == int(answer.headers["Retry-After"])
    assert (await alice.gets("/api/rooms/lobby/me")).refusal.code == "removed"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
async def test_a_page_of_another_site_gets_no_socket(alice: Person, origin: str) -> None:
    answer = await alice.knocks(Origin=origin)
    assert (answer.status, answer.refusal.code) == (403, "foreign_origin")


async def test_a_program_without_an_origin_comes_in(alice: Person, house: House) -> None:
    program = await house.program(alice)
    socket = await program.client.ws_connect("/rooms/lobby/ws", protocols=[PROTOCOL])
    assert (await socket.receive_json())["you"]["name"] == "alice"
    await socket.close()


async def test_a_bearer_token_opens_the_door_and_a_wrong_one_does_not(alice: Person, house: House) -> None:
    program = await house.program(alice)
    assert (await program.enters()).you.id == alice.id
    for wrong in ("Bearer ach_" + "x" * 43, "Bearer ", "bearer nonsense"):
        answer = await alice.knocks(Authorization=wrong)
        assert (answer.status, answer.refusal.code) == (401, "bad_token")


@pytest.mark.parametrize(
    "slug", ["nowhere", "LOBBY", "lobby%00", "%FF", "%ED%A0%80", "..%2Flobby", "x" * 500, "%E2%80%AE", "'"]
)
async def test_a_room_that_is_not_there_is_not_found(alice: Person, slug: str) -> None:
    answer = await alice.knocks(slug)
    assert (answer.status, answer.refusal.code) in {(404, "no_such_room"), (404, "not_found")}


async def test_a_private_room_of_others_looks_like_none(alice: Person, house: House, olga: Person) -> None:
    await house.room("cellar", olga, private=True)
    private, none = await alice.knocks("cellar"), await alice.knocks("nowhere")
    assert (private.status, private.text) == (none.status, none.text) == (404, none.text)
    assert (await olga.enters("cellar")).room.switches["private"] is True


async def test_who_is_banned_from_a_private_room_learns_nothing_of_it(
    alice: Person, house: House, olga: Person
) -> None:
    await house.room("cellar", olga, private=True)
    await house.ranks(alice, Role.MEMBER, "cellar")
    await house.marks(alice, "banned_until = '9999-01-01', is_member = false", "cellar")
    assert (await alice.knocks("cellar")).status == 404


@pytest.mark.parametrize("offered", ["", "aiochat.v1", "chat, superchat", "AIOCHAT.V2", "aiochat.v2x"])
async def test_a_protocol_not_spoken_here_is_refused(alice: Person, offered: str) -> None:
    answer = await alice.knocks(Sec_WebSocket_Protocol=offered)
    assert (answer.status, answer.refusal.code) == (400, "unknown_protocol")


async def test_ours_is_chosen_among_several_protocols(alice: Person) -> None:
    socket = await alice.client.ws_connect(
        "/rooms/lobby/ws", protocols=["chat", PROTOCOL], headers={"Origin": alice.origin}
    )
    assert socket.protocol == PROTOCOL
    await socket.close()


@pytest.mark.parametrize(
    "broken",
    [
        {"Upgrade": None},
        {"Connection": "close"},
        {"Sec_WebSocket_Version": "12"},
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": "short"},
    ],
)
async def test_a_broken_handshake_is_refused_and_makes_nobody_a_member(
    house: House, olga: Person, broken: dict[str, Any]
) -> None:
    carol = await house.person("carol")
    answer = await carol.knocks(**broken)
    assert answer.status == 400
    assert await house.kinds() == ["added"]


async def test_a_first_socket_makes_a_member_of_a_public_room_and_a_page_does_not(
    house: House, olga: Person
) -> None:
    carol = await house.person("carol")
    assert (await carol.opens("/rooms/lobby")).status == 200
    assert (await carol.gets("/api/rooms/lobby/me")).json.member is False
    await carol.enters()
    assert (await carol.gets("/api/rooms/lobby/me")).json.member is True
    assert (await carol.hears("joined")).user.name == "carol"
    assert await house.kinds() == ["added", "added", "joined"]


async def test_a_site_that_restarts_takes_nobody_in(alice: Person, house: House) -> None:
    house.node.closing = True
    answer = await alice.knocks()
    assert (answer.status, answer.refusal.temporary) == (503, True)
    house.node.closing = False


async def test_a_gone_user_is_nobody(alice: Person, house: House) -> None:
    await house.node.manager.execute("DELETE FROM memberships WHERE user_id = %s", alice.id)
    await house.node.manager.execute("DELETE FROM users WHERE id = %s", alice.id)
    assert (await alice.knocks()).status == 401
    page = await alice.opens("/rooms/lobby")
    assert page.leads_to == "/login?next=/rooms/lobby"
    assert (await alice.opens("/login")).status == 200

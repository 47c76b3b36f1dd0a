"""The checker of `make chaos` sees what it is there for: one fault put by hand into what it checks, and it says so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from chaos.book import Sent
from chaos.checker import Checker, Findings
from tests.chaos.conftest import Play

pytestmark = pytest.mark.timeout(120)

Fault = Callable[[Play, list[int]], None]

INSERT = """INSERT INTO messages
    (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, text, parts, body)
    SELECT room_id, seq + %(after)s, %(kind)s, author_id, author_name, at, %(nonce)s, request_hash, text, parts,
           jsonb_build_object('user', jsonb_build_object('id', author_id, 'name', author_name))
    FROM messages WHERE seq = %(seq)s AND room_id = (SELECT id FROM rooms WHERE slug = %(slug)s)"""


def puts(play: Play, seq: int, kind: str, behind: int = 1) -> None:
    """One more entry behind the last, made of another one."""
    place = play.clients[0].view.last + behind
    nonce = f"by-hand-{behind}"
    fields = {"seq": seq, "kind": kind, "nonce": nonce, "slug": play.room.slug, "after": place - seq}
    with psycopg.connect(play.site.servers.database_url) as line:
        assert line.execute(INSERT, fields).rowcount == 1


def moves(play: Play, seq: int) -> None:
    """An entry vanishes from its place."""
    with psycopg.connect(play.site.servers.database_url) as line:
        line.execute(
            "UPDATE messages SET seq = seq + 1000 WHERE seq = %s AND room_id = (SELECT id FROM rooms WHERE slug = %s)",
            [seq, play.room.slug],
        )


def tidy(play: Play) -> None:
    """Take away what was put there: other tests check the same database."""
    with psycopg.connect(play.site.servers.database_url) as line:
        line.execute(
            "DELETE FROM messages m USING rooms r WHERE r.id = m.room_id AND slug = %s AND nonce ^@ 'by-hand'",
            [play.room.slug],
        )


def a_client_never_heard_it(play: Play, numbers: list[int]) -> None:
    del play.clients[1].view.kinds[numbers[1]]


def a_client_heard_two_the_other_way_round(play: Play, numbers: list[int]) -> None:
    texts = play.clients[1].view.texts
    texts[numbers[0]], texts[numbers[1]] = texts[numbers[1]], texts[numbers[0]]


def a_client_sees_words_that_were_taken_back(play: Play, numbers: list[int]) -> None:
    with psycopg.connect(play.site.servers.database_url) as line:
        line.execute(
            "UPDATE messages SET gone_seq = seq WHERE seq = %s AND room_id = (SELECT id FROM rooms WHERE slug = %s)",
            [numbers[0], play.room.slug],
        )


def a_client_took_it_for_something_else(play: Play, numbers: list[int]) -> None:
    play.clients[1].view.kinds[numbers[0]] = "left"


def a_client_got_the_nonce_of_another(play: Play, numbers: list[int]) -> None:
    view = play.clients[0].view
    view.nonces[numbers[0]] = "somebody-elses"


def a_client_heard_what_is_not_there(play: Play, numbers: list[int]) -> None:
    play.clients[1].view.kinds[10**6] = "message"


def a_client_is_behind(play: Play, numbers: list[int]) -> None:
    view = play.clients[1].view
    view.last -= 1
    del view.kinds[view.last + 1]


def it_was_acknowledged_and_is_not_there(play: Play, numbers: list[int]) -> None:
    moves(play, numbers[0])
    sent = next(sent for sent in play.book.sent.values() if sent.seq == numbers[0])
    play.book.sent["nobody-kept-this"] = Sent(sent.person, play.room.slug, "say", "lost", acked=True, seq=99)


def it_was_acknowledged_under_another_number(play: Play, numbers: list[int]) -> None:
    next(sent for sent in play.book.sent.values() if sent.seq == numbers[0]).seq += 1


def it_was_refused_and_is_there(play: Play, numbers: list[int]) -> None:
    sent = next(sent for sent in play.book.sent.values() if sent.seq == numbers[0])
    sent.acked, sent.refused = False, "muted"


def it_is_there_twice(play: Play, numbers: list[int]) -> None:
    puts(play, numbers[0], "message")


def an_act_is_there_twice(play: Play, numbers: list[int]) -> None:
    puts(play, numbers[0], "topic")


def somebody_left_who_was_gone(play: Play, numbers: list[int]) -> None:
    puts(play, numbers[0], "left")
    puts(play, numbers[0], "left", behind=2)


def somebody_joined_who_was_here(play: Play, numbers: list[int]) -> None:
    puts(play, numbers[0], "joined")


FAULTS: list[tuple[Fault, str]] = [
    (a_client_never_heard_it, r"knows \d+ of \d+ entries"),
    (a_client_heard_two_the_other_way_round, r"reads '.*', they see"),
    (a_client_sees_words_that_were_taken_back, r"reads None, they see"),
    (a_client_took_it_for_something_else, r"is message, they heard left"),
    (a_client_got_the_nonce_of_another, r"has another nonce"),
    (a_client_heard_what_is_not_there, r"1000000 is not in the log"),
    (a_client_is_behind, r"clients end at"),
    (it_was_acknowledged_and_is_not_there, r"was acknowledged and is not there"),
    (it_was_acknowledged_under_another_number, r"was acknowledged as \d+, and is \d+"),
    (it_was_refused_and_is_there, r"was refused for good \(muted\) and is there"),
    (it_is_there_twice, r"said twice in room"),
    (an_act_is_there_twice, r"topic by \d+ stands 1 times for 0 requests"),
    (somebody_left_who_was_gone, r"says left of somebody of whom it was said before"),
    (somebody_joined_who_was_here, r"says joined of somebody of whom it was said before"),
]


async def check(play: Play) -> Findings:
    checker = Checker(play.site.servers.database_url, play.world.rooms, play.book)
    return await asyncio.to_thread(checker.check)


@pytest.mark.parametrize(("fault", "told"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
async def test_it_sees_that(play: Play, fault: Fault, told: str) -> None:
    nonces = [await play.says(play.clients[0], f"{play.room.slug} said {number}") for number in range(3)]
    await play.is_answered(*nonces)
    await play.is_well()
    fault(play, [play.book.sent[nonce].seq for nonce in nonces])
    try:
        found = await check(play)
    finally:
        tidy(play)
    assert any(re.search(told, what) for what in found.wrong), found.wrong


async def test_what_is_said_while_it_looks_is_no_fault(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, looks = asyncio.get_running_loop(), Checker._whole

    async def somebody_speaks() -> None:
        await play.is_answered(await play.says(play.clients[0], f"{play.room.slug} meanwhile"))
        await play.world.drained()

    def looks_late(*asked: Any) -> None:
        monkeypatch.undo()
        asyncio.run_coroutine_threadsafe(somebody_speaks(), loop).result()
        looks(*asked)

    monkeypatch.setattr(Checker, "_whole", looks_late)
    assert not (await play.world.checked()).wrong


async def test_it_sees_that_somebody_removed_heard_more(play: Play) -> None:
    victim = play.clients[1]
    victim.out_at = victim.view.last
    await play.is_answered(await play.says(play.clients[0], f"{play.room.slug} behind their back"))
    await play.has_heard(victim, f"{play.room.slug} behind their back")
    assert any("after they were removed" in what for what in (await check(play)).wrong)


async def test_it_sees_that_a_number_was_passed_over(play: Play) -> None:
    victim = play.clients[1]
    victim.view.last -= 1
    await play.is_answered(await play.says(play.clients[0], f"{play.room.slug} too early"))
    await play.has_heard(victim, f"{play.room.slug} too early")
    assert any(re.search(r": \d+ came after \d+", what) for what in (await check(play)).wrong)

"""A process beside a newer one, as in every upgrade: what it does not understand stops nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.events import user_topic
from chat.signals import NODES, room_topic
from tests.chat.sockets.old import old_program
from tests.people import House, Person

KEPT = """INSERT INTO messages (room_id, seq, kind, author_id, author_name, author_guest, at, nonce, request_hash, body)
    SELECT r.id, r.last_seq, %s, %s, 'olga', false, now(), '~newer/' || r.last_seq, '', %s::jsonb FROM rooms r
    WHERE r.id = %s"""


async def newer_keeps(house: House, by: Person, kind: str, body: dict[str, Any], *, told: bool) -> int:
    """A newer process puts an entry in the log of #lobby, and tells it; its number."""
    manager = house.node.manager
    room_id, seq = (
        await manager.rows(
            "UPDATE rooms SET last_seq = last_seq + 1 WHERE slug = 'lobby' RETURNING id, last_seq"
        )
    )[0]
    await manager.execute(KEPT, kind, by.id, json.dumps(body), room_id)
    event = {
        "type": kind,
        "seq": seq,
        "at": "2026-11-21T09:33:20Z",
        "by": {"id": by.id, "name": "olga"},
        **body,
    }
    if told:
        house.node.bus.publish(room_topic(room_id), json.dumps([room_id, [event], 0, "newer"]).encode())
    return int(seq)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("kind", "body"), [("polled", {"question": "Tea?"}), ("topic", {"topic": {"of": "us"}})]
)
async def test_an_entry_that_is_not_understood_is_skipped(
    house: House, olga: Person, alice: Person, mona: Person, kind: str, body: dict[str, Any], told: bool
) -> None:
    hello = await alice.enters()
    await mona.enters()
    for person in (alice, mona):
        await person.hears("joined", user=person.name)
    tab, program = alice.tab, await old_program(house, alice)
    await program.asks_for("select_room", room="lobby")
    seq = await newer_keeps(house, olga, kind, body, told=told)
    await mona.says("still here")
    for reader in (tab, mona.tab):
        assert await reader.hears("skip", seq=seq)
        assert (await reader.hears("message", text="still here")).seq == seq + 1
    assert await program.hears_words("still here")
    await tab.sends({"type": "resume", "epoch": hello.epoch, "after": seq - 1})
    assert await tab.hears("skip", seq=seq)
    assert (await tab.hears("resumed")).recovered
    for query in ("", f"?around={seq}", f"?before={seq + 1}", f"?after={seq - 1}"):
        page = (await alice.gets(f"/api/rooms/lobby/messages{query}")).json
        assert kind not in [entry["type"] for entry in page.entries], query
    assert ">still here<" in (await alice.opens("/rooms/lobby")).text


async def test_a_word_between_processes_that_is_not_understood_is_passed_over(
    house: House, olga: Person, alice: Person
) -> None:
    bus = house.node.bus
    await alice.enters()
    for payload in (b'{"type":"newfangled","x":1}', b"[1]", b"no JSON"):
        for topic in (NODES, user_topic(alice.id), room_topic(1)):
            bus.publish(topic, payload)
    await house.opens()
    there = await house.again("olga", olga.id, at=1)
    await there.enters()
    await there.says("still here")
    assert await alice.hears("message", text="still here")

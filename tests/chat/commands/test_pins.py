"""/pin, /unpin and /pins: what is kept in sight."""

from __future__ import annotations

import pytest

from tests.people import House, Person


async def test_a_message_is_pinned_listed_and_taken_down(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    first = await alice.says("the   plan\nfor tonight")
    last = await alice.says("bring tea")
    answer = await mona.says(f"/pin /rooms/lobby?at={first.seq}#m{first.seq}", nonce="n-1")
    assert answer.text == "Pinned. /pins lists what is."
    assert (await bob.hears("pinned")).target == first.seq
    assert (await mona.says(f"/pin /rooms/lobby?at={first.seq}#m{first.seq}", nonce="n-1")).duplicate
    await mona.says("/pin")
    assert (await bob.hears("pinned")).target == last.seq
    assert (await mona.says("/pin")).text == "That message is pinned already."
    assert (await bob.says("/pins")).text == (
        f"alice: bring tea · pinned by mona · /rooms/lobby?at={last.seq}\n"
        f"alice: the plan for tonight · pinned by mona · /rooms/lobby?at={first.seq}"
    )
    await mona.says(f"/unpin {first.seq}")
    assert (await bob.hears("unpinned")).target == first.seq
    assert (await mona.refused(f"/unpin {first.seq}")).code == "not_set"
    assert (await house.kinds()).count("pinned") == 2


async def test_what_is_removed_is_no_pin_any_more(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    said = await alice.says("one")
    await mona.says("/pin")
    await alice.tab.asks("remove", target=said.seq)
    assert (await mona.says("/pins")).text.startswith("Nothing is pinned here.")
    assert (await mona.refused(f"/pin {said.seq}")).code == "gone"


async def test_a_room_holds_fifty_pins(alice: Person, mona: Person, house: House) -> None:
    await alice.enters()
    await mona.enters()
    await mona.hears("joined", user="mona")
    said = await alice.says("one")
    await house.node.manager.execute(
        "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, text) "
        "SELECT room_id, seq + n, 'message', author_id, author_name, at, 'x' || n, '', 'x' "
        "FROM messages, generate_series(1, 50) n WHERE seq = %s",
        said.seq,
    )
    await house.node.manager.execute(
        "INSERT INTO pins SELECT room_id, seq, 'mona', at FROM messages WHERE text = 'x'"
    )
    assert (await mona.refused(f"/pin {said.seq}")).code == "too_many"


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/pin", "no_permission"),
        ("alice", "/unpin 1", "no_permission"),
        ("mona", "/pin", "gone"),
        ("mona", "/pin 999999", "gone"),
        ("mona", "/pin this", "usage"),
        ("mona", "/pin 0", "gone"),
        ("mona", "/unpin", "usage"),
        ("mona", "/unpin 1", "not_set"),
        ("mona", "/pins all", "usage"),
    ],
)
async def test_pins_are_refused(
    alice: Person, mona: Person, house: House, who: str, line: str, code: str
) -> None:
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert not {"pinned", "unpinned"} & set(await house.kinds())

"""Who comes back hears what they missed: all of it, or that they must reload."""

from __future__ import annotations

import pytest

from tests.people import House, Person


async def test_who_comes_back_hears_all_they_missed_in_order(alice: Person, bob: Person) -> None:
    hello = await alice.enters()
    await bob.enters()
    await alice.leaves()
    await bob.hears("left")
    first = await bob.says("one")
    await bob.tab.asks("edit", target=first.seq, text="ONE")
    gone = await bob.says("a password")
    await bob.tab.asks("remove", target=gone.seq)
    await alice.enters()
    await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": hello.head})
    resumed = await alice.hears("resumed")
    assert resumed.recovered is True
    seqs = {frame.seq for frame in alice.tab.unheard if frame.seq}
    assert seqs == set(range(hello.head + 1, resumed.head + 1))
    edited = await alice.hears("message", seq=first.seq)
    assert (edited.text, edited.edited) == ("ONE", True)
    removed = await alice.hears("message", seq=gone.seq)
    assert (removed.text, removed.gone) == (None, True)
    assert "a password" not in str(alice.tab.unheard)


async def test_ones_own_words_come_back_with_their_nonce(alice: Person, bob: Person) -> None:
    hello = await alice.enters()
    await bob.enters()
    await alice.says("hi", nonce="n-1")
    for person in (alice, bob):
        await person.tab.hears("message")
        await person.tab.sends({"type": "resume", "epoch": hello.epoch, "after": hello.head})
        await person.tab.hears("resumed")
    assert (await alice.hears("message")).nonce == "n-1"
    assert "nonce" not in await bob.hears("message")


@pytest.mark.parametrize("after", [1_000_000, 2**62])
async def test_a_number_from_the_future_is_answered_by_reloading(alice: Person, after: int) -> None:
    hello = await alice.enters()
    await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": after})
    assert (await alice.hears("resumed")).recovered is False


async def test_numbers_of_another_epoch_are_never_mixed(alice: Person) -> None:
    await alice.enters()
    await alice.says("hi")
    await alice.hears("message")
    await alice.tab.sends({"type": "resume", "epoch": "another", "after": 0})
    assert (await alice.hears("resumed")).recovered is False
    assert not await alice.tab.has_heard("message")


async def test_more_than_five_hundred_behind_is_answered_by_reloading(alice: Person, house: House) -> None:
    await house.node.manager.execute(
        "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, "
        "ordinal, text, parts) SELECT r.id, r.last_seq + n, 'message', %s, 'alice', now(), 'x' || n, '', n, 'x', '[]' "
        "FROM rooms r, generate_series(1, 501) n",
        alice.id,
    )
    await house.node.manager.execute("UPDATE rooms SET last_seq = last_seq + 501, last_ordinal = 501")
    hello = await alice.enters()
    await alice.hears("joined")
    for after, recovered in ((0, False), (hello.head - 499, True)):
        await alice.tab.sends({"type": "resume", "epoch": hello.epoch, "after": after})
        assert (await alice.hears("resumed")).recovered is recovered
        assert len(await alice.tab.all_heard("message")) == (499 if recovered else 0)

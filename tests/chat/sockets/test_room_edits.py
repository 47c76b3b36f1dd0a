"""Words said otherwise, and words taken back."""

from __future__ import annotations

import pytest

from tests.people import House, Person, Refused


async def test_words_may_be_changed_by_who_said_them(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    said = await alice.says("helo")
    ack = await alice.tab.asks("edit", target=said.seq, text="hello", nonce="e")
    edited = await bob.hears("edited")
    assert edited == {
        "type": "edited",
        "seq": ack.seq,
        "at": ack.at,
        "by": {"id": alice.id, "name": "alice"},
        "target": said.seq,
        "text": "hello",
        "parts": [{"t": "text", "s": "hello"}],
    }
    again = await alice.tab.asks("edit", target=said.seq, text="hello", nonce="e")
    assert (again.seq, again.duplicate) == (ack.seq, True)


async def test_nobody_changes_the_words_of_others(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    said = await alice.says("mine")
    with pytest.raises(Refused) as refused:
        await olga.tab.asks("edit", target=said.seq, text="hers")
    assert refused.value.code == "not_yours"


async def test_words_may_be_taken_back_by_their_author_and_by_who_stands_higher(
    alice: Person, bob: Person, mona: Person, olga: Person
) -> None:
    for person in (alice, bob, mona, olga):
        await person.enters()
    for author, remover, code in (
        (alice, alice, None),
        (alice, bob, "no_permission"),
        (alice, mona, None),
        (mona, mona, None),
        (mona, alice, "no_permission"),
        (olga, mona, "rank"),
        (mona, olga, None),
    ):
        said = await author.says("words")
        if code is None:
            await remover.tab.asks("remove", target=said.seq)
            assert (await bob.hears("removed", target=said.seq)).by.name == remover.name
        else:
            with pytest.raises(Refused) as refused:
                await remover.tab.asks("remove", target=said.seq)
            assert refused.value.code == code


async def test_what_is_gone_can_be_neither_changed_nor_removed(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    removed = await alice.says("one")
    await alice.tab.asks("remove", target=removed.seq)
    cleared = await alice.says("two")
    await olga.says("/clear")
    for target in (removed.seq, cleared.seq, 1, 0, 999, 2**62):
        for kind, fields in (("edit", {"text": "x"}), ("remove", {})):
            with pytest.raises(Refused) as refused:
                await alice.tab.asks(kind, target=target, **fields)
            assert refused.value.code == "gone"


async def test_a_repeated_removal_is_answered_and_not_done_twice(alice: Person, house: House) -> None:
    await alice.enters()
    said = await alice.says("one")
    ack = await alice.tab.asks("remove", target=said.seq, nonce="r")
    assert (await alice.tab.asks("remove", target=said.seq, nonce="r")) == {**ack, "duplicate": True}
    assert (await house.kinds()).count("removed") == 1


async def test_who_may_not_speak_may_not_edit_either(alice: Person, olga: Person, house: House) -> None:
    await alice.enters()
    said = await alice.says("one")
    await house.marks(alice, "muted_until = now() + interval '1 hour', muted_reason = 'loud'")
    edit = {"text": "x", "target": said.seq}
    for kind, fields in (("say", {"text": "x"}), ("say", {"text": "/me x"}), ("edit", edit)):
        with pytest.raises(Refused) as refused:
            await alice.tab.asks(kind, **fields)
        assert refused.value.code == "muted"
        assert refused.value.frame.retry_after > 3000


@pytest.mark.parametrize(
    ("switch", "code"), [("archived", "archived"), ("locked", "locked"), ("moderated", "not_voiced")]
)
async def test_a_room_may_be_closed_to_words(
    alice: Person, mona: Person, house: House, switch: str, code: str
) -> None:
    await house.sets({switch: True})
    await alice.enters()
    await mona.enters()
    assert (await alice.refused("hi")).code == code
    if code == "archived":
        assert (await mona.refused("hi")).code == code
    else:
        assert (await mona.says("hi")).seq
    if code == "not_voiced":
        await house.marks(alice, "voiced = true")
        await alice.enters()
        assert (await alice.says("hi")).seq

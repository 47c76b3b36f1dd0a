"""/purge: the last messages, somebody's, or all from one on; and back again."""

from __future__ import annotations

import pytest

from tests.people import House, Person


async def test_the_last_messages_are_hidden_together_and_come_back(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    said = [await alice.says("one"), await bob.says("two"), await alice.says("three")]
    answer = await mona.says("/purge 2", nonce="n-1")
    assert answer.text.startswith("Removed 2 messages. /undo brings them back until ")
    purged = await bob.hears("purged")
    assert (purged.targets, purged.count, purged.by.name) == ([said[1].seq, said[2].seq], 2, "mona")
    page = (await bob.opens("/rooms/lobby")).text
    assert "Message removed by mona" in page
    assert ">one<" in page
    assert ">three<" not in page
    assert f'data-kind="purged" data-at="{purged.at}"' in page, "the line stands for who comes later, too"
    assert f'data-until="{purged.undo_until}"' in page
    assert (await bob.gets("/api/rooms/lobby/messages")).json["entries"][-1]["targets"] == purged.targets
    assert (await mona.says("/purge 2", nonce="n-1")).duplicate
    assert (await house.kinds()).count("purged") == 1
    assert (await mona.says("/undo")).text == "Undone: 2 messages back."
    assert (await bob.hears("undone")).act == "purged"
    assert ">three<" in (await bob.opens("/rooms/lobby")).text


async def test_undo_brings_back_only_what_this_purge_hid(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    first = await alice.says("one")
    await alice.says("two")
    await alice.tab.asks("remove", target=first.seq)
    await mona.says("/purge @alice")
    await mona.says("/undo")
    page = (await mona.opens("/rooms/lobby")).text
    assert ">two<" in page
    assert ">one<" not in page


async def test_somebodys_messages_by_number_and_by_time(
    alice: Person, bob: Person, mona: Person, house: House
) -> None:
    for person in (alice, bob, mona):
        await person.enters()
    said = [await alice.says(text) for text in ("one", "two", "three")]
    await bob.says("four")
    await mona.says("/purge @alice 1")
    purged = await bob.hears("purged")
    assert (purged.targets, purged.user.name) == ([said[2].seq], "alice")
    await house.node.manager.execute(
        "UPDATE messages SET at = at - interval '2 h' WHERE seq = %s", said[0].seq
    )
    await mona.says("/purge alice 1h")
    assert (await bob.hears("purged")).targets == [said[1].seq]
    await mona.says("/purge alice")
    assert (await bob.hears("purged")).targets == [said[0].seq]
    assert (await mona.refused("/purge alice")).code == "not_set"


async def test_all_from_one_message_on(alice: Person, mona: Person) -> None:
    await alice.enters()
    await mona.enters()
    said = [await alice.says(text) for text in ("one", "two", "three")]
    await mona.says(f"/purge from /rooms/lobby?at={said[1].seq}#m{said[1].seq}")
    assert (await alice.hears("purged")).targets == [said[1].seq, said[2].seq]
    assert (await mona.refused(f"/purge from {said[1].seq}")).code == "gone"


async def test_nobody_hides_the_words_of_their_equals_or_higher(
    alice: Person, mona: Person, olga: Person
) -> None:
    for person in (alice, olga, mona):
        await person.enters()
    await olga.says("a word from the owner")
    one = await alice.says("one")
    mine = await mona.says("mine")
    answer = await mona.says("/purge 3")
    assert answer.text.endswith(" 1 message of your rank or above stays.")
    assert (await alice.hears("purged")).targets == [one.seq, mine.seq]
    assert (await mona.refused("/purge 1")).code == "not_set"
    assert (await mona.refused("/purge olga")).code == "rank"
    assert "a word from the owner" in (await alice.opens("/rooms/lobby")).text


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/purge 1", "no_permission"),
        ("alice", "/purge alice", "no_permission"),
        ("mona", "/purge", "usage"),
        ("mona", "/purge 0", "usage"),
        ("mona", "/purge 101", "usage"),
        ("mona", "/purge 5 5", "usage"),
        ("mona", "/purge @alice 0s", "usage"),
        ("mona", "/purge @alice 5 5", "usage"),
        ("mona", "/purge from", "usage"),
        ("mona", "/purge from @alice", "usage"),
        ("mona", "/purge from 999999", "gone"),
        ("mona", "/purge 10", "not_set"),
        ("mona", "/purge nobody", "not_found"),
        ("mona", "/purg 5", "unknown_command"),
    ],
)
async def test_purging_is_refused(
    alice: Person, mona: Person, house: House, who: str, line: str, code: str
) -> None:
    actor = {"alice": alice, "mona": mona}[who]
    await actor.enters()
    assert (await actor.refused(line)).code == code
    assert "purged" not in await house.kinds()


async def test_a_great_many_are_not_hidden_by_one_link(alice: Person, mona: Person, house: House) -> None:
    await alice.enters()
    await mona.enters()
    await mona.hears("joined", user="mona")
    first = await alice.says("first")
    await house.node.manager.execute(
        "INSERT INTO messages (room_id, seq, kind, author_id, author_name, at, nonce, request_hash, ordinal, text) "
        "SELECT room_id, seq + n, 'message', author_id, author_name, at, 'x' || n, '', ordinal + n, 'x' "
        "FROM messages, generate_series(1, 101) n WHERE seq = %s",
        first.seq,
    )
    await house.node.manager.execute("UPDATE rooms SET last_seq = last_seq + 101")
    assert (await mona.refused(f"/purge from {first.seq}")).code == "not_set"

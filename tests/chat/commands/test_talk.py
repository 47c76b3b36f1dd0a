"""What everybody may type: /help, /me, /who, /nick."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.policy import Role
from tests.people import House, Person


async def test_help_lists_what_one_may_do_here_and_nothing_else(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    hers, owners = (await alice.says("/help")).text, (await olga.says("/help")).text
    assert "/me <action> · " in hers
    assert "/kill" not in hers
    assert "/kill @user [reason] · " in owners
    assert not await olga.tab.has_heard("notice"), "nobody else hears the answer"


@pytest.mark.parametrize("line", ["/?", "/commands", "/HELP", "/hel"])
async def test_help_has_many_names(alice: Person, line: str) -> None:
    await alice.enters()
    assert "/who" in (await alice.says(line)).text


async def test_help_explains_one_command(alice: Person) -> None:
    await alice.enters()
    text = (await alice.says("/help /kick")).text
    assert text.splitlines()[0] == "/kill @user [reason]"
    assert "Who may: moderators and up" in text


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/help kcik", "unknown_command"),
        ("/help kill now", "usage"),
        ("/etc/hosts", "unknown_command"),
        ("/help\nand more", "usage"),
        ("/me", "usage"),
        ("/me   ", "usage"),
        ("/who is there", "usage"),
        ("/nick", "usage"),
        ("/nick a b", "bad_name"),
        ("/nick @", "bad_name"),
        ("/nick <b>", "bad_name"),
        ("/nick admin", "bad_name"),
        ("/nick " + "x" * 33, "too_long"),
        ("/nick olga", "conflict"),
        ("/nick OLGA", "conflict"),
        ("/nick alice", "already"),
        ("/nick \u202eolga", "bad_name"),
    ],
)
async def test_what_does_not_fit_is_refused_and_not_posted(
    alice: Person, house: House, line: str, code: str
) -> None:
    await alice.enters()
    await alice.hears("joined")
    assert (await alice.refused(line)).code == code
    assert (await house.kinds())[-1] == "joined"


async def test_me_says_what_one_does(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    ack = await alice.says("/me waves\nand smiles", nonce="n-1")
    said = await bob.hears("message", seq=ack.seq)
    assert (said.style, said.text) == ("action", "waves\nand smiles")
    assert (await alice.says("/me waves\nand smiles", nonce="n-1")) == {**ack, "duplicate": True}
    assert len(await bob.tab.all_heard("message")) == 0


async def test_who_lists_those_here_with_their_rank(alice: Person, mona: Person, olga: Person) -> None:
    for person in (mona, olga, alice):
        await person.enters()
        await person.hears("joined", user=person.name)
    assert (await alice.says("/names")).text == "3 here in #lobby\nolga · owner\nmona · moderator\nalice"


async def test_who_counts_those_it_does_not_list(alice: Person, bob: Person, house: House) -> None:
    house.node.limits = replace(house.node.limits, people=1)
    for person in (bob, alice):
        await person.enters()
        await person.hears("joined", user=person.name)
    assert (await alice.says("/who")).text == "2 here in #lobby\nalice\nand 1 more"


async def test_a_new_name_is_known_everywhere_at_once(
    alice: Person, bob: Person, olga: Person, house: House
) -> None:
    await house.room("garden", olga)
    await house.ranks(alice, Role.MEMBER, "garden")
    await alice.enters()
    await alice.hears("joined")
    await alice.enters("garden")
    await alice.hears("joined")
    await bob.enters()
    await olga.enters("garden")
    ack = await alice.tabs[0].says("/name Anna", nonce="n-1")
    assert ack.text == "You are called Anna now. alice stays yours for 30 days."
    for hearer in (bob, olga):
        renamed = await hearer.hears("renamed")
        assert (renamed.was, renamed.user.name, renamed.by.name) == ("alice", "Anna", "Anna")
    await alice.says("hi")
    assert (await olga.hears("message")).by == {"id": alice.id, "name": "Anna"}
    assert "Anna" in (await bob.says("/who")).text
    again = await alice.tabs[0].says("/name Anna", nonce="n-1")
    assert (again.text, again.seq, again.duplicate) == (ack.text, ack.seq, True)
    assert (await house.kinds()).count("renamed") == 1


async def test_a_name_given_up_is_kept_for_who_had_it(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    await alice.says("/nick anna")
    assert (await bob.refused("/nick alice")).code == "conflict"
    await alice.says("/nick Alice")
    assert (await bob.says("/nick anna2")).seq

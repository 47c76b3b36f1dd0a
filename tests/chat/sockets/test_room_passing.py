"""What passes by without a number: read marks, unread counts, typing."""

from __future__ import annotations

from chat.policy import Role
from tests.people import House, Person


async def test_a_read_mark_moves_forward_only_and_is_ones_own(
    alice: Person, bob: Person, house: House
) -> None:
    await alice.enters()
    await alice.enters()
    await bob.enters()
    seq = (await bob.says("hi")).seq
    first, second = alice.tabs
    await first.sends({"type": "read", "seq": seq})
    assert (await second.hears("read")).seq == seq
    await first.sends({"type": "read", "seq": 1})
    await first.sends({"type": "read", "seq": 2**62})
    head = (await second.hears("read")).seq
    assert head >= seq
    assert head < 2**62
    assert not await bob.tab.has_heard("read")
    assert (await alice.enters()).read == head


async def test_other_rooms_tell_how_much_is_unread(alice: Person, bob: Person, house: House) -> None:
    await house.room("garden", bob)
    await house.ranks(alice, Role.MEMBER, "garden")
    await alice.enters()
    await bob.enters("garden")
    await bob.says("hi @alice")
    assert await alice.hears("unread") == {"type": "unread", "room": "garden", "count": 1, "mentions": 1}
    said = await bob.says("anybody?")
    assert await alice.hears("unread", count=2, mentions=1)
    await alice.enters("garden")
    await alice.tab.sends({"type": "read", "seq": said.seq})
    assert await alice.tabs[0].hears("unread", room="garden", count=0, mentions=0)
    assert not await alice.tab.has_heard("unread", room="garden")


async def test_typing_is_seen_by_the_others_and_not_too_often(alice: Person, bob: Person) -> None:
    await alice.enters()
    await bob.enters()
    for _ in range(5):
        await alice.tab.sends({"type": "typing"})
    await alice.tab.settles()
    assert await bob.hears("typing") == {"type": "typing", "user": {"id": alice.id, "name": "alice"}}
    assert not await bob.tab.has_heard("typing")
    assert not await alice.tab.has_heard("typing")


async def test_the_muted_are_not_seen_typing(alice: Person, bob: Person, house: House) -> None:
    await house.marks(alice, "muted_until = now() + interval '1 hour'")
    await alice.enters()
    await bob.enters()
    await alice.tab.sends({"type": "typing"})
    await alice.tab.settles()
    await alice.enters()
    assert not await bob.tab.has_heard("typing")


async def test_a_ping_is_answered(alice: Person) -> None:
    await alice.enters()
    await alice.tab.sends({"type": "ping"})
    assert await alice.hears("pong") == {"type": "pong"}

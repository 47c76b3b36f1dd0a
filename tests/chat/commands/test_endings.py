"""Commands that end sockets: true at every process before the reply, and whoever typed them hears it before the end."""

from __future__ import annotations

import pytest

from chat.pace import Pace
from chat.policy import Role
from tests.chat.commands.scenes import confirmed, types
from tests.chat.sockets.old import old_page
from tests.people import House, Person


@pytest.fixture
async def anna(house: House, alice: Person) -> Person:
    """Alice again, at another process."""
    await house.opens()
    return await house.again("alice", alice.id, at=1)


async def test_a_room_is_destroyed_everywhere_before_the_reply(
    olga: Person, anna: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await anna.enters()
    far = house.nodes[1].hub
    # What was told is lost on the way: the other process has to look for itself before it says yes.
    monkeypatch.setattr(far, "_hear_batch", lambda _: None)
    (channel,) = far.channels()
    answer = await types(olga, "lobby", await confirmed(olga, "lobby", "/destroy #lobby"))
    assert "process" not in answer.json.notices[0]
    assert not tuple(channel.listeners)
    assert await anna.tab.is_closed() == 4504


async def test_a_process_that_does_not_answer_is_not_waited_for(
    olga: Person, anna: Person, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.nodes[1].hub, "_hear_signal", lambda _: None)
    house.node.hub._pace = Pace()
    answer = await types(olga, "lobby", await confirmed(olga, "lobby", "/destroy #lobby"))
    assert answer.json.notices[0].endswith(
        " One process has not answered yet; it follows when it reads the log."
    )


@pytest.mark.parametrize(("line", "code"), [("/leave", 1000), ("/destroy #lobby", 4504)])
async def test_who_ends_their_own_socket_is_answered_first(
    alice: Person, anna: Person, house: House, line: str, code: int
) -> None:
    await house.ranks(alice, Role.OWNER)
    await alice.enters()
    await alice.enters()
    await anna.enters()
    typed = await confirmed(alice, "lobby", line)
    await alice.tab.sends({"type": "say", "nonce": "n-1", "text": typed})
    ack = await alice.hears("ack", nonce="n-1")
    notice = await alice.hears("notice", nonce="n-1")
    assert ack.seq
    assert notice.text.startswith("You left #lobby" if line == "/leave" else "#lobby is gone")
    for tab in (*alice.tabs, anna.tab):
        assert await tab.is_closed() == code
    assert (await alice.hears("removed_self" if line == "/leave" else "settings")).seq == ack.seq


async def test_an_old_page_shows_the_answer_too(alice: Person) -> None:
    page = await old_page(alice)
    await page.types("/leave")
    assert await page.is_closed() == 1000
    assert page.screen[-1] == "You left #lobby. /join #lobby brings you back."


async def test_to_sign_out_is_the_pages_to_do(alice: Person) -> None:
    """The answer leads there; the socket ends when the session does, and not before the answer is out."""
    await alice.enters()
    assert (await alice.says("/logout")).text == "/logout"
    assert (await alice.says("still here")).seq
    await alice.fills("/logout", on="/me")
    assert await alice.tab.is_closed() == 4501

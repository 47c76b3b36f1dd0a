"""/history-from: what newcomers to a room may read, by whatever road they ask."""

from __future__ import annotations

from typing import Any

import pytest

from chat.actions.previews import previews
from chat.policy import Role
from tests.chat.sockets.old import old_program
from tests.chat.sockets.old_nicks import Street
from tests.people import House, Person


async def texts(person: Person, query: str = "", room: str = "lobby") -> list[str]:
    """What a page of a room shows them, over the API."""
    entries = (await person.gets(f"/api/rooms/{room}/messages{query}")).json["entries"]
    return [entry["text"] for entry in entries if entry["type"] == "message"]


async def comes_anew(person: Person) -> None:
    """Give up the room and join it again."""
    await person.tab.sends({"type": "say", "text": "/leave", "nonce": person.tab.nonce()})
    await person.tab.is_closed()
    await person.enters()


@pytest.fixture
async def carol(house: House, olga: Person, alice: Person) -> Person:
    """Somebody new, at another process, after the owner has closed what was said before."""
    await alice.enters()
    await olga.enters()
    await alice.says("before")
    answer = await olga.says("/history-from join", nonce="n-1")
    assert answer.text == "Who comes in from now on reads #lobby from the moment they join."
    assert (await alice.hears("settings")).changed == {"switches": {"history_from_join": True}}
    again = await olga.says("/history-from join", nonce="n-1")
    assert (again.text, again.duplicate) == (answer.text, True)
    assert (await house.kinds()).count("settings") == 1
    await house.opens()
    return await house.person("carol", at=1)


async def test_a_newcomer_reads_from_the_entry_by_which_they_joined(
    alice: Person, carol: Person, house: House
) -> None:
    hello = await carol.enters()
    joined = next(
        seq for seq, kind, _ in await house.log() if kind == "added" and seq > 1 and seq >= hello.floor
    )
    assert hello.floor == joined
    await alice.says("after")
    await carol.hears("message", text="after")
    assert await texts(carol) == ["after"]
    for query in ("?before=999", "?after=0", "?around=1", "?after=0&limit=200"):
        assert "before" not in await texts(carol, query)
    for path in ("/rooms/lobby", "/rooms/lobby?at=1", "/rooms/lobby?before=99", "/rooms/lobby?after=0"):
        assert ">before<" not in (await carol.opens(path)).text
    assert ">after<" in (await carol.opens("/rooms/lobby")).text
    assert ">before<" in (await alice.opens("/rooms/lobby")).text


async def test_no_resume_and_no_command_goes_further_back(alice: Person, carol: Person) -> None:
    hello = await carol.enters()
    await carol.tab.sends({"type": "resume", "epoch": hello.epoch, "after": 0})
    await carol.hears("resumed")
    heard = await carol.tab.all_heard("message")
    assert heard == []
    assert (await carol.says("/history 20")).text == "Nothing was said in that time."
    assert (await carol.refused("/jump 2")).code == "gone"
    day = await carol.says("/jump 2020-01-01")
    assert day.text.endswith(f"at={hello.floor}#m{hello.floor}")


async def test_the_protocol_of_many_rooms_goes_no_further_back(
    alice: Person, carol: Person, house: House
) -> None:
    program, hers = await old_program(house, carol), await old_program(house, alice)
    assert (await program.asks_for("select_room", room="lobby")).room_messages == []
    shown = (await hers.asks_for("select_room", room="lobby")).room_messages
    assert [said["text"] for said in shown] == ["before"]
    await alice.says("after")
    await program.hears_words("after")
    for before in (1, 2**31):
        page = await program.asks_for("history", room="lobby", before=before, limit=20)
        assert "before" not in [said["text"] for said in page.room_messages]
    epoch = house.node.epoch
    for one, words in ((program, ["after"]), (hers, ["after", "before", "after"])):
        assert (await one.asks_for("resume", room="lobby", epoch=epoch, after=0)).recovered
        assert await one.all_words() == words


async def test_pins_and_previews_do_not_tell_either(
    alice: Person, mona: Person, carol: Person, house: House
) -> None:
    before = next(seq for seq, _, text in await house.log() if text == "before")
    await mona.enters()
    await mona.says(f"/pin {before}")
    assert "before" in (await alice.says("/pins")).text
    await carol.enters()
    assert "before" not in (await carol.says("/pins")).text
    assert [one.last for one in await previews(house.node, carol.id)] == [None]
    assert (await carol.gets("/api/rooms")).json["rooms"][0]["unread"] == 0


async def test_words_of_before_that_are_changed_or_brought_back_stay_unseen(
    alice: Person, mona: Person, carol: Person, house: House
) -> None:
    before = next(seq for seq, _, text in await house.log() if text == "before")
    hello = await carol.enters()
    await alice.tab.asks("edit", target=before, text="before, otherwise")
    await mona.enters()
    await mona.tab.asks("remove", target=before)
    await mona.says("/undo")
    await alice.hears("edited", text="before, otherwise")
    await alice.hears("undone", message=before)
    await alice.says("after")
    await carol.hears("message", text="after")
    heard: list[Any] = [frame for frame in carol.tab.unheard if frame.type in ("edited", "undone")]
    assert heard == []
    await carol.tab.sends({"type": "resume", "epoch": hello.epoch, "after": hello.floor})
    await carol.hears("resumed")
    told = [frame for frame in carol.tab.unheard if "otherwise" in str(frame)]
    assert told == []
    assert "otherwise" not in (await carol.gets("/api/rooms/lobby/messages?after=0")).text
    assert "otherwise" not in (await carol.opens("/rooms/lobby")).text
    assert "otherwise" in (await alice.gets("/api/rooms/lobby/messages")).text


async def test_who_only_looks_reads_nothing_yet(carol: Person) -> None:
    assert await texts(carol) == []
    assert ">before<" not in (await carol.opens("/rooms/lobby")).text


async def test_an_invited_newcomer_reads_from_there_too(olga: Person, carol: Person, house: House) -> None:
    await olga.says("/private")
    await olga.says("/invite @carol")
    assert await texts(carol) == []
    await olga.says("welcome")
    assert await texts(carol) == ["welcome"]


async def test_what_somebody_may_read_stays_so_until_they_come_anew(
    olga: Person, alice: Person, carol: Person, house: House
) -> None:
    assert await texts(alice) == ["before"]
    await carol.enters()
    assert (
        await olga.says("/history-from all")
    ).text == "Who comes in from now on reads all that was said in #lobby."
    assert await texts(carol) == []
    await comes_anew(carol)
    assert await texts(carol) == ["before"]
    await olga.says("/history-from join")
    assert await texts(carol) == ["before"]
    await comes_anew(carol)
    assert await texts(carol) == []


async def test_admins_read_everything(carol: Person, house: House) -> None:
    ada = await house.person("ada", is_admin=True)
    assert await texts(ada) == ["before"]
    assert (await ada.enters()).floor == 1
    assert await texts(ada) == ["before"]


@pytest.mark.parametrize(
    ("who", "line", "code"),
    [
        ("alice", "/history-from join", "no_permission"),
        ("mona", "/history-from join", "no_permission"),
        ("olga", "/history-from", "usage"),
        ("olga", "/history-from yesterday", "usage"),
        ("olga", "/history-from join now", "usage"),
        ("olga", "/history-from all", "already"),
    ],
)
async def test_what_is_refused(
    alice: Person, mona: Person, olga: Person, house: House, who: str, line: str, code: str
) -> None:
    person = {"alice": alice, "mona": mona, "olga": olga}[who]
    await person.enters()
    assert (await person.refused(line)).code == code
    assert "settings" not in await house.kinds()


async def test_between_two_there_are_no_newcomers(alice: Person, bob: Person, house: House) -> None:
    await alice.enters()
    answer = await alice.says("/msg @bob hello")
    slug = answer.text.split("/rooms/")[1].split()[0].rstrip(".")
    await alice.enters(slug)
    assert (await alice.refused("/history-from join")).code in ("no_permission", "direct_room")
    await house.ranks(alice, Role.OWNER, slug)
    await alice.enters(slug)
    assert (await alice.refused("/history-from join")).code == "direct_room"


async def test_a_guest_reads_nothing_that_was_said_before_they_came(
    alice: Person, olga: Person, house: House
) -> None:
    await house.sets({"guests_welcome": True, "history_from_join": True})
    await alice.enters()
    await olga.enters()
    said = await alice.says("before")
    await olga.says("/pin")
    jonas = await Street(house).comes("Jonas", "lobby")
    for line in ("/history", "/history 2h", "/pins"):
        assert "before" not in (await jonas.asks("chat_message", message=line)).message
    assert not (await jonas.asks("chat_message", message=f"/jump {said.seq}")).success
    await alice.says("after")
    assert (await jonas.asks("chat_message", message="/history")).message.endswith(" alice: after")

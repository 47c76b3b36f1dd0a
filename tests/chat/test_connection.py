"""One socket: what it is owed, and what becomes of it when its reader is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat import connection as module
from chat.connection import HIGH_WATER, MOST_OWED, PING, CloseCode, Connection, Writer, text_frame
from chat.events import News, Person, ReadMark
from tests.chat.backstage import Line, payloads, until

ANN = Person(1, "ann")
BIG = text_frame(b"x" * 100_000)


class Reader:
    """The other side of a connection."""

    def __init__(self, writer: Writer) -> None:
        self.line = Line()
        self.closed: list[tuple[CloseCode, str]] = []
        self.news: list[tuple[int, News]] = []
        self.connection = Connection(
            ANN,
            self.line,
            writer,
            lambda code, reason: self.closed.append((code, reason)),
            lambda room_id, news: self.news.append((room_id, news)),
        )


@pytest.fixture
def make(writer: Writer) -> Callable[[], Reader]:
    return lambda: Reader(writer)


async def a_turn() -> None:
    """One turn of the loop, and the next, in which is paid what is owed."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_is_sent_in_one_turn_goes_out_in_one_write(make: Callable[[], Reader]) -> None:
    ann, ben = make(), make()
    for text in (b"one", b"two", b"three"):
        ann.connection.send(text_frame(text))
        ben.connection.send(text_frame(text))
    assert ann.line.writes == []
    await a_turn()
    assert ann.line.writes == ben.line.writes == [b"".join(map(text_frame, (b"one", b"two", b"three")))]
    ann.connection.send(text_frame(b"four"))
    await a_turn()
    assert ann.line.writes[1:] == [text_frame(b"four")]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
async def test_a_frame_says_how_long_it_is(size: int) -> None:
    payload = b"y" * size
    assert list(payloads(text_frame(payload) + text_frame(b"next"))) == [payload, b"next"]


async def test_a_stalled_reader_is_bounded_and_let_go_while_others_hear_all(
    make: Callable[[], Reader],
) -> None:
    slow, quick = make(), make()
    slow.line.stalled = True
    for count in range(40):
        slow.connection.send(BIG)
        quick.connection.send(BIG)
        await a_turn()
        assert len(quick.line.writes) == count + 1
    assert slow.closed == [(CloseCode.SLOW, "Too slow to keep up. Come back and resume.")]
    assert sum(map(len, slow.line.writes)) <= HIGH_WATER + len(BIG)
    assert slow.connection.owed <= MOST_OWED + len(BIG)
    assert quick.closed == []


async def test_too_much_in_one_turn_for_a_reader_who_stalls_already(make: Callable[[], Reader]) -> None:
    slow = make()
    slow.line.unread = HIGH_WATER + 1
    for _ in range(12):
        slow.connection.send(BIG)
    assert slow.closed == []
    await a_turn()
    assert slow.closed[0][0] is CloseCode.SLOW
    assert slow.line.writes == []


async def test_who_stalls_a_moment_gets_all_in_one_piece(make: Callable[[], Reader]) -> None:
    slow = make()
    slow.line.unread = HIGH_WATER + 1
    slow.connection.send(text_frame(b"one"))
    await a_turn()
    slow.connection.send(text_frame(b"two"))
    slow.connection.ping()
    await a_turn()
    assert slow.line.writes == []
    slow.line.reads()
    await until(lambda: slow.line.writes)
    assert slow.line.writes == [text_frame(b"one") + text_frame(b"two")]
    slow.connection.send(text_frame(b"three"))
    await a_turn()
    assert slow.line.writes[1:] == [text_frame(b"three")]
    assert slow.closed == []


async def test_who_stalls_too_long_is_let_go(
    make: Callable[[], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_STALL", 0.1)
    slow = make()
    slow.line.unread = HIGH_WATER + 1
    slow.connection.send(text_frame(b"one"))
    await until(lambda: slow.closed)
    assert slow.closed[0][0] is CloseCode.SLOW
    assert slow.line.writes == []


async def test_a_line_that_is_gone_harms_no_other(make: Callable[[], Reader]) -> None:
    gone, ann = make(), make()
    gone.line.broken = True
    for text in (b"one", b"two"):
        gone.connection.send(text_frame(text))
        ann.connection.send(text_frame(text))
        await a_turn()
    gone.connection.ping()
    assert ann.line.writes == [text_frame(b"one"), text_frame(b"two")]
    gone.connection.send(text_frame(b"three"))
    gone.connection.close(CloseCode.RESTART)
    assert gone.closed == [(CloseCode.RESTART, "")]


async def test_what_is_owed_is_sent_before_the_close_and_nothing_after(make: Callable[[], Reader]) -> None:
    ann = make()
    ann.connection.send(text_frame(b"last words"))
    ann.connection.close(CloseCode.KICKED, "Enough.")
    ann.connection.close(CloseCode.NORMAL)
    ann.connection.send(text_frame(b"too late"))
    ann.connection.ping()
    ann.connection.tell(1, ReadMark(7))
    await a_turn()
    assert ann.line.writes == [text_frame(b"last words")]
    assert ann.closed == [(CloseCode.KICKED, "Enough.")]
    assert ann.news == []


async def test_a_ping_goes_out_at_once_and_news_in_the_words_of_the_protocol(
    make: Callable[[], Reader],
) -> None:
    ann = make()
    ann.connection.ping()
    ann.connection.tell(1, ReadMark(7))
    assert ann.line.writes == [PING]
    assert ann.news == [(1, ReadMark(7))]


async def test_a_closed_writer_looks_after_nobody_who_stalls(writer: Writer) -> None:
    slow = Reader(writer)
    slow.line.unread = HIGH_WATER + 1
    slow.connection.send(text_frame(b"one"))
    await a_turn()
    assert writer._looking is not None
    writer.close()
    assert writer._looking.cancelled()


def test_codes_say_whether_to_come_back() -> None:
    come_back = {1001, 1005, 1006, *range(1011, 1015), *range(4000, 4500)}
    stay_away = {code for code in CloseCode if code not in come_back}
    assert stay_away == {
        *(
            CloseCode.NORMAL,
            CloseCode.UNSUPPORTED,
            CloseCode.UNREADABLE,
            CloseCode.BAD_FRAMES,
            CloseCode.SIGNED_OUT,
            CloseCode.KICKED,
        ),
        *(CloseCode.BANNED, CloseCode.ROOM_GONE, CloseCode.TOO_MANY, CloseCode.NO_KEY),
    }

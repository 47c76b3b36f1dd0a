"""Holds every client's log, and every answer anybody got, against PostgreSQL. It finds; it mends nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import psycopg

from chaos.book import Book, Sent
from chaos.people import Room

LOG = """SELECT m.seq, m.kind, m.author_id, m.nonce, m.body,
    CASE WHEN m.gone_seq IS NULL AND m.seq > r.cleared_upto THEN m.text END
    FROM messages m JOIN rooms r ON r.id = m.room_id WHERE r.slug = %s ORDER BY m.seq"""
MOST_TOLD = 5
Row = tuple[int, str, int, str, dict[str, Any], str | None]


@dataclass
class Findings:
    """What the checker saw. Everything in `wrong` breaks the contract."""

    entries: int = 0
    lost: int = 0
    doubled: int = 0
    compared: int = 0
    wrong: list[str] = field(default_factory=list)


class Checker:
    """`check()` once everybody has heard everything."""

    def __init__(self, database_url: str, rooms: list[Room], book: Book) -> None:
        self._url = database_url
        self._rooms = rooms
        self._book = book
        self.found = Findings(wrong=list(book.wrong))

    def check(self) -> Findings:
        """All of it."""
        with psycopg.connect(self._url) as connection:
            for room in self._rooms:
                log = connection.execute(LOG, [room.slug]).fetchall()
                self.found.entries += len(log)
                self._whole(connection, room, log)
                for client in room.clients:
                    self._same(client.name, client.view, log)
                self._pairs(room.slug, log)
            self._answers(connection)
        return self.found

    def _fail(self, what: str) -> None:
        self.found.wrong.append(what)

    def _whole(self, connection: psycopg.Connection[Any], room: Room, log: list[Row]) -> None:
        numbers = [row[0] for row in log]
        if numbers != list(range(1, len(log) + 1)):
            self._fail(f"{room.slug}: the log has holes")
        counted = connection.execute(
            "SELECT last_seq, last_ordinal, (SELECT count(*) FROM messages m WHERE m.room_id = r.id "
            "AND m.ordinal IS NOT NULL) FROM rooms r WHERE slug = %s",
            [room.slug],
        ).fetchone()
        assert counted is not None
        if counted[0] != len(log) or counted[1] != counted[2]:
            self._fail(f"{room.slug}: {counted} are counted, {len(log)} are there")
        heads = {client.view.last for client in room.clients}
        if heads != {len(log)}:
            self._fail(f"{room.slug}: clients end at {sorted(heads)}, the log at {len(log)}")

    def _same(self, name: str, view: Any, log: list[Row]) -> None:
        wrong = []
        expected = [seq for seq in view.kinds if seq > (view.jumps[-1][1] if view.jumps else view.first - 1)]
        start = view.jumps[-1][1] + 1 if view.jumps else view.first
        if len(expected) != view.last - start + 1:
            wrong.append(f"knows {len(expected)} of {view.last - start + 1} entries")
        for seq, kind in list(view.kinds.items()):
            if seq > len(log):
                wrong.append(f"{seq} is not in the log")
                continue
            _, kept, _, _, _, text = log[seq - 1]
            self.found.compared += 1
            if kind != kept and not (kind == "skip" and kept == "audit"):
                wrong.append(f"{seq} is {kept}, they heard {kind}")
            elif kind == "message" and view.texts[seq] != text:
                wrong.append(f"{seq} reads {text!r}, they see {view.texts[seq]!r}")
            elif seq in view.nonces and view.nonces[seq] != log[seq - 1][3]:
                wrong.append(f"{seq} has another nonce")
        for each in wrong[:MOST_TOLD]:
            self._fail(f"{name}: {each}")
        if len(wrong) > MOST_TOLD:
            self._fail(f"{name}: and {len(wrong) - MOST_TOLD} more")

    def _pairs(self, slug: str, log: list[Row]) -> None:
        here: dict[int, bool] = defaultdict(bool)
        for seq, kind, _, _, body, _ in log:
            if kind in ("joined", "left"):
                user = body["user"]["id"]
                if here[user] == (kind == "joined"):
                    self._fail(f"{slug}: {seq} says {kind} of somebody of whom it was said before")
                here[user] = kind == "joined"

    def _answers(self, connection: psycopg.Connection[Any]) -> None:
        rooms = dict(connection.execute("SELECT slug, id FROM rooms").fetchall())
        said = {
            (room, author, nonce): seq
            for room, author, nonce, seq in connection.execute(
                "SELECT room_id, author_id, nonce, seq FROM messages WHERE nonce NOT LIKE '~%%'"
            )
        }
        receipts = {
            (room, author, nonce): answer
            for room, author, nonce, answer in connection.execute(
                "SELECT room_id, author_id, nonce, answer FROM receipts"
            )
        }
        for nonce, sent in self._book.sent.items():
            key = (rooms[sent.room], sent.person, nonce)
            kept = key in said or key in receipts
            if sent.acked and not kept and not sent.text.startswith(("/who", "/help")):
                self.found.lost += 1
                self._fail(f"{nonce} was acknowledged and is not there: {sent}")
            elif sent.acked and sent.seq and sent.seq != (said.get(key) or receipts[key].get("seq")):
                self._fail(f"{nonce} was acknowledged as {sent.seq}, and is {said.get(key) or receipts[key]}")
            elif sent.refused and kept:
                self._fail(f"{nonce} was refused for good ({sent.refused}) and is there")
        self._doubles(connection, receipts, rooms)

    def _doubles(
        self, connection: psycopg.Connection[Any], receipts: dict[Any, Any], rooms: dict[str, int]
    ) -> None:
        # Every text is said once in a run, so the same request twice is one message twice.
        twice = connection.execute(
            "SELECT room_id, author_id, array_agg(seq) FROM messages WHERE kind = 'message' "
            "GROUP BY room_id, author_id, request_hash HAVING count(*) > 1"
        ).fetchall()
        for room, author, numbers in twice:
            self.found.doubled += 1
            self._fail(f"said twice in room {room} by {author}: {numbers}")
        acts = connection.execute(
            "SELECT room_id, author_id, kind, count(*) FROM messages "
            "WHERE kind IN ('edited', 'removed', 'topic', 'kicked', 'cleared', 'undone') AND room_id = ANY(%s) "
            "GROUP BY 1, 2, 3",
            [[rooms[room.slug] for room in self._rooms]],
        ).fetchall()
        wanted: Counter[tuple[int, int, str]] = Counter()
        for nonce, sent in self._book.sent.items():
            key = (rooms[sent.room], sent.person, nonce)
            if key in receipts:
                wanted[rooms[sent.room], sent.person, _act(sent)] += 1
        for room, author, kind, count in acts:
            if count != wanted[room, author, kind]:
                self.found.doubled += max(0, count - wanted[room, author, kind])
                self._fail(
                    f"room {room}: {kind} by {author} stands {count} times for "
                    f"{wanted[room, author, kind]} requests that were kept"
                )


def _act(sent: Sent) -> str:
    """The kind of entry a request makes."""
    if sent.kind in ("edit", "remove"):
        return {"edit": "edited", "remove": "removed"}[sent.kind]
    word = sent.text.split()[0]
    return {"/topic": "topic", "/kill": "kicked", "/clear": "cleared", "/undo": "undone"}.get(word, "message")


def present(database_url: str) -> dict[str, set[int]]:
    """Who is here, by PostgreSQL, in every room."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT r.slug, m.user_id FROM memberships m JOIN rooms r ON r.id = m.room_id "
            "WHERE m.present_since IS NOT NULL"
        ).fetchall()
    here: dict[str, set[int]] = defaultdict(set)
    for slug, user_id in rows:
        here[slug].add(user_id)
    return here

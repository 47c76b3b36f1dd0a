"""Words on their way into the log, the database's verdict on them, and what comes of it: an event or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from accounts.errors import Suspended
from chat.errors import NonceConflict, NoSuchRoom, TooFast
from chat.events import MessagePosted, Person
from chat.forbidden import Archived, Banned, Locked, Muted, NotAMember, NotVoiced, Removed
from chat.log import Answer
from helpers.errors import AppError
from helpers.line import Row


@dataclass(slots=True, eq=False)
class Post:
    """Words on their way into the log. `room` is the slug, for refusals; `shown_nonce` is the client's own, if any.

    `then` is called once, with the answer or the refusal, and must not wait or fail. `in_doubt` once the line broke
    while they were committed: they may be in the log, and nobody was told. `passed_over` once their room was locked by
    somebody else.
    """

    room_id: int
    room: str
    author: Person
    nonce: str
    digest: bytes
    text: str
    parts: bytes
    mentions: list[int] = field(default_factory=list)
    style: str = ""
    reply_to: int = 0
    as_admin: bool = False
    shown_nonce: str = ""
    in_doubt: bool = False
    passed_over: bool = False
    then: Callable[[Answer | AppError], None] | None = None
    until: float = 0.0

    @property
    def is_answered(self) -> bool:
        """Whether its author has heard what came of it, or that nobody knows yet."""
        return self.then is None

    def answer(self, answer: Answer | AppError) -> None:
        """Tell the author, if they still wait. Who stopped waiting has said it all the same."""
        then, self.then = self.then, None
        if then is not None:
            then(answer)

    @property
    def key(self) -> tuple[int, int, str]:
        """What may be in the log only once."""
        return self.room_id, self.author.id, self.nonce

    @property
    def told(self) -> dict[str, Any]:
        """As the database takes many at once, in JSON."""
        told: dict[str, Any] = {
            "room_id": self.room_id,
            "author_id": self.author.id,
            "nonce": self.nonce,
            "hash": self.digest.hex(),
            "text": self.text,
            "parts": msgspec.Raw(self.parts),
        }
        if self.mentions:
            told["mentions"] = self.mentions
        body = self.body
        if body:
            told["body"] = body
        return told

    @property
    def row(self) -> tuple[str, ...]:
        """As the database takes a lone one."""
        return (
            str(self.room_id),
            str(self.author.id),
            self.nonce,
            "\\x" + self.digest.hex(),
            self.text,
            self.parts.decode(),
            msgspec.json.encode(self.body).decode(),
            f"{{{','.join(map(str, self.mentions))}}}",
        )

    @property
    def body(self) -> dict[str, Any]:
        """What the log keeps of it beside words."""
        body: dict[str, Any] = {}
        if self.style:
            body["style"] = self.style
        if self.reply_to:
            body["reply_to"] = self.reply_to
        if self.as_admin:
            body["as_admin"] = True
        return body


@dataclass(slots=True)
class Verdict:
    """The database's word on one post: its number and time where it was kept, and who said it."""

    verdict: str
    seq: int
    ordinal: int
    at: datetime
    until: datetime | None
    name: str


def verdict_of(row: Row) -> Verdict:
    """The verdict in a row of text: word, number, ordinal, time and end of silence in seconds, name."""
    verdict, seq, ordinal, at, until, name = row
    return Verdict(
        verdict or "",
        int(seq or 0),
        int(ordinal or 0),
        datetime.fromtimestamp(float(at or 0), UTC),
        datetime.fromtimestamp(float(until), UTC) if until else None,
        name or "",
    )


def said(post: Post, verdict: Verdict) -> MessagePosted:
    """The event of a post that was kept."""
    return MessagePosted(
        seq=verdict.seq,
        at=verdict.at,
        by=Person(post.author.id, verdict.name, post.author.guest),
        nonce=post.shown_nonce,
        text=post.text,
        parts=msgspec.Raw(post.parts),
        style=post.style,
        reply_to=post.reply_to,
        as_admin=post.as_admin,
    )


def refusal(verdict: str, post: Post, until: datetime | None) -> AppError:
    """Why words were not kept, from the database's one word for it."""
    match verdict:
        case "banned" if until is not None:
            return Banned(until, room=post.room)
        case "removed" if until is not None:
            return Removed(until, room=post.room)
        case "muted" if until is not None:
            return Muted(until)
        case "nonce_conflict":
            return NonceConflict()
        case "archived":
            return Archived(post.room)
        case "room_locked":
            return Locked(post.room)
        case "slow" if until is not None:
            return TooFast((until - datetime.now(UTC)).total_seconds(), slow_mode=True)
        case "moderated":
            return NotVoiced(post.room)
        case "suspended":
            return Suspended(until) if until is not None else NotAMember(post.room)
        case "no_such_room":
            return NoSuchRoom()
        case _:
            return NotAMember(post.room)

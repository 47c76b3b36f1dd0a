"""The room's one ordered log and its only writer: it numbers, commits together, then tells."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import peewee

from chat.errors import (
    Busy,
    NoSuchRoom,
    Unavailable,
    Unreadable,
)
from chat.events import Batch, RecordedEvent
from chat.log import Answer, Log, Request, lock_room
from chat.post import Post, Verdict, refusal, said
from helpers.database import Manager, is_lost, sqlstate
from helpers.errors import AppError
from helpers.locks import Locks
from helpers.tasks import Tasks

log = logging.getLogger(__name__)

MOST_QUEUED = 5_000
MOST_IN_ONE_COMMIT = 500
TRIES = 4
PAUSE = 0.25
ANSWER_WITHIN = 10.0
DEADLOCK = "40P01"
TOO_MUCH = "54"
"""What begins so is too large or too deep for PostgreSQL: the fault of one entry, not of the server."""
APPEND = "SELECT i, verdict, seq, ordinal, at, until, name FROM journal_append(%s::json, %s)"
APPEND_ONE = """SELECT i, verdict, seq, ordinal, at, until, name FROM journal_append_one(
    %s::bigint, %s::bigint, %s::text, %s::bytea, %s::text, %s::text, %s::text, %s::text, %s)"""


Committed = list[tuple[Post, Verdict]]


class Journal:
    """Writes every room's log.

    Posts that arrive while a commit is in flight go into the next one together. `tell` is handed what was committed,
    never anything that was not. `pause` is how long a broken line is given before the first new try, `answer_within`
    how long an author waits at most; both in seconds.
    """

    def __init__(
        self,
        manager: Manager,
        tell: Callable[[Batch], None],
        *,
        most_queued: int = MOST_QUEUED,
        pause: float = PAUSE,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._manager = manager
        self._tell = tell
        self._most_queued = most_queued
        self._pause = pause
        self._answer_within = answer_within
        self._queue: deque[Post] = deque()
        self._something = asyncio.Event()
        self._waiting_rooms: dict[int, deque[Post]] = {}
        # Acts of this process queue here for a room, not at its row: there each would hold a line to the database.
        self._doors: Locks[int] = Locks(answer_within)
        self._tasks = Tasks("journal")
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        """Begin to write."""
        self._tasks.start("writing", self._write)

    async def close(self) -> None:
        """Take no more, write what is queued, then end."""
        self._closing = True
        await self._idle.wait()
        await self._tasks.close()

    async def append(self, post: Post) -> Answer:
        """Keep words; returns once they are committed.

        Raises Busy when too much waits, Unavailable when PostgreSQL does not answer in time, NonceConflict,
        and what forbids the author to speak: Banned, Removed, Muted, Archived, Locked, NotVoiced, NotAMember.
        """
        self._require_no_transaction()
        if self._closing or self._queued() >= self._most_queued:
            raise Busy
        post.kept = asyncio.get_running_loop().create_future()
        self._queue.append(post)
        self._idle.clear()
        self._something.set()
        try:
            async with asyncio.timeout(self._answer_within):
                return await post.kept
        except TimeoutError:
            # It may be kept all the same, like the words of whoever stops waiting: the nonce tells when it comes again.
            raise Unavailable from None

    def _queued(self) -> int:
        return len(self._queue) + sum(map(len, self._waiting_rooms.values()))

    def _require_no_transaction(self) -> None:
        if self._manager.in_transaction:
            # It might wait for a lock its own caller holds, or be told before it is committed.
            raise RuntimeError("the journal is not to be asked inside a transaction")

    @asynccontextmanager
    async def transaction(
        self, room_id: int, actor_id: int = 0, request: Request | None = None
    ) -> AsyncIterator[Log]:
        """One act in a room: checked and recorded under the room's lock, told when it is committed.

        Inside there is nothing but SQL: start no task, await no other queue, and never `append`.
        Raises NoSuchRoom, Repeated, NonceConflict.
        """
        async with self.transactions([room_id], actor_id, request) as logs:
            yield logs[room_id]

    @asynccontextmanager
    async def transactions(
        self, room_ids: list[int], actor_id: int = 0, request: Request | None = None
    ) -> AsyncIterator[dict[int, Log]]:
        """The same for several rooms at once, locked in the order of their ids. The first of them keeps the receipt."""
        self._require_no_transaction()
        async with AsyncExitStack() as doors:
            for room_id in sorted(set(room_ids)):
                await doors.enter_async_context(self._doors.soon(room_id))
            logs: dict[int, Log] = {}
            try:
                async with self._manager.transaction():
                    for room_id in sorted(set(room_ids)):
                        asked = request if room_id == room_ids[0] else None
                        opened = await lock_room(self._manager, room_id, asked, actor_id)
                        if opened is None:
                            raise NoSuchRoom
                        await opened.look_for_receipt()
                        logs[room_id] = opened
                    yield logs
                    for opened in logs.values():
                        await opened.close()
            except (peewee.OperationalError, peewee.InterfaceError) as error:
                log.warning("journal: an act was not kept: %s", error)
                raise Unavailable from error
            for room_id, opened in logs.items():
                if opened.events or opened.passing:
                    self._announce(
                        Batch(room_id, [*opened.events, *opened.passing], opened.room.last_ordinal)
                    )

    async def _write(self) -> None:
        committed: Committed = []
        while True:
            if not self._queue:
                self._settle(committed)
                committed = []
                if not self._queue and not self._waiting_rooms:
                    self._idle.set()
                self._something.clear()
                await self._something.wait()
            posts = self._take()
            if not posts:
                continue
            flight = asyncio.create_task(self._commit(posts, wait=False), name="journal: commit")
            if committed:
                # The next commit is on its way before the last one is told: disk and sockets work side by side.
                await asyncio.sleep(0)
                self._settle(committed)
            committed = await flight

    def _take(self) -> list[Post]:
        posts: list[Post] = []
        keys: set[tuple[int, int, str]] = set()
        later: list[Post] = []
        while self._queue and len(posts) < MOST_IN_ONE_COMMIT:
            post = self._queue.popleft()
            if post.room_id in self._waiting_rooms:
                self._waiting_rooms[post.room_id].append(post)
            elif post.key in keys:
                later.append(post)
            else:
                keys.add(post.key)
                posts.append(post)
        self._queue.extendleft(reversed(later))
        return posts

    async def _commit(self, posts: list[Post], *, wait: bool) -> Committed:
        try:
            return await self._try(posts, wait)
        except Exception:
            log.exception("journal: %d posts were not kept", len(posts))
        for post in posts:
            self._refuse(post, Unavailable())
        return []

    async def _try(self, posts: list[Post], wait: bool) -> Committed:
        for attempt in range(TRIES):
            try:
                return self._judged(posts, await self._append(posts, wait))
            except (peewee.OperationalError, peewee.InterfaceError) as error:
                state = sqlstate(error) or ""
                if state.startswith(TOO_MUCH):
                    return await self._one_by_one(posts, wait, error)
                if not is_lost(error) and state != DEADLOCK:
                    log.warning("journal: %d posts were not kept: %s", len(posts), error)
                    break
                # It may have been committed before the line broke: asked again, the nonces tell.
                for post in posts:
                    post.in_doubt = True
                if attempt + 1 < TRIES:
                    await asyncio.sleep(self._pause * 2**attempt)
                    await self._manager.mend()
            except (peewee.PeeweeException, ValueError, TypeError) as error:
                return await self._one_by_one(posts, wait, error)
        for post in posts:
            self._refuse(post, Unavailable())
        return []

    async def _one_by_one(self, posts: list[Post], wait: bool, error: Exception) -> Committed:
        if len(posts) == 1:
            log.warning("journal: a post cannot be kept: %s", error)
            self._refuse(posts[0], Unreadable())
            return []
        committed: Committed = []
        for post in posts:
            if not wait and post.room_id in self._waiting_rooms:
                # One before it found the room locked: it stays behind that one.
                self._wait_for_room(post)
            else:
                committed += await self._commit([post], wait=wait)
        return committed

    async def _append(self, posts: list[Post], wait: bool) -> list[Verdict]:
        if len(posts) == 1:
            rows = await self._manager.call(APPEND_ONE, *posts[0].row, wait)
            return [Verdict(*row[1:]) for row in rows]
        asked = msgspec.json.encode([post.told for post in posts]).decode()
        rows = await self._manager.call(APPEND, asked, wait)
        return [Verdict(*row[1:]) for row in rows]

    def _judged(self, posts: list[Post], verdicts: list[Verdict]) -> Committed:
        committed: Committed = []
        for post, verdict in zip(posts, verdicts, strict=True):
            if verdict.verdict == "ok" or (post.in_doubt and verdict.verdict == "again"):
                committed.append((post, verdict))
            elif verdict.verdict == "again":
                self._answer(post, Answer(seq=verdict.seq, at=verdict.at, duplicate=True))
            elif verdict.verdict == "locked":
                self._wait_for_room(post)
            else:
                self._refuse(post, refusal(verdict.verdict, post, verdict.until))
        return committed

    def _wait_for_room(self, post: Post) -> None:
        waiting = self._waiting_rooms.get(post.room_id)
        if waiting is None:
            waiting = self._waiting_rooms[post.room_id] = deque()
            self._tasks.once(f"room {post.room_id}", self._write_room(post.room_id, waiting))
        waiting.append(post)

    async def _write_room(self, room_id: int, waiting: deque[Post]) -> None:
        try:
            while waiting:
                keys: set[tuple[int, int, str]] = set()
                posts: list[Post] = []
                while waiting and len(posts) < MOST_IN_ONE_COMMIT and waiting[0].key not in keys:
                    posts.append(waiting.popleft())
                    keys.add(posts[-1].key)
                self._settle(await self._commit(posts, wait=True))
        finally:
            del self._waiting_rooms[room_id]
            self._something.set()

    def _settle(self, committed: Committed) -> None:
        rooms: dict[int, tuple[list[RecordedEvent], int]] = {}
        for post, verdict in committed:
            events, _ = rooms.get(post.room_id, ([], 0))
            events.append(said(post, verdict))
            rooms[post.room_id] = events, verdict.ordinal
        for room_id, (events, ordinal) in rooms.items():
            self._announce(Batch(room_id, list(events), ordinal))
        for post, verdict in committed:
            self._answer(post, Answer(seq=verdict.seq, at=verdict.at))

    def _announce(self, batch: Batch) -> None:
        try:
            self._tell(batch)
        except Exception:
            # It is kept: its author is told so, and readers find it when they look where the log ends.
            log.exception("journal: what was kept in room %d could not be told", batch.room_id)

    def _answer(self, post: Post, answer: Answer) -> None:
        # An author who stopped waiting has said it all the same.
        if not post.kept.done():
            post.kept.set_result(answer)

    def _refuse(self, post: Post, error: AppError) -> None:
        if not post.kept.done():
            post.kept.set_exception(error)

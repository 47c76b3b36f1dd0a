"""The room's one ordered log and its only writer: it numbers, commits together, then tells."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import peewee

from chat.errors import Busy, NoSuchRoom, Unavailable, Unreadable
from chat.events import Batch, RecordedEvent
from chat.log import Answer, Log, Request, lock_room
from chat.post import Post, Verdict, refusal, said, verdict_of
from chat.queue import MOST_IN_ONE_COMMIT, Queue
from helpers.database import Manager, is_lost, sqlstate
from helpers.errors import AppError
from helpers.locks import Locks
from helpers.tasks import Tasks

log = logging.getLogger(__name__)

MOST_QUEUED = 5_000
TRIES = 4
PAUSE = 0.25
ANSWER_WITHIN = 10.0
DEADLOCK = "40P01"
TOO_MUCH = "54"
"""What begins so is too large or too deep for PostgreSQL: the fault of one entry, not of the server."""
OF_THE_SERVER = "XX"
"""What begins so is no entry's fault: a backup was put back, functions and all, while it waited for its room."""
VERDICT = (
    "verdict, seq::text, ordinal::text, extract(epoch FROM at)::text, extract(epoch FROM until)::text, name"
)
STATEMENTS = {
    "append": f"SELECT {VERDICT} FROM journal_append($1::jsonb, $2::boolean)",
    "append_one": f"""SELECT {VERDICT} FROM journal_append_one($1::bigint, $2::bigint, $3::text, $4::bytea, $5::text,
        $6::text, $7::text, $8::text, $9::boolean)""",
}


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
        self.line = manager.line(STATEMENTS)
        # Who waits for a locked room must not keep the others from speaking.
        self.patient_line = manager.lines(STATEMENTS)
        self._tell = tell
        self._most_queued = most_queued
        self._pause = pause
        self._queue = Queue(answer_within=answer_within)
        self._waiting_rooms: dict[int, deque[Post]] = {}
        # Acts of this process queue here for a room, not at its row: there each would hold a line to the database.
        self._doors: Locks[int] = Locks(answer_within)
        self._tasks = Tasks("journal")
        self._closing = False
        self._is_writing = False
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
        self._queue.close()
        await self.line.close()

    async def append(self, post: Post) -> Answer:
        """Keep words; returns once they are committed.

        Raises Busy when too much waits, Unavailable when PostgreSQL does not answer in time, Unreadable, NonceConflict,
        NoSuchRoom, and what forbids the author to speak: Banned, Removed, Muted, Archived, Locked, NotVoiced,
        NotAMember, Suspended, TooFast.
        """
        self._require_no_transaction()
        kept: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def then(answer: Answer | AppError) -> None:
            if kept.done():
                return
            if isinstance(answer, Answer):
                kept.set_result(answer)
            else:
                kept.set_exception(answer)

        post.then = then
        self.put(post)
        return await kept

    def put(self, post: Post) -> None:
        """The same for whoever does not wait: `post.then` is called with the answer or the refusal.

        Raises Busy when too much waits.
        """
        if self._closing or self._queued() >= self._most_queued:
            raise Busy
        self._idle.clear()
        self._queue.put(post)

    def _queued(self) -> int:
        if not self._waiting_rooms:
            return len(self._queue)
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
        together = 0
        while True:
            self._rest()
            await self._queue.gather(together)
            posts, others = self._queue.take(self._waiting_rooms)
            for post in others:
                self._wait_for_room(post)
            if posts:
                self._is_writing = True
                self._settle(await self._commit(posts, wait=False))
                self._is_writing = False
                # Those just answered and those who came meanwhile may well go together now.
                together = len(posts) + len(self._queue)

    def _rest(self) -> None:
        if not self._queue and not self._waiting_rooms and not self._is_writing:
            self._idle.set()

    async def _commit(self, posts: list[Post], *, wait: bool) -> Committed:
        try:
            return await self._try(posts, wait)
        except Exception:
            log.exception("journal: %d posts were not kept", len(posts))
        for post in posts:
            post.answer(Unavailable())
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
                    if wait:
                        await self._manager.mend()
            except (peewee.PeeweeException, ValueError, TypeError) as error:
                return await self._one_by_one(posts, wait, error)
        for post in posts:
            post.answer(Unavailable())
        return []

    async def _one_by_one(self, posts: list[Post], wait: bool, error: Exception) -> Committed:
        if len(posts) == 1:
            log.warning("journal: a post cannot be kept: %s", error)
            of_the_server = (sqlstate(error) or "").startswith(OF_THE_SERVER)
            posts[0].answer(Unavailable() if of_the_server else Unreadable())
            return []
        committed: Committed = []
        for post in posts:
            # Put back, it would come behind the next of its room.
            post.passed_over = True
            if not wait and post.room_id in self._waiting_rooms:
                # One before it found the room locked: it stays behind that one.
                self._wait_for_room(post)
            else:
                committed += await self._commit([post], wait=wait)
        return committed

    async def _append(self, posts: list[Post], wait: bool) -> list[Verdict]:
        line, waits = (self.patient_line, "t") if wait else (self.line, "f")
        if len(posts) == 1:
            rows = await line.ask("append_one", *posts[0].row, waits)
        else:
            asked = msgspec.json.encode([post.told for post in posts]).decode()
            rows = await line.ask("append", asked, waits)
        return list(map(verdict_of, rows))

    def _judged(self, posts: list[Post], verdicts: list[Verdict]) -> Committed:
        committed: Committed = []
        once_more: list[Post] = []
        for post, verdict in zip(posts, verdicts, strict=True):
            if verdict.verdict == "ok" or (post.in_doubt and verdict.verdict == "again"):
                committed.append((post, verdict))
            elif verdict.verdict == "again":
                post.answer(Answer(seq=verdict.seq, at=verdict.at, duplicate=True))
            elif verdict.verdict == "locked":
                if post.passed_over or post.room_id in self._waiting_rooms:
                    self._wait_for_room(post)
                else:
                    # Most likely another process commits there, and is done before our next commit.
                    post.passed_over = True
                    once_more.append(post)
            else:
                post.answer(refusal(verdict.verdict, post, verdict.until))
        self._queue.put_back(once_more)
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
            self._rest()

    def _settle(self, committed: Committed) -> None:
        rooms: dict[int, tuple[list[RecordedEvent], int]] = {}
        for post, verdict in committed:
            events, _ = rooms.get(post.room_id, ([], 0))
            events.append(said(post, verdict))
            rooms[post.room_id] = events, verdict.ordinal
        for room_id, (events, ordinal) in rooms.items():
            self._announce(Batch(room_id, list(events), ordinal))
        for post, verdict in committed:
            post.answer(Answer(seq=verdict.seq, at=verdict.at))

    def _announce(self, batch: Batch) -> None:
        try:
            self._tell(batch)
        except Exception:
            # It is kept: its author is told so, and readers find it when they look where the log ends.
            log.exception("journal: what was kept in room %d could not be told", batch.room_id)

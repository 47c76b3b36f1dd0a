"""Words that wait for the next commit: in their order, never too many, and none without an answer in time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Container

from chat.errors import Unavailable
from chat.post import Post

MOST_IN_ONE_COMMIT = 500
SIBLINGS = 4
GATHERS_FOR = 0.002
"""In seconds. Those whose words were kept together were told at once, and are likely to go on at once: two small
commits cost twice what one costs, in writes to everybody who hears them too. Fewer than `SIBLINGS` are not waited for.
"""


class Queue:
    """Posts in the order they came. Whoever is not answered within `answer_within` seconds is told Unavailable."""

    def __init__(self, *, answer_within: float) -> None:
        self._answer_within = answer_within
        self._posts: deque[Post] = deque()
        self._unanswered: deque[Post] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough = 1
        self._begin: asyncio.Future[None] | None = None
        self._clock: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._posts)

    def put(self, post: Post) -> None:
        """The last in the row."""
        if self._loop is None:
            # Asked once: it looks who we are each time, in the kernel.
            self._loop = asyncio.get_running_loop()
        post.until = self._loop.time() + self._answer_within
        self._posts.append(post)
        while self._unanswered and self._unanswered[0].is_answered:
            self._unanswered.popleft()
        self._unanswered.append(post)
        if self._clock is None:
            self._clock = self._loop.call_at(post.until, self._give_up)
        if self._begin is not None and len(self._posts) >= self._enough:
            self._go()

    async def gather(self, expected: int) -> None:
        """Wait until there is something, and a moment longer for as many as are expected."""
        if not self._posts:
            await self._until(1)
        if SIBLINGS <= expected > len(self._posts):
            timer = asyncio.get_running_loop().call_later(GATHERS_FOR, self._go)
            await self._until(expected)
            timer.cancel()

    def take(self, apart: Container[int]) -> tuple[list[Post], list[Post]]:
        """What the next commit may hold, and what is for the rooms `apart`. The same nonce never comes twice in one."""
        posts: list[Post] = []
        others: list[Post] = []
        later: list[Post] = []
        keys: set[tuple[int, int, str]] = set()
        while self._posts and len(posts) < MOST_IN_ONE_COMMIT:
            post = self._posts.popleft()
            if post.room_id in apart:
                others.append(post)
            elif post.key in keys:
                later.append(post)
            else:
                keys.add(post.key)
                posts.append(post)
        self._posts.extendleft(reversed(later))
        return posts, others

    def put_back(self, posts: list[Post]) -> None:
        """Before all others again, in this order."""
        self._posts.extendleft(reversed(posts))

    def close(self) -> None:
        """Look at the clock no more."""
        if self._clock is not None:
            self._clock.cancel()

    async def _until(self, enough: int) -> None:
        self._enough = enough
        self._begin = asyncio.get_running_loop().create_future()
        try:
            await self._begin
        finally:
            self._begin = None

    def _go(self) -> None:
        if self._begin is not None and not self._begin.done():
            self._begin.set_result(None)

    def _give_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._clock = None
        while self._unanswered and (
            self._unanswered[0].is_answered or self._unanswered[0].until <= loop.time()
        ):
            # It may be kept all the same: the nonce tells when it comes again.
            self._unanswered.popleft().answer(Unavailable())
        if self._unanswered:
            self._clock = loop.call_at(self._unanswered[0].until, self._give_up)

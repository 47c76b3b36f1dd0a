"""Serving: in this process, or in several that share a port and are looked after."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import uvloop
from aiohttp import web

from aiochat import children
from aiochat.logs import AccessLog
from aiochat.main import create_app
from aiochat.settings import Settings
from aiochat.trouble import Trouble

log = logging.getLogger(__name__)

BACKLOG = 1024
STOPS = (signal.SIGTERM, signal.SIGINT)
YOUNG = 10.0
# Every connection brings some fifty things to look through: garbage looked for so often costs more than it weighs.
GARBAGE = (20_000, 20, 50)
LONGEST_PAUSE = 10.0
MOST_FILES = 65_536


class WorkerFailed(Trouble):
    """A worker ended before it was ready."""


def serve(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve in this process until SIGTERM or Ctrl+C; `ready` is called once requests are answered.

    Raises what opening the site raises, such as `DatabaseDown`.
    """
    uvloop.run(_serve(settings, listener, ready))


async def _serve(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    _on_signals(stop)
    open_more_files()
    runner = web.AppRunner(
        create_app(settings),
        access_log_class=AccessLog,
        access_log=logging.getLogger("aiochat.access"),
        shutdown_timeout=settings.shutdown_grace,
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        _keep_house()
        ready()
        await stop.wait()
    finally:
        try:
            async with asyncio.timeout(2 * settings.shutdown_grace):
                await runner.cleanup()
        except TimeoutError:
            log.error("not everything was closed within %g seconds", 2 * settings.shutdown_grace)


def open_more_files() -> None:
    """Have as many files open as this process may: each connection is one, and many a shell begins with 1024."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if now != resource.RLIM_INFINITY and now < wanted:
        # Some systems allow fewer than they say.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _keep_house() -> None:
    """What was made at the start stays to the end: it is not looked through again, and the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


@dataclass
class Worker:
    """One process of several."""

    process: subprocess.Popen[bytes]
    ready: IO[bytes]
    since: float
    failures: int


class Workers:
    """Several processes on one shared port, each begun again should it fail."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running: list[Worker] = []

    def serve(self, ready: Callable[[], None]) -> None:
        """Keep the workers running until SIGTERM or Ctrl+C. Raises `WorkerFailed` when one cannot begin."""
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Callable[[], None]) -> None:
        stop, somebody_died = asyncio.Event(), asyncio.Event()
        _on_signals(stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, somebody_died.set)
        stopping = asyncio.create_task(stop.wait(), name="workers: until stopped")
        try:
            for _ in range(self._settings.workers):
                self._running.append(self._begin())
            for worker in self._running:
                if not await self._is_ready(worker, stopping):
                    if stop.is_set():
                        return
                    raise WorkerFailed("A worker could not begin; what it said stands above.")
            ready()
            while not stop.is_set():
                somebody_died.clear()
                for worker in [each for each in self._running if each.process.poll() is not None]:
                    await self._replace(worker, stopping)
                dying = asyncio.create_task(somebody_died.wait(), name="workers: until one dies")
                await asyncio.wait({stopping, dying}, return_when=asyncio.FIRST_COMPLETED)
                dying.cancel()
        finally:
            stopping.cancel()
            self._end()

    def _begin(self, failures: int = 0) -> Worker:
        ours, theirs = os.pipe()
        command = [sys.executable, "-m", "aiochat", "worker", str(theirs)]
        try:
            process = children.start(
                command, environ={**os.environ, **self._settings.environ()}, pass_fds=(theirs,)
            )
        finally:
            os.close(theirs)
        return Worker(process, os.fdopen(ours, "rb"), asyncio.get_running_loop().time(), failures)

    async def _is_ready(self, worker: Worker, stopping: asyncio.Task[bool]) -> bool:
        """Wait for the byte a worker writes when it serves; its pipe ends without one when it dies."""
        loop = asyncio.get_running_loop()
        said: asyncio.Future[bytes] = loop.create_future()

        def read() -> None:
            loop.remove_reader(worker.ready)
            said.set_result(worker.ready.read(1))

        loop.add_reader(worker.ready, read)
        waiting: set[asyncio.Future[Any]] = {said, stopping}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(worker.ready)
        worker.ready.close()
        return said.done() and said.result() != b""

    async def _replace(self, worker: Worker, stopping: asyncio.Task[bool]) -> None:
        lived = asyncio.get_running_loop().time() - worker.since
        failures = worker.failures + 1 if lived < YOUNG else 0
        pause = min(LONGEST_PAUSE, 0.25 * 2**failures) if failures else 0.0
        log.error("worker %d ended with %d, another begins", worker.process.pid, worker.process.returncode)
        worker.ready.close()
        self._running.remove(worker)
        await asyncio.wait({stopping}, timeout=pause)
        if not stopping.done():
            self._running.append(self._begin(failures))

    def _end(self) -> None:
        for worker in self._running:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
        for worker in self._running:
            worker.ready.close()
            children.stop(
                worker.process, signal.SIGTERM, 2 * self._settings.shutdown_grace + 1, signal.SIGKILL
            )


def _on_signals(stop: asyncio.Event) -> None:
    for number in STOPS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

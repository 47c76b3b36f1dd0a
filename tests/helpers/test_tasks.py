"""Work beside the caller."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from helpers import tasks as module
from helpers.database import Manager
from helpers.tasks import Tasks

COLOUR: ContextVar[str] = ContextVar("COLOUR", default="none")


async def test_what_fails_is_logged_and_begun_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RESTART_AFTER", 0)
    tasks, again = Tasks("garden"), asyncio.Event()
    runs = 0

    async def water() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ZeroDivisionError
        again.set()
        await asyncio.Event().wait()

    tasks.start("watering", water)
    async with asyncio.timeout(5):
        await again.wait()
    await tasks.close()
    assert runs == 3
    assert caplog.text.count("garden: watering failed, begins again") == 2


async def test_what_is_done_once_may_fail_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks("garden")

    async def dig() -> None:
        raise ZeroDivisionError

    await tasks.once("digging", dig())
    assert "garden: digging failed" in caplog.text
    await tasks.close()


async def test_draining_waits_for_the_end_and_closing_does_not() -> None:
    tasks, gate = Tasks("garden"), asyncio.Event()
    done: list[str] = []

    async def wait_for(what: asyncio.Event) -> None:
        await what.wait()
        done.append("through")

    first = tasks.once("waiting", wait_for(gate))
    assert first.get_name() == "garden: waiting"
    draining = asyncio.create_task(tasks.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    gate.set()
    await draining
    second = tasks.once("waiting", wait_for(asyncio.Event()))
    await tasks.close()
    assert second.cancelled()
    assert done == ["through"]


async def test_who_swallows_a_cancellation_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CANCEL_AGAIN_AFTER", 0.01)
    tasks, begun = Tasks("garden"), asyncio.Event()
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = tasks.once("staying", stubborn())
    await begun.wait()
    await tasks.close()
    assert task.cancelled()


async def test_no_task_inherits_what_its_maker_holds(manager: Manager) -> None:
    tasks = Tasks("garden")
    found: list[tuple[str, bool, int]] = []

    async def look() -> None:
        backend = await manager.value("SELECT pg_backend_pid()")
        found.append((COLOUR.get(), manager.in_transaction, backend))

    COLOUR.set("green")
    async with manager.transaction():
        mine = await manager.value("SELECT pg_backend_pid()")
        await tasks.once("looking", look())
    assert found[0][:2] == ("none", False)
    assert found[0][2] != mine
    await tasks.close()

"""Hashing takes its time, and nobody else's."""

from __future__ import annotations

import asyncio
import threading

import pytest

from accounts import passwords
from accounts.errors import Busy
from accounts.passwords import AT_ONCE, MOST_WAITING, Passwords


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Passwords whose hashing waits for this event."""
    go_on = threading.Event()
    real = passwords.PASSWORDS._hash

    def hash_when_told(password: str) -> str:
        assert go_on.wait(30)
        return real(password)

    monkeypatch.setattr(passwords.PASSWORDS, "_hash", hash_when_told)
    return go_on


async def test_the_loop_goes_on_while_a_password_is_hashed(slow: threading.Event) -> None:
    hashing = asyncio.create_task(passwords.PASSWORDS.hash("tide-gauge-7"))
    await asyncio.sleep(0)
    assert not hashing.done()
    slow.set()
    assert (await hashing).startswith("$argon2id$")


async def test_only_two_are_hashed_at_once_and_a_crowd_is_asked_to_come_back(slow: threading.Event) -> None:
    queue = [asyncio.create_task(passwords.PASSWORDS.hash("tide-gauge-7")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        await passwords.PASSWORDS.hash("tide-gauge-7")
    assert refused.value.status == 503
    assert refused.value.told()["retry_after"] == 5
    assert len(passwords.PASSWORDS._threads._threads) == AT_ONCE
    slow.set()
    assert len(set(await asyncio.gather(*queue))) == MOST_WAITING
    assert await passwords.PASSWORDS.hash("tide-gauge-7")


@pytest.mark.parametrize(
    "kept", [None, "", "plain words", "$argon2id$broken", "$2b$12$abcdefghijklmnopqrstuv"]
)
async def test_what_is_no_hash_of_ours_matches_nothing(kept: str | None) -> None:
    assert not await passwords.PASSWORDS.matches(kept, "tide-gauge-7")
    assert not await passwords.PASSWORDS.matches(kept, "")


async def test_the_real_thing_is_argon2id_with_nineteen_mebibytes() -> None:
    real = Passwords()
    kept = await real.hash("tide-gauge-7")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await real.matches(kept, "tide-gauge-7")
    assert not await real.matches(kept, "tide-gauge-8")
    assert not real.is_outdated(kept)
    assert passwords.PASSWORDS.is_outdated(kept)
    real.close()

"""How often people may knock: tries to sign in and new accounts, counted by all processes together."""

from __future__ import annotations

from redis.asyncio import Redis

from accounts.names import name_key
from helpers.throttle import RateLimited, Throttle, Tries, address_key

PAUSE = 180
# Five tries from one place; more from many places, so that nobody is locked out by one stranger; and more
# from one address, because a whole class may sit behind it.
BY_BOTH = Throttle("sign-in", limit=5, seconds=PAUSE)
BY_NAME = Throttle("sign-in-name", limit=20, seconds=PAUSE)
BY_ADDRESS = Throttle("sign-in-address", limit=40, seconds=PAUSE)
SIGN_UPS = Throttle("sign-up", limit=60, seconds=3600)


async def count_sign_in(redis: Redis, name: str, remote: str | None) -> Tries:
    """Count one try to sign in, before the password is looked at. Raises `RateLimited`, `Unavailable`."""
    all_tries = [await throttle.count(redis, key) for throttle, key in _counters(name, remote)]
    refused = [tries.retry_after for tries in all_tries if tries.refused]
    if refused:
        raise RateLimited(max(refused))
    return min(all_tries, key=lambda tries: tries.left)


async def forgive_sign_in(redis: Redis, name: str, remote: str | None) -> None:
    """The password was right: this place begins anew for this name. Raises `Unavailable`."""
    for throttle, key in _counters(name, remote):
        if throttle is BY_BOTH:
            await throttle.forget(redis, key)
        else:
            await throttle.give_back(redis, key)


async def count_sign_up(redis: Redis, remote: str | None) -> None:
    """Count one new account from this address. Raises `RateLimited`, `Unavailable`."""
    await SIGN_UPS.require(redis, address_key(remote))


def _counters(name: str, remote: str | None) -> list[tuple[Throttle, str]]:
    key, address = name_key(name), address_key(remote)
    return [(BY_BOTH, f"{address} {key}"), (BY_NAME, key), (BY_ADDRESS, address)]

"""Lengths and moments in words people use: "10m" read, "10 minutes" and "14:17 UTC" said."""

import math
import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_NAMES = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The date of what never ends."""

_LONGEST = timedelta(days=36_500)


def read_duration(token: str) -> timedelta | None:
    """The length that `10m` or `2w` means, at most a hundred years; None where it is not wholly one."""
    match = _DURATION.fullmatch(token)
    if match is None:
        return None
    count, unit = int(match[1]), _UNITS[match[2]]
    return _LONGEST if count > _LONGEST // unit else count * unit


def say_count(count: int, what: str) -> str:
    """How many of something: "1 message", "1,284 messages"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def say_duration(length: timedelta) -> str:
    """A length in its largest whole unit, in words: "10 minutes", "1 hour", "90 seconds"."""
    seconds = max(0, round(length.total_seconds()))
    for name, size in _NAMES:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 seconds"


def say_until(moment: datetime, now: datetime | None = None) -> str:
    """The end of something, for a sentence: "until 14:17 UTC", "until 28 November", "for ever"."""
    said = say_moment(moment, now)
    return said if moment >= FOR_EVER else f"until {said}"


def seconds_until(moment: datetime, now: datetime | None = None) -> int:
    """Whole seconds from now to the moment, rounded up, never below 1."""
    return max(1, math.ceil((moment - (now or datetime.now(UTC))).total_seconds()))


def say_moment(moment: datetime, now: datetime | None = None) -> str:
    """A moment as a clock time, "14:17 UTC", if today or within twelve hours; else a date, "28 November".

    `FOR_EVER` is "for ever". Both must know their time zone.
    """
    if moment >= FOR_EVER:
        return "for ever"
    moment = moment.astimezone(UTC)
    now = (now or datetime.now(UTC)).astimezone(UTC)
    if moment.date() == now.date() or abs(moment - now) < timedelta(hours=12):
        return f"{moment:%H:%M} UTC"
    day = f"{moment.day} {moment:%B}"
    return day if moment.year == now.year else f"{day} {moment.year}"

"""Another clock for a process, where libfaketime is installed (Debian: `apt install libfaketime`)."""

from __future__ import annotations

from pathlib import Path

MISSING = "libfaketime is not installed"


def library() -> str | None:
    """Where the library is that gives a process another clock; None where it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return str(found[0]) if found else None


def moved(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is so many seconds off; nothing for 0.

    What measures how long something takes goes on as ever. Raises LookupError without the library.
    """
    if seconds == 0:
        return {}
    found = library()
    if found is None:
        raise LookupError(MISSING)
    return {"LD_PRELOAD": found, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

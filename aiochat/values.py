"""How the text of a setting becomes a value; what cannot be read is refused with what is allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

ON = frozenset({"on", "true", "yes", "1"})
OFF = frozenset({"off", "false", "no", "0"})
LEAST_SECRET = 32


class Refused(Exception):
    """What a reader of a value raises: its text says what is allowed."""


def text(value: str) -> str:
    """The text itself."""
    return value


def path(value: str) -> Path:
    """A place in the file system; `~` is one's home."""
    return Path(value).expanduser()


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers between these two, both included."""

    def read(value: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", value) or not least <= int(value) <= most:
            raise Refused(f"a whole number from {least} to {most}")
        return int(value)

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A reader of lengths of time."""

    def read(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) or not least <= float(value) <= most:
            raise Refused(f"a number of seconds from {least:g} to {most:g}")
        return float(value)

    return read


def flag(value: str) -> bool:
    """Yes or no."""
    if value.lower() not in ON | OFF:
        raise Refused('"on" or "off"')
    return value.lower() in ON


def one_of(*names: str) -> Callable[[str], str]:
    """A reader of one of these words."""

    def read(value: str) -> str:
        if value.lower() not in names:
            raise Refused(f"one of {', '.join(names)}")
        return value.lower()

    return read


def address(allowed: str, *schemes: str) -> Callable[[str], str]:
    """A reader of a server's address with one of these schemes."""

    def read(value: str) -> str:
        if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise Refused(allowed)
        return value

    return read


def origin(value: str) -> str:
    """A site as a browser names it: scheme, host and port."""
    try:
        parts = urlsplit(value)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise Refused('an address such as "https://chat.example.org", without a path')
    return f"{parts.scheme}://{parts.netloc}".lower()


def origins(value: str) -> tuple[str, ...]:
    """Several sites."""
    try:
        return tuple(origin(each) for each in _listed(value))
    except Refused:
        raise Refused('addresses such as "https://example.org", separated by commas') from None


def networks(value: str) -> tuple[str, ...]:
    """Machines and networks by their numbers, and `unix` for whoever comes by a unix socket."""
    try:
        return tuple(
            each if each == "unix" else str(ipaddress.ip_network(each, strict=False))
            for each in _listed(value)
        )
    except ValueError:
        raise Refused('addresses such as "127.0.0.1, 10.0.0.0/8, unix", separated by commas') from None


def secret(value: str) -> str:
    """Something long enough not to be guessed."""
    if len(value) < LEAST_SECRET:
        raise Refused(f"at least {LEAST_SECRET} characters, hard to guess")
    return value


def mask(value: str) -> str:
    """A secret or an address, without what must not be seen."""
    if "://" not in value:
        return "••••"
    # A password may stand before the @ or, for PostgreSQL, among the parameters.
    value = re.sub(r"(?<=://)([^/@?:]*):[^/?]*@", r"\1:••••@", value)
    return re.sub(r"(?i)(password=)[^&]*", r"\1••••", value)


def _listed(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]

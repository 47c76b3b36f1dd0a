"""What people typed into a form, and what is to be said beside each field."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError
from aiohttp.web_request import FileField
from multidict import MultiDictProxy

from accounts.errors import BadForm
from helpers.errors import AppError

MOST_TYPED = 4096
# What aiohttp raises where a body is not what its headers, or those of one of its parts, say.
UNREADABLE = (ValueError, LookupError, RuntimeError, HttpProcessingError, RequestPayloadError)


@dataclass(slots=True)
class Form:
    """The words of each field, as typed, and the errors by field. Passwords are never shown again."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def refuse(self, error: AppError, *, beside: str) -> None:
        """Remember a refusal where it belongs: at its own field, else `beside` that one."""
        name = error.facts.get("field", beside)
        self.errors[name if name in self.values else beside] = error.text
        self.status = error.status
        if "retry_after" in error.facts:
            self.headers["Retry-After"] = str(error.facts["retry_after"])


async def read_form(request: web.Request, *names: str, most: int = MOST_TYPED) -> Form:
    """The fields of these names, each of at most so many characters; what is missing, or is a file, is empty.

    Raises `BadForm`.
    """
    posted = await read_fields(request)
    values: dict[str, str] = {}
    for name in names:
        typed = posted.get(name, "")
        values[name] = typed if isinstance(typed, str) else ""
        if len(values[name]) > most:
            raise BadForm
    return Form(values)


async def read_fields(request: web.Request) -> MultiDictProxy[str | bytes | bytearray | FileField]:
    """All that a form sent, as it came. Raises `BadForm`."""
    try:
        return await request.post()
    except UNREADABLE as error:
        raise BadForm from error


def empty_form(**values: str) -> Form:
    """A form nobody has filled in yet."""
    return Form(values)

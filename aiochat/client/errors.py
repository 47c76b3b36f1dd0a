"""What may come back instead of an answer."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """Whatever this library raises by itself."""


class Refused(ClientError):
    """The server will not do it; docs/protocol.md lists the codes.

    `code` is for programs, `message` for people. `temporary` says that the same request may be sent again after
    `retry_after` seconds; `field` names the part of it at fault. `status` is that of HTTP, 0 on a socket.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        temporary: bool = False,
        retry_after: float | None = None,
        field: str | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.temporary = temporary
        self.retry_after = retry_after
        self.field = field
        self.status = status

    @classmethod
    def told(cls, told: Any, status: int = 0) -> Refused:
        """From an `error` frame or the `error` of an answer over HTTP; whatever is missing is made up plainly."""
        fields = told if isinstance(told, dict) else {}
        wait = fields.get("retry_after")
        return cls(
            str(fields.get("code") or "refused"),
            str(fields.get("message") or f"The server refused this with {status or 'an error'}."),
            temporary=bool(fields.get("temporary", status >= 500)),
            retry_after=float(wait) if isinstance(wait, int | float) else None,
            field=fields.get("field"),
            status=status,
        )


class Unreachable(ClientError):
    """The site did not answer, or not as an aiochat does. What was asked may have been done all the same."""


class Ended(ClientError):
    """The room is over for this client: closed by itself, or by the server with a code that means not to come back."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{reason or 'The room is closed.'} ({code})")
        self.code = code
        self.reason = reason

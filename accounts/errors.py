"""What accounts refuse, in words for the person."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime
from typing import Any

from helpers.errors import AppError
from helpers.throttle import spoken_pause

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


class BadName(AppError):
    """This cannot be a name."""

    code = "bad_name"
    message = "{problem}"

    def __init__(self, problem: str) -> None:
        super().__init__(problem=problem, field="name")


class NameTaken(AppError):
    """Somebody has this name, or had it until lately."""

    code = "name_taken"
    message = "{name} is taken. Choose another name."
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(name=name, field="name")


class BadEmail(AppError):
    """This is no address of anybody's."""

    code = "bad_email"
    message = "This is no e-mail address. Correct it, or leave the field empty."

    def __init__(self) -> None:
        super().__init__(field="email")


class BadPassword(AppError):
    """This cannot be a password."""

    code = "bad_password"
    message = "{problem}"

    def __init__(self, problem: str, field: str = "password") -> None:
        super().__init__(problem=problem, field=field)


class BadCredentials(AppError):
    """Name and password do not match; which of the two is wrong is not said.

    `left` more tries are free, then there is a pause of so many seconds; None where nobody counts.
    """

    code = "bad_credentials"
    message = "Name and password do not match.{warning}"
    status = 403

    def __init__(self, left: int | None = None, pause: float = 0) -> None:
        super().__init__(warning=_warning(left, pause), field="password")


class WrongPassword(AppError):
    """Somebody signed in, perhaps at another machine, does not know the present password."""

    code = "bad_credentials"
    message = "This is not your present password.{warning}"
    status = 403

    def __init__(self, left: int | None = None, pause: float = 0) -> None:
        super().__init__(warning=_warning(left, pause), field="old")


class Suspended(AppError):
    """The account rests. `by` is the name of who decided that, where it is known."""

    code = "suspended"
    message = "This account may not sign in{until}.{cause} Ask whoever runs this chat if that is wrong."
    status = 403

    def __init__(self, until: datetime, *, by: str = "", reason: str = "") -> None:
        until = until.astimezone(UTC)
        ends = until.year < MAXYEAR
        why = f"with the reason \u201c{reason}\u201d" if reason else ""
        cause = ", ".join(filter(None, [f"by {by}" if by else "", why]))
        super().__init__(
            until=f" until {until:%d %B %Y, %H:%M} UTC" if ends else " any more",
            cause=f" {cause[0].upper()}{cause[1:]}." if cause else "",
        )


class NotSignedIn(AppError):
    """Only somebody with an account may do this."""

    code = "not_signed_in"
    message = "Sign in first."
    status = 401


class Rests(NotSignedIn):
    """Nobody is signed in, because the account rests whose session this was; it says so in the words of `why`."""

    message = "{why}"

    def __init__(self, why: Suspended) -> None:
        super().__init__(why=why.text)


class BadToken(AppError):
    """The token is unknown, revoked or run out."""

    code = "bad_token"
    message = "This token is not known here, or no longer good. Make another on your own page, at /me."
    status = 401


class NoLabel(AppError):
    """A token without a name: nobody would know later which one to revoke."""

    code = "empty"
    message = "Say what the token is for, so that you know it again."

    def __init__(self) -> None:
        super().__init__(field="label")


class TooManyTokens(AppError):
    """An account holds only so many tokens at once."""

    code = "too_many"
    message = "You have {most} tokens already. Revoke one first."
    status = 409

    def __init__(self, most: int) -> None:
        super().__init__(most=most, field="label")


class BadForm(AppError):
    """What a form sent cannot be read."""

    code = "bad_form"
    message = "The form could not be read. Load the page again, then send it once more."


class BadCsrf(AppError):
    """A form came back without the token that this session was given."""

    code = "bad_csrf"
    message = "This form is no longer good. Go back, load the page again, then send it once more."
    status = 403


class NoSuchUser(AppError):
    """There is no account of that name or number."""

    code = "not_found"
    message = "There is no account {name}. Look at how the name is written."
    status = 404


class RegistrationClosed(AppError):
    """Nobody may register without being asked in."""

    code = "registration_closed"
    message = "New people come here by invitation. Ask somebody who is here for a link."
    status = 403


class Busy(AppError):
    """More passwords wait to be checked than this machine can check soon."""

    code = "busy"
    message = "Too many people sign in at once. Try again in {retry_after} seconds."
    status = 503
    temporary = True

    def __init__(self, **facts: Any) -> None:
        super().__init__(**{"retry_after": 5, **facts})


def _warning(left: int | None, pause: float) -> str:
    if left is None:
        return ""
    if left == 0:
        return f" The next try counts in {spoken_pause(pause)}."
    number = NUMBERS[left] if left < len(NUMBERS) else str(left)
    return f" {number} more {'try' if left == 1 else 'tries'}, then a pause of {spoken_pause(pause)}."

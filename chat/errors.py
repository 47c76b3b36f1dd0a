"""Refusals of what is asked: it does not fit, is not there, is so already, or cannot be had just now.

Who may not ask for it at all: chat/forbidden.py. Each says in a sentence what to do next.
"""

from collections.abc import Sequence
from datetime import datetime

from chat.times import say_moment
from helpers.errors import AppError


class UsageError(AppError):
    """The arguments do not fit the command."""

    code = "usage"
    message = "Usage: {usage}. Example: {example}."

    def __init__(self, usage: str, example: str) -> None:
        super().__init__(usage=usage, example=example)


class UnknownCommand(AppError):
    """No command is called that. `near` are close names of those the caller may run, the closest first."""

    code = "unknown_command"

    def __init__(self, command: str, near: Sequence[str] = ()) -> None:
        super().__init__(command=command, near=list(near))

    @property
    def text(self) -> str:
        name = _short(self.facts["command"])
        if not self.facts["near"]:
            return f"No command /{name}. Nothing was posted. /help lists them."
        meant = _either([f"/{near}" for near in self.facts["near"]])
        return f"No command /{name}. Did you mean {meant}? Nothing was posted."


class ConfirmRequired(AppError):
    """The act cannot be brought back: the exact line with its code is asked for. `deed` says what it does."""

    code = "confirm_required"
    message = "This {deed}. To confirm: {line} ({seconds} s)."

    def __init__(self, deed: str, line: str, seconds: int = 60) -> None:
        super().__init__(deed=deed, line=line, seconds=seconds)


class ConfirmExpired(AppError):
    code = "confirm_expired"
    message = "That code has run out. Run the command again."


class ThatIsYou(AppError):
    code = "self"
    status = 409

    def __init__(self, *, command: str = "") -> None:
        super().__init__(command=command)

    @property
    def text(self) -> str:
        command = self.facts["command"]
        return f"That would be you. {f'/{command}' if command else 'This'} is for others: name one of them."


class LastOwner(AppError):
    code = "last_owner"
    message = "You are the only owner. /transfer @user first."
    status = 409


class NoSuchRoom(AppError):
    """There is no such room, or none the caller may know of: both are told alike."""

    code = "no_such_room"
    message = "There is no room of that name, or it is not open to you. /rooms lists those that are."
    status = 404


class NotFound(AppError):
    """Nobody is called that. `near` are names close to it, the closest first."""

    code = "not_found"
    status = 404

    def __init__(self, name: str, near: Sequence[str] = ()) -> None:
        super().__init__(name=name, near=list(near))

    @property
    def text(self) -> str:
        sentence = f"Nobody here is called {_short(self.facts['name'])}."
        if self.facts["near"]:
            return f"{sentence} Close: {', '.join(f'@{near}' for near in self.facts['near'])}."
        return f"{sentence} /who lists who is."


class NotHere(AppError):
    """The one meant is not in the room. `hint` says what can be done all the same."""

    code = "not_in_room"
    status = 404

    def __init__(self, name: str, room: str, hint: str = "") -> None:
        super().__init__(name=name, room=room, hint=hint)

    @property
    def text(self) -> str:
        hint = self.facts["hint"] or "/who lists who is."
        return f"@{self.facts['name']} is not in #{self.facts['room']}. {hint}"


class NoGuest(AppError):
    """Ranks are kept by account, and a guest has none."""

    code = "no_guest"
    message = "@{name} is a guest: only somebody with an account can have a rank. Ask them to make one."
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class NoBot(AppError):
    """Nobody sits behind a hook's bot who could rule: a room of its own would be nobody's."""

    code = "no_bot"
    message = "@{name} is a bot, and can own no room. Name a person."
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class Already(AppError):
    """It is so already. `state` is a claim: "@ann is already a moderator"; add what to do instead."""

    code = "already"
    message = "{state}."
    status = 409

    def __init__(self, state: str) -> None:
        super().__init__(state=state.rstrip("."))


class NotSet(AppError):
    """There is nothing to take back. `state` is a claim: "@ann is not muted"."""

    code = "not_set"
    message = "{state}."
    status = 409

    def __init__(self, state: str) -> None:
        super().__init__(state=state.rstrip("."))


class Conflict(AppError):
    """A name is taken."""

    code = "conflict"
    message = "That name is taken. Choose another."
    status = 409


class SlugTaken(Conflict):
    message = "There is a room #{slug} already. Choose another name."

    def __init__(self, slug: str) -> None:
        super().__init__(slug=slug, field="slug")


class BadSlug(AppError):
    code = "bad_slug"
    message = "A room's address is 1 to 32 small letters, digits, - or _, and begins with a letter or digit."

    def __init__(self) -> None:
        super().__init__(field="slug")


class ReservedSlug(AppError):
    code = "bad_slug"
    message = "#{slug} is kept for the site itself. Choose another name."

    def __init__(self, slug: str) -> None:
        super().__init__(slug=slug, field="slug")


class TooFast(AppError):
    """Flood control or slow mode. `retry_after` is in seconds."""

    code = "rate_limited"
    status = 429
    temporary = True

    def __init__(self, retry_after: float, *, slow_mode: bool = False) -> None:
        super().__init__(retry_after=max(1, round(retry_after + 0.499)), slow_mode=slow_mode)

    @property
    def text(self) -> str:
        why = "Slow mode" if self.facts["slow_mode"] else "That was too fast"
        return f"{why}: you can post again in {self.facts['retry_after']} s. Your text is kept."


class TooLong(AppError):
    """Counts are in characters. `field` names the part of the request at fault."""

    code = "too_long"
    message = "{count:,} of at most {limit:,} characters. Make it shorter or send it in parts."
    status = 413

    def __init__(self, count: int, limit: int, field: str = "text") -> None:
        super().__init__(count=count, limit=limit, field=field)


class Empty(AppError):
    code = "empty"
    message = "There is nothing in it to send. Write something first."

    def __init__(self, field: str = "text") -> None:
        super().__init__(field=field)


class Unreadable(AppError):
    """Characters that no text can hold: NUL, or half of a surrogate pair."""

    code = "bad_request"
    message = "This text holds characters that cannot be kept. Take them out and send it again."

    def __init__(self, field: str = "text") -> None:
        super().__init__(field=field)


class Gone(AppError):
    code = "gone"
    message = "That message is not there any more. /history shows what is."
    status = 404


class NoMessage(AppError):
    """There is nothing of one's own that could be meant."""

    code = "not_found"
    message = "You have said nothing here lately that is still there. Name a message by its link."
    status = 404


class EditWindow(AppError):
    """Words stand once they have been read for long. `hours` is how long they may be changed."""

    code = "edit_window"
    message = "A message can be changed for {hours} hours. Say it anew, or /delete it."
    status = 409

    def __init__(self, hours: int) -> None:
        super().__init__(hours=hours)


class DirectRoom(AppError):
    """A conversation of two is no room to be run."""

    code = "direct_room"
    message = "This is a conversation of two: nobody rules or leaves it. /ignore hides the other, /create makes a room."
    status = 409


class NothingToUndo(AppError):
    code = "nothing_to_undo"
    message = "There is nothing of yours here to undo. An owner can say whose: /undo @user."
    status = 409


class NotTheNewest(AppError):
    """Acts are taken back from the newest on."""

    code = "conflict"
    message = "Something was done here since then. Look at the log as it is now, and take the newest act back first."
    status = 409


class UndoExpired(AppError):
    """The act was done too long ago. `ended` is when undo ended."""

    code = "undo_expired"
    message = "That could be undone until {ended}; now it stands. Change it by a command of its own: /help lists them."
    status = 409

    def __init__(self, ended: datetime, now: datetime | None = None) -> None:
        super().__init__(ended=say_moment(ended, now))


class NonceConflict(AppError):
    code = "nonce_conflict"
    message = "That nonce was used for another request. Send this one under a nonce of its own."
    status = 409

    def __init__(self) -> None:
        super().__init__(field="nonce")


class Busy(AppError):
    """More is waiting to be kept than can be soon. `retry_after` is in seconds."""

    code = "busy"
    message = "Too much is being said at once. Try again in {retry_after} s; nothing is lost."
    status = 503
    temporary = True

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(retry_after=retry_after)


class Unavailable(AppError):
    """The database or Redis cannot be reached. `retry_after` is in seconds."""

    code = "unavailable"
    message = "The server cannot keep this just now. Try again in {retry_after} s; your text is kept."
    status = 503
    temporary = True

    def __init__(self, retry_after: int = 2) -> None:
        super().__init__(retry_after=retry_after)


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _short(name: str, limit: int = 40) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1]}…"

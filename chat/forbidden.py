"""Refusals of who asks: as they are, or as the room is just now, they may not. Each is answered with 403."""

from datetime import datetime

from chat.times import FOR_EVER, say_until, seconds_until
from helpers.errors import AppError


class Disabled(AppError):
    code = "disabled"
    message = "The site admin switched this off. Ask an admin of the site if you need it."
    status = 403


class NotAllowed(AppError):
    """The caller's role is too low. `who` are those who may: "moderators"."""

    code = "no_permission"
    status = 403

    def __init__(self, who: str = "moderators", *, room: str = "", command: str = "") -> None:
        super().__init__(who=who, room=room, command=command)

    @property
    def text(self) -> str:
        who, room, command = self.facts["who"], self.facts["room"], self.facts["command"]
        where = f" of #{room}" if room and who != "site admins" else ""
        what = f"/{command}" if command else "do that"
        after = "Make an account to be one." if who == "members" else "Ask one of them."
        return f"Only {who}{where} can {what}. {after}"


class RankTooHigh(AppError):
    """The one meant stands as high as the caller or higher. `rank` is what they are: "an owner"."""

    code = "rank"
    message = "@{name} is {rank}; you can only act on lower ranks. Talk to {above}."
    status = 403

    def __init__(self, name: str, rank: str) -> None:
        above = {"an owner": "a site admin", "a site admin": "them"}.get(rank, "an owner")
        super().__init__(name=name, rank=rank, above=above)


class NotAMember(AppError):
    code = "not_a_member"
    message = "You are not a member of #{room}. Ask a moderator there for an invitation."
    status = 403

    def __init__(self, room: str) -> None:
        super().__init__(room=room)


class Archived(AppError):
    code = "archived"
    message = "#{room} is archived and read-only. An owner can bring it back: /unarchive."
    status = 403

    def __init__(self, room: str) -> None:
        super().__init__(room=room)


class Locked(AppError):
    code = "locked"
    message = "#{room} is locked: only moderators can post. Your text is kept; send it when it opens."
    status = 403

    def __init__(self, room: str) -> None:
        super().__init__(room=room)


class NotVoiced(AppError):
    code = "not_voiced"
    message = "#{room} is moderated: only those with a voice can post. Ask a moderator for one."
    status = 403

    def __init__(self, room: str) -> None:
        super().__init__(room=room)


class Muted(AppError):
    """May read, not speak, until a moment. `now` is for the sentence and for tests.

    `room` is named where that is not the room they speak from.
    """

    code = "muted"
    message = (
        "You are muted{where} {until}{because}. Your text is kept. A moderator can let you speak sooner."
    )
    status = 403

    def __init__(
        self, until: datetime, *, reason: str = "", room: str = "", now: datetime | None = None
    ) -> None:
        super().__init__(
            where=f" in #{room}" if room else "",
            until=say_until(until, now),
            because=_because(reason),
            retry_after=seconds_until(until, now),
        )


class Banned(AppError):
    code = "banned"
    message = "You are banned from #{room} {until}{because}. {way}"
    status = 403

    def __init__(self, until: datetime, *, room: str, reason: str = "", now: datetime | None = None) -> None:
        ends = until < FOR_EVER
        way = (
            "Come back then, or ask a moderator."
            if ends
            else "Only a moderator can let you back in: ask one."
        )
        super().__init__(until=say_until(until, now), because=_because(reason), room=room, way=way)


class Removed(AppError):
    """Removed a short while ago: the room is closed to them until it has cooled down."""

    code = "removed"
    message = "You were removed from #{room}{because}. You may come back in {wait}."
    status = 403

    def __init__(self, until: datetime, *, room: str, reason: str = "", now: datetime | None = None) -> None:
        seconds = seconds_until(until, now)
        super().__init__(wait=f"{seconds} s", because=_because(reason), room=room, retry_after=seconds)


class NotYours(AppError):
    code = "not_yours"
    message = "Only its author can change a message. Answer it with one of your own."
    status = 403


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""

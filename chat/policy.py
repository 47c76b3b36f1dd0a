"""Who may do what to whom, as a table. Nothing here waits, asks or remembers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import Enum, IntEnum
from typing import Any, Self

from chat.errors import ThatIsYou
from chat.forbidden import Archived, Banned, Locked, Muted, NotAllowed, NotVoiced, RankTooHigh, Removed


class Role(IntEnum):
    """A rank in a room. Higher may rule lower, never its equal."""

    GUEST = 1
    MEMBER = 2
    MODERATOR = 3
    OWNER = 4
    ADMIN = 5

    @property
    def word(self) -> str:
        """The role as the wire says it: `moderator`."""
        return self.name.lower()

    @property
    def one(self) -> str:
        """One who holds it, for a sentence: `a moderator`."""
        return {Role.OWNER: "an owner", Role.ADMIN: "a site admin"}.get(self, f"a {self.word}")

    @property
    def all(self) -> str:
        """Those who hold it, for a sentence: `moderators`."""
        return "site admins" if self is Role.ADMIN else f"{self.word}s"

    @property
    def and_up(self) -> str:
        """Those who hold it or a higher one, for a sentence: `moderators and up`."""
        return self.all if self is max(Role) else f"{self.all} and up"

    @classmethod
    def named(cls, word: str) -> Self | None:
        """The role of that word, or None."""
        return cls.__members__.get(word.upper())


class Permission(Enum):
    """Something that may be done in a room."""

    READ = "read"
    SPEAK = "speak"
    EDIT_OWN = "edit_own"
    REMOVE_OWN = "remove_own"
    UNDO_OWN = "undo_own"
    RENAME_SELF = "rename_self"
    SET_STATUS = "set_status"
    NOTIFY = "notify"
    REPORT = "report"
    JOIN = "join"
    DIRECT = "direct"
    CREATE_ROOM = "create_room"
    SET_TOPIC = "set_topic"
    INVITE = "invite"
    INVITE_LINK = "invite_link"
    REMOVE_OTHERS = "remove_others"
    KICK = "kick"
    BAN = "ban"
    MUTE = "mute"
    VOICE = "voice"
    PURGE = "purge"
    PIN = "pin"
    LOCK = "lock"
    SLOW_MODE = "slow_mode"
    SEE_AUDIT = "see_audit"
    CLEAR = "clear"
    BAN_FOR_EVER = "ban_for_ever"
    UNDO_OTHERS = "undo_others"
    SET_ROLE = "set_role"
    RENAME_ROOM = "rename_room"
    SETTINGS = "settings"
    DESTROY = "destroy"
    RULE_SITE = "rule_site"


LEAST_ROLE = {
    Permission.READ: Role.GUEST,
    Permission.SPEAK: Role.GUEST,
    Permission.EDIT_OWN: Role.GUEST,
    Permission.REMOVE_OWN: Role.GUEST,
    Permission.UNDO_OWN: Role.MEMBER,
    Permission.RENAME_SELF: Role.MEMBER,
    Permission.SET_STATUS: Role.MEMBER,
    Permission.NOTIFY: Role.MEMBER,
    Permission.REPORT: Role.MEMBER,
    Permission.JOIN: Role.MEMBER,
    Permission.DIRECT: Role.MEMBER,
    Permission.CREATE_ROOM: Role.MEMBER,
    Permission.SET_TOPIC: Role.MODERATOR,
    Permission.INVITE: Role.MODERATOR,
    Permission.INVITE_LINK: Role.MODERATOR,
    Permission.REMOVE_OTHERS: Role.MODERATOR,
    Permission.KICK: Role.MODERATOR,
    Permission.BAN: Role.MODERATOR,
    Permission.MUTE: Role.MODERATOR,
    Permission.VOICE: Role.MODERATOR,
    Permission.PURGE: Role.MODERATOR,
    Permission.PIN: Role.MODERATOR,
    Permission.LOCK: Role.MODERATOR,
    Permission.SLOW_MODE: Role.MODERATOR,
    Permission.SEE_AUDIT: Role.MODERATOR,
    Permission.CLEAR: Role.OWNER,
    Permission.BAN_FOR_EVER: Role.OWNER,
    Permission.UNDO_OTHERS: Role.OWNER,
    Permission.SET_ROLE: Role.OWNER,
    Permission.RENAME_ROOM: Role.OWNER,
    Permission.SETTINGS: Role.OWNER,
    Permission.DESTROY: Role.OWNER,
    Permission.RULE_SITE: Role.ADMIN,
}


_OF_GUESTS = {Permission.SPEAK, Permission.EDIT_OWN, Permission.REMOVE_OWN}


@dataclass(frozen=True, slots=True)
class Switches:
    """What an owner has set for a room. Kept as JSON; the words there are these names."""

    private: bool = False
    archived: bool = False
    locked: bool = False
    moderated: bool = False
    guests_welcome: bool = False
    comings_and_goings: bool = True
    history_from_join: bool = False
    """Whether who comes in reads only what is said from then on."""
    moderators_clear: bool = False
    topic_by: Role = Role.MODERATOR
    invite_by: Role = Role.MODERATOR
    slow_mode: int = 0
    """Seconds between two posts of one member; 0 is off."""

    def told(self) -> dict[str, Any]:
        """As JSON holds it; roles by their word."""
        kept = asdict(self).items()
        return {name: value.word if isinstance(value, Role) else value for name, value in kept}

    @classmethod
    def read(cls, kept: Mapping[str, Any] | None) -> Self:
        """From what JSON held. A word not known here, or a value of another kind, is passed over."""
        known: dict[str, Any] = {}
        for field in fields(cls):
            value = (kept or {}).get(field.name)
            match field.default, value:
                case Role(), str() if role := Role.named(value):
                    known[field.name] = role
                case bool(), bool():
                    known[field.name] = value
                case (Role() | bool(), _) | (_, bool()):
                    continue
                case int(), int():
                    known[field.name] = max(0, value)
        return cls(**known)


def least(permission: Permission, switches: Switches | None = None) -> Role:
    """The lowest role that may, in a room set so."""
    if switches is not None:
        match permission:
            case Permission.CLEAR if switches.moderators_clear:
                return Role.MODERATOR
            case Permission.SET_TOPIC:
                return switches.topic_by
            case Permission.INVITE:
                return switches.invite_by
            case Permission.SPEAK if switches.locked:
                return Role.MODERATOR
            case _ if permission in _OF_GUESTS and not switches.guests_welcome:
                return Role.MEMBER
            case _:
                pass
    return LEAST_ROLE[permission]


def may(role: Role, permission: Permission, switches: Switches | None = None) -> bool:
    """Whether the role is high enough. Says nothing of whom it is done to; see `require`."""
    return role >= least(permission, switches)


def require(
    role: Role,
    permission: Permission,
    *,
    over: Role | None = None,
    oneself: bool = False,
    to: Role | None = None,
    switches: Switches | None = None,
    room: str = "",
    command: str = "",
    name: str = "",
) -> None:
    """Let pass who may, refuse who may not.

    `over` is the role of the one it is done to and `name` their name, `oneself` says it is the caller,
    `to` is the role to be given; `room` (the slug) and `command` (the word typed) are for the sentence.
    Of oneself one may only step down, from any rank. Nobody gives a rank above their own.
    Raises NotAllowed, ThatIsYou or RankTooHigh.
    """
    if oneself:
        if permission is Permission.SET_ROLE and to is not None and role > to >= Role.MEMBER:
            return
        if may(role, permission, switches):
            raise ThatIsYou(command=command)
    if not may(role, permission, switches):
        raise NotAllowed(least(permission, switches).all, room=room, command=command)
    if over is not None and over >= role:
        raise RankTooHigh(name, over.one)
    if to is not None and to > role:
        raise NotAllowed(to.all, room=room, command=command)


def require_entry(
    *,
    now: datetime,
    banned_until: datetime | None = None,
    out_until: datetime | None = None,
    reason: str = "",
    room: str = "",
) -> None:
    """Refuse who is banned from the room or still cooling down after a removal. Raises Banned or Removed."""
    if banned_until is not None and banned_until > now:
        raise Banned(banned_until, reason=reason, room=room, now=now)
    if out_until is not None and out_until > now:
        raise Removed(out_until, reason=reason, room=room, now=now)


def require_speech(
    role: Role,
    switches: Switches,
    *,
    now: datetime,
    voiced: bool = False,
    muted_until: datetime | None = None,
    reason: str = "",
    room: str = "",
) -> None:
    """Refuse who may not speak in the room now. Raises Archived, Muted, Locked, NotVoiced or NotAllowed."""
    if switches.archived:
        raise Archived(room)
    if muted_until is not None and muted_until > now:
        raise Muted(muted_until, reason=reason, now=now)
    if switches.locked and role < Role.MODERATOR:
        raise Locked(room)
    if switches.moderated and not voiced and role < Role.MODERATOR:
        raise NotVoiced(room)
    if not may(role, Permission.SPEAK, switches):
        raise NotAllowed(least(Permission.SPEAK, switches).all, room=room)

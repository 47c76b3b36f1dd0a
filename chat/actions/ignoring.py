"""Not hearing somebody any more. It concerns nobody but the one who does it: neither log nor target is told."""

from __future__ import annotations

from accounts.names import name_key
from chat.actions.actors import actor_in
from chat.actions.directs import tell_of_room
from chat.errors import Already, NotSet, ThatIsYou
from chat.log import Answer, Log, Repeated, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.policy import Permission, require
from chat.signals import IgnoresMoved
from helpers.errors import AppError

MOST = 200


class IgnoresTooMany(AppError):
    """Every page of theirs keeps the whole list."""

    code = "too_many"
    message = "You ignore {most} people already. /unignore one of them first."
    status = 409

    def __init__(self) -> None:
        super().__init__(most=MOST)


async def ignore(node: Node, room: Room, member: Member, nick: str, request: Request) -> Answer:
    """Hide what somebody says from one's own eyes, in every room, on every device.

    Raises NotFound, ThatIsYou, Already, IgnoresTooMany.
    """
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await _actor(log, member, "ignore")
            target = await log.named(nick)
            if target.user_id == actor.user_id:
                raise ThatIsYou(command="ignore")
            known = await node.manager.value("SELECT count(*) FROM ignores WHERE user_id = %s", actor.user_id)
            if known >= MOST:
                raise IgnoresTooMany
            row = await node.manager.row(
                "INSERT INTO ignores (user_id, ignored_id) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1",
                actor.user_id,
                target.user_id,
            )
            if row is None:
                raise Already(f"You ignore @{target.name} already. /unignore @{target.name} ends it")
            said = f"You do not hear @{target.name} any more, in any room."
            log.answer = f"{said} /unignore {_typed(target.name)} ends it."
    except Repeated:
        # Whoever kept it may have died before it was told; told again it changes nothing.
        node.hub.audience.signal(IgnoresMoved(member.user_id))
        raise
    node.hub.audience.signal(IgnoresMoved(member.user_id))
    return log.reply


async def unignore(node: Node, room: Room, member: Member, nick: str, request: Request) -> Answer:
    """Hear somebody again, also who has another name now or is gone. Raises NotFound, ThatIsYou, NotSet."""
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await _actor(log, member, "unignore")
            row = await node.manager.row(
                "DELETE FROM ignores USING users u WHERE u.id = ignores.ignored_id AND ignores.user_id = %s "
                "AND u.name_key = %s RETURNING u.id, u.name",
                actor.user_id,
                name_key(nick.removeprefix("@")),
            )
            if row is None:
                target = await log.named(nick)
                if target.user_id == actor.user_id:
                    raise ThatIsYou(command="unignore")
                raise NotSet(f"You do not ignore @{target.name}. /ignore lists whom you do")
            other, name = row
            log.answer = f"You hear @{name} again."
    except Repeated:
        node.hub.audience.signal(IgnoresMoved(member.user_id))
        raise
    node.hub.audience.signal(IgnoresMoved(member.user_id))
    await tell_of_room(node, member.user_id, other)
    return log.reply


async def list_ignored(node: Node, member: Member) -> str:
    """Whom somebody ignores, by name."""
    rows = await node.manager.rows(
        "SELECT u.name FROM ignores i JOIN users u ON u.id = i.ignored_id WHERE i.user_id = %s ORDER BY u.name_key",
        member.user_id,
    )
    if not rows:
        return "You ignore nobody."
    return "\n".join([f"You ignore {len(rows)}", *(f"@{name}" for (name,) in rows)])


async def _actor(log: Log, member: Member, command: str) -> Member:
    actor = await actor_in(log, member.user_id)
    require(actor.role, Permission.READ, room=log.room.slug, command=command)
    return actor


def _typed(name: str) -> str:
    return f'@"{name}"' if " " in name else f"@{name}"

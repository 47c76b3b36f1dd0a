"""What a recorded event does to the other tables, in the transaction that records it."""

from __future__ import annotations

from typing import assert_never

import msgspec

from chat.events import (
    Audited,
    MemberAdded,
    MemberBanned,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberMuted,
    MemberRemovedSelf,
    MemberUnbanned,
    MemberUnmuted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageRemoved,
    MessagesPurged,
    MessageUnpinned,
    Person,
    RecordedEvent,
    Renamed,
    RoleChanged,
    RoomCleared,
    SettingsChanged,
    TopicChanged,
    Undone,
)
from chat.policy import Role
from helpers.database import Manager


async def apply(manager: Manager, room_id: int, event: RecordedEvent) -> None:
    """Write the effect of one event."""
    run = manager.execute
    match event:
        case MessageEdited(target=target, text=text, parts=parts):
            await run(
                "UPDATE messages SET text = %s, parts = %s::jsonb, edited_seq = %s WHERE room_id = %s AND seq = %s",
                text,
                bytes(parts).decode(),
                event.seq,
                room_id,
                target,
            )
        case MessageRemoved(target=target):
            await _hide(manager, room_id, [target], event.seq)
        case MessagesPurged(targets=targets):
            await _hide(manager, room_id, targets, event.seq)
        case RoomCleared(upto=upto, count=count, undo_until=undo_until):
            await run(
                "INSERT INTO clears (room_id, seq, upto, upto_ordinal, count, undo_until) "
                "SELECT id, %s, %s, last_ordinal, %s, %s FROM rooms WHERE id = %s",
                event.seq,
                upto,
                count,
                undo_until,
                room_id,
            )
            await _reckon_clears(manager, room_id)
        case Undone(target=target, act=act):
            await _take_back(manager, room_id, act, target, event.seq)
        case MemberJoined(user=user):
            await set_present(manager, room_id, user, event.seq)
        case MemberLeft(user=user):
            await set_present(manager, room_id, user, None)
        case MemberAdded(user=user):
            await run(
                "INSERT INTO memberships (room_id, user_id, role, read_seq, read_ordinal, floor) "
                "SELECT id, %s, %s, last_seq, last_ordinal, "
                "CASE WHEN (switches->>'history_from_join')::boolean THEN %s ELSE 1 END FROM rooms WHERE id = %s "
                "ON CONFLICT (room_id, user_id) DO UPDATE SET is_member = true, "
                "floor = CASE WHEN memberships.is_member THEN memberships.floor ELSE excluded.floor END, "
                "role = CASE WHEN memberships.is_member THEN memberships.role ELSE excluded.role END, "
                "read_seq = greatest(memberships.read_seq, excluded.read_seq), joined_at = now(), "
                "read_ordinal = greatest(memberships.read_ordinal, excluded.read_ordinal)",
                user.id,
                Role.GUEST if user.guest else Role.MEMBER,
                event.seq,
                room_id,
            )
        case MemberRemovedSelf(user=user):
            await _set(manager, "is_member = false, role = 2, voiced = false", room_id, user.id)
        case RoleChanged(user=user, role=role, voiced=voiced):
            rank = Role.named(role)
            assert rank is not None
            await _set(
                manager, "role = %s, voiced = coalesce(%s, voiced)", room_id, user.id, int(rank), voiced
            )
        case MemberKicked(user=user, until=until, reason=reason):
            # Of a private room nothing remains to come back to.
            await run(
                "UPDATE memberships m SET out_until = %s, reason = %s, "
                "is_member = m.is_member AND NOT coalesce((r.switches->>'private')::boolean, false) "
                "FROM rooms r WHERE r.id = m.room_id AND m.room_id = %s AND m.user_id = %s",
                until,
                reason,
                room_id,
                user.id,
            )
        case MemberBanned(user=user, until=until, reason=reason):
            await run(
                "INSERT INTO memberships (room_id, user_id, is_member, banned_until, reason) "
                "VALUES (%s, %s, false, %s, %s) ON CONFLICT (room_id, user_id) DO UPDATE "
                "SET banned_until = excluded.banned_until, reason = excluded.reason, is_member = false, role = 2",
                room_id,
                user.id,
                until,
                reason,
            )
        case MemberUnbanned(user=user):
            await _set(manager, "banned_until = NULL, reason = ''", room_id, user.id)
        case MemberMuted(user=user, until=until, reason=reason):
            # Who never was here can be muted before they come.
            await run(
                "INSERT INTO memberships (room_id, user_id, is_member, muted_until, muted_reason) "
                "VALUES (%s, %s, false, %s, %s) ON CONFLICT (room_id, user_id) DO UPDATE "
                "SET muted_until = excluded.muted_until, muted_reason = excluded.muted_reason",
                room_id,
                user.id,
                until,
                reason,
            )
        case MemberUnmuted(user=user):
            await _set(manager, "muted_until = NULL, muted_reason = ''", room_id, user.id)
        case TopicChanged(topic=topic):
            await run("UPDATE rooms SET topic = %s WHERE id = %s", topic, room_id)
        case MessagePinned(target=target):
            await run(
                "INSERT INTO pins (room_id, seq, pinned_by, at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                room_id,
                target,
                event.by.name,
                event.at,
            )
        case MessageUnpinned(target=target):
            await run("DELETE FROM pins WHERE room_id = %s AND seq = %s", room_id, target)
        case SettingsChanged(changed=changed):
            # Title and address are written by the action that records them: they may be taken.
            if switches := changed.get("switches"):
                await run(
                    "UPDATE rooms SET switches = switches || %s::jsonb WHERE id = %s",
                    msgspec.json.encode(switches).decode(),
                    room_id,
                )
        case MessagePosted() | Renamed() | Audited():
            # Their own row is all there is of them, or the action that records them writes the rest.
            pass
        case _:
            assert_never(event)


async def set_present(manager: Manager, room_id: int, person: Person, since: int | None) -> None:
    """Somebody is here since that number, or with None not any more."""
    if since is None:
        await _set(manager, "present_since = NULL", room_id, person.id)
        return
    await manager.execute(
        "INSERT INTO memberships (room_id, user_id, role, is_member, present_since) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (room_id, user_id) DO UPDATE SET present_since = excluded.present_since",
        room_id,
        person.id,
        Role.GUEST if person.guest else Role.MEMBER,
        not person.guest,
        since,
    )


async def _set(manager: Manager, what: str, room_id: int, user_id: int, *values: object) -> None:
    await manager.execute(
        f"UPDATE memberships SET {what} WHERE room_id = %s AND user_id = %s", *values, room_id, user_id
    )


async def _hide(manager: Manager, room_id: int, targets: list[int], seq: int) -> None:
    await manager.execute(
        "UPDATE messages SET gone_seq = %s WHERE room_id = %s AND seq = ANY (%s::bigint[]) AND gone_seq IS NULL",
        seq,
        room_id,
        targets,
    )


async def _take_back(manager: Manager, room_id: int, act: str, target: int, seq: int) -> None:
    match act:
        case "cleared":
            await manager.execute(
                "UPDATE clears SET undone_seq = %s WHERE room_id = %s AND seq = %s", seq, room_id, target
            )
            await _reckon_clears(manager, room_id)
        case "removed" | "purged":
            await manager.execute(
                "UPDATE messages SET gone_seq = NULL WHERE room_id = %s AND gone_seq = %s", room_id, target
            )
        case "banned" | "muted" | "role" | "topic" | "settings":
            # The entries that follow it say what is so again.
            pass
        case _:
            raise ValueError(f"no way back from {act}")


async def _reckon_clears(manager: Manager, room_id: int) -> None:
    await manager.execute(
        "UPDATE rooms r SET cleared_upto = coalesce(c.upto, 0), cleared_ordinal = coalesce(c.ordinal, 0) FROM "
        "(SELECT max(upto) AS upto, max(upto_ordinal) AS ordinal FROM clears "
        "WHERE room_id = %s AND undone_seq IS NULL) c "
        "WHERE r.id = %s",
        room_id,
        room_id,
    )

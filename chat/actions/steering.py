"""What an owner sets for a room: its name and address, who may come in, whether it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peewee

from chat.actions.actors import actor_in, require_hearing
from chat.actions.confirming import expect, is_done
from chat.actions.rooms import MOST_TITLE, require_slug, slug_of
from chat.actions.ruling import keep_act, require_rule
from chat.errors import Already, SlugTaken
from chat.events import SettingsChanged
from chat.lines import one_line
from chat.log import Answer, Log, Request
from chat.members import Member
from chat.models import Room
from chat.node import Node
from chat.parts import tidy
from chat.policy import Permission
from chat.times import say_count

MOST_WELCOME = 500


async def rename(
    node: Node, room: Room, member: Member, wanted: str, request: Request | None = None
) -> Answer:
    """Call a room otherwise; its old address leads to it still.

    Raises NotAllowed, DirectRoom, BadSlug, ReservedSlug, SlugTaken, TooLong, Already, Muted.
    """
    title = one_line(wanted, MOST_TITLE, "title").removeprefix("#").strip()
    slug = require_slug(slug_of(title) or title.lower())
    try:
        async with node.journal.transaction(room.id, member.user_id, request) as log:
            actor = await owner_in(log, member, "rename", Permission.RENAME_ROOM)
            require_hearing(log, actor)
            if (slug, title) == (log.room.slug, log.room.title):
                raise Already(f"This room is called {title} already")
            before = {"slug": log.room.slug, "title": log.room.title}
            if slug != log.room.slug:
                await _readdress(node, log, slug)
            await node.manager.execute("UPDATE rooms SET title = %s WHERE id = %s", title, room.id)
            told = {"title": title, **({"slug": slug} if slug != log.room.slug else {})}
            changed = await log.record(SettingsChanged(by=actor.person, changed=told))
            await keep_act(node, log, actor, changed, before=before, undoable=True)
            log.answer = f"This room is {title} now, at /rooms/{slug}"
    except peewee.IntegrityError as error:
        raise SlugTaken(slug) from error
    return log.reply


async def _readdress(node: Node, log: Log, slug: str) -> None:
    taken = "SELECT 1 FROM rooms WHERE slug = %s UNION ALL SELECT 1 FROM room_slugs WHERE slug = %s AND room_id <> %s"
    if await node.manager.value(taken, slug, slug, log.room.id):
        raise SlugTaken(slug)
    # It may come back to an address it once had.
    await node.manager.execute("DELETE FROM room_slugs WHERE slug = %s", slug)
    await node.manager.execute("UPDATE rooms SET slug = %s WHERE id = %s", slug, log.room.id)
    await node.manager.execute(
        "INSERT INTO room_slugs (slug, room_id) VALUES (%s, %s)", log.room.slug, log.room.id
    )


async def set_switches(
    node: Node,
    room: Room,
    member: Member,
    wanted: Mapping[str, Any],
    request: Request | None = None,
    *,
    command: str = "settings",
    said: str = "The settings are kept.",
    already: str = "",
) -> Answer:
    """Turn switches of a room, by their names and values as JSON has them. What opens it to all is `open_to_all`'s.

    Where nothing changes: Already, or where no `already` is given nothing. Raises NotAllowed, DirectRoom.
    """
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await owner_in(log, member, command)
        set_now = log.room.set.told()
        values = {name: value for name, value in wanted.items() if set_now[name] != value}
        if already and not values:
            raise Already(already)
        if values:
            before = {"switches": {name: set_now[name] for name in values}}
            changed = await log.record(SettingsChanged(by=actor.person, changed={"switches": values}))
            # An undo must not open what only a code opens.
            undoable = "private" not in values
            await keep_act(node, log, actor, changed, before=before, undoable=undoable)
        log.answer = said.replace("{room}", f"#{log.room.slug}")
    return log.reply


async def open_to_all(
    node: Node,
    room: Room,
    member: Member,
    code: str,
    request: Request | None = None,
    *,
    by_name: bool = False,
) -> Answer:
    """Make a private room public: whatever was said there becomes readable to all, so it is asked twice.

    `by_name` where the room's name was typed in the page instead. Raises NotAllowed, DirectRoom, Already,
    ConfirmRequired, ConfirmExpired.
    """
    asked = await expect(node, room, member.user_id, "public")
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await owner_in(log, member, "public")
        if not log.room.set.private:
            raise Already(f"#{log.room.slug} is public already")
        messages = say_count(log.room.last_ordinal - log.room.cleared_ordinal, "message")
        if not by_name:
            deed = f"makes #{log.room.slug} and its {messages} readable for everybody here"
            asked.require(code, deed, "/public {code}")
        changed = await log.record(SettingsChanged(by=actor.person, changed={"switches": {"private": False}}))
        await keep_act(node, log, actor, changed)
        log.answer = f"#{log.room.slug} is public now: everybody here may come in and read."
    await is_done(node, asked)
    return log.reply


async def set_welcome(
    node: Node, room: Room, member: Member, text: str, request: Request | None = None
) -> Answer:
    """The words that whoever comes for the first time is greeted with, alone; empty for none.

    Raises NotAllowed, DirectRoom, TooLong, Unreadable, Muted.
    """
    text = tidy(text, MOST_WELCOME) if text.strip() else ""
    async with node.journal.transaction(room.id, member.user_id, request) as log:
        actor = await owner_in(log, member, "welcome")
        if text:
            require_hearing(log, actor)
        await node.manager.execute("UPDATE rooms SET welcome = %s WHERE id = %s", text, room.id)
        log.answer = "Newcomers are greeted so now." if text else "Newcomers are not greeted any more."
    return log.reply


async def welcome_of(node: Node, room: Room) -> str:
    """The words newcomers are greeted with, as they stand now: a live room does not hear of them."""
    return str(await node.manager.value("SELECT welcome FROM rooms WHERE id = %s", room.id) or "")


async def owner_in(
    log: Log, member: Member, command: str, permission: Permission = Permission.SETTINGS
) -> Member:
    """Who sets something here, as they are now. Raises NotAllowed, DirectRoom, and what keeps them out."""
    actor = await actor_in(log, member.user_id)
    require_rule(log, actor, permission, None, command)
    return actor

"""A scene for every command, and the cast that plays it at two processes of one site."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import pytest

from chat.commands import COMMANDS
from chat.commands.command import is_command, parse
from chat.input import say
from chat.members import enter
from chat.policy import Role, least
from helpers.errors import AppError
from tests.people import Answer, House, Person

CONFIRM = re.compile(r"To confirm: (/.+?) \(\d+ s\)")
LINK = re.compile(r"/(?:join/|reset/|hooks/\S+?/)\S+")
WHO_MAY = {
    Role.GUEST: "alice",
    Role.MEMBER: "alice",
    Role.MODERATOR: "mona",
    Role.OWNER: "olga",
    Role.ADMIN: "ade",
}
WHO_MAY_NOT = {
    Role.GUEST: "eve",
    Role.MEMBER: "gus",
    Role.MODERATOR: "alice",
    Role.OWNER: "mona",
    Role.ADMIN: "olga",
}
RANKS = {
    "mona": Role.MODERATOR,
    "alice": Role.MEMBER,
    "bob": Role.MEMBER,
    "wanda": Role.MEMBER,
    "nina": Role.MEMBER,
    "sam": Role.MEMBER,
    "ade": Role.MEMBER,
}
STATE = """SELECT json_build_array(
    (SELECT json_agg(r ORDER BY r.id) FROM rooms r), (SELECT json_agg(m ORDER BY m.user_id) FROM memberships m),
    (SELECT count(*) FROM messages), (SELECT count(*) FROM acts), (SELECT count(*) FROM pins),
    (SELECT count(*) FROM invitations), (SELECT count(*) FROM hooks), (SELECT count(*) FROM reports),
    (SELECT count(*) FROM transfers), (SELECT count(*) FROM site_log), (SELECT count(*) FROM receipts),
    (SELECT json_agg(json_build_array(u.name, u.suspended_until) ORDER BY u.id) FROM users u))::text"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is typed, and by what it is known that it was done. In all texts `{room}` is the slug, `{seq}` bob's words.

    `before` is who typed what already. `by` may do it, `low` may not and gets the `refusal`; by themselves those whose
    rank is just enough, and the next lower. `witness`, at the second process, hears a frame of the kind `sees`, or has
    their socket closed with the code `ends`; `there` when they and the effect are in the room `{room}-2`. What tells
    nobody has an `answer` that the second process gives as well, or `then`: who types what there, and what stands in
    the answer or refusal. `opens` says that a link in the answer is good there. Without `receipt` a repeat is answered
    anew.
    """

    line: str
    sees: str = ""
    before: tuple[tuple[str, str], ...] = ()
    by: str = ""
    low: str = ""
    refusal: str = "no_permission"
    witness: str = "wanda"
    there: bool = False
    ends: int = 0
    answer: str = ""
    then: tuple[str, str, str] = ("", "", "")
    opens: bool = False
    receipt: bool = True


def looks(line: str, answer: str) -> Scene:
    """A command that only tells its caller something."""
    return Scene(line, answer=answer, receipt=False)


SCENES = {
    "kill": Scene("/kill bob off topic", "kicked"),
    "ban": Scene("/ban bob 1h spam", "banned"),
    "unban": Scene("/unban bob", "unbanned", before=(("mona", "/ban bob 1h"),)),
    "banlist": looks("/banlist", "Nobody is banned"),
    "mute": Scene("/mute bob 10m spam", "muted", by="mona", low="alice"),
    "unmute": Scene("/unmute bob", "unmuted", before=(("mona", "/mute bob"),), by="mona", low="alice"),
    "purge": Scene("/purge 1", "purged"),
    "clear": Scene("/clear a clean page", "cleared"),
    "undo": Scene("/undo", "undone", before=(("mona", "/mute bob"),), by="mona"),
    "op": Scene("/op bob", "role"),
    "deop": Scene("/deop bob", "role", before=(("olga", "/op bob"),)),
    "owner": Scene("/owner bob", "role"),
    "transfer": Scene("/transfer bob", "settings"),
    "accept": Scene("/accept", "role", before=(("olga", "/transfer alice"),)),
    "voice": Scene("/voice bob", "role"),
    "devoice": Scene("/devoice bob", "role", before=(("mona", "/voice bob"),)),
    "moderated": Scene("/moderated on", "settings"),
    "lock": Scene("/lock for now", "settings"),
    "unlock": Scene("/unlock", "settings", before=(("mona", "/lock"),)),
    "slowmode": Scene("/slowmode 30s", "settings"),
    "pin": Scene("/pin", "pinned"),
    "unpin": Scene("/unpin {seq}", "unpinned", before=(("mona", "/pin {seq}"),)),
    "pins": looks("/pins", "Nothing is pinned"),
    "log": looks("/log", "No one has been muted"),
    "report": Scene("/report {seq} spam", "audit", witness="mona"),
    "reports": looks("/reports", "Nothing is reported"),
    "resolve": Scene("/resolve {seq}", "audit", before=(("alice", "/report {seq}"),), witness="olga"),
    "topic": Scene("/topic Tea", "topic", by="mona", low="alice"),
    "rename": Scene("/rename {room}-new", "settings"),
    "private": Scene("/private", "settings"),
    "public": Scene("/public", "settings", before=(("olga", "/private"),)),
    "archive": Scene("/archive", "settings"),
    "unarchive": Scene("/unarchive", "settings", before=(("olga", "/archive"),)),
    "allowinvite": Scene("/allowinvite on", "settings"),
    "history-from": Scene("/history-from join", "settings"),
    "welcome": Scene("/welcome Ask away", then=("olga", "/welcome", "Ask away")),
    "destroy": Scene("/destroy #{room}-2", "settings", there=True, ends=4504),
    "hook": Scene("/hook make ci-{room}", "added", then=("olga", "/hook list", "ci-{room}")),
    "invite": Scene("/invite eve", "added"),
    "uninvite": Scene("/uninvite bob", "kicked", before=(("olga", "/private"),)),
    "invitelink": Scene("/invitelink", then=("mona", "/invitelink list", "1 left"), opens=True),
    "help": looks("/help me", "/me <action>"),
    "me": Scene("/me waves", "message"),
    "who": looks("/who", "1 here in #{room}"),
    "notify": Scene("/notify none for 8h", then=("alice", "/notify", "none")),
    "nick": Scene("/nick Nora", "renamed", by="nina"),
    "shrug": Scene("/shrug who knows", "message"),
    "code": Scene("/code make test", "message"),
    "plain": Scene("/plain 2*3*4", "message"),
    "spoiler": Scene("/spoiler the gardener", "message"),
    "edit": Scene("/edit other words", "edited", before=(("alice", "words"),)),
    "delete": Scene("/delete", "removed", before=(("alice", "words"),)),
    "history": looks("/history", ""),
    "jump": looks("/jump {seq}", "/rooms/{room}"),
    "away": Scene("/away lunch", "status"),
    "back": Scene("/back", "status", before=(("alice", "/away"),)),
    "dnd": Scene("/dnd for 2h", "status"),
    "status": Scene("/status By the sea", "status"),
    "ignore": Scene("/ignore bob", "ignored", witness="alice"),
    "unignore": Scene("/unignore mona", "ignored", before=(("alice", "/ignore mona"),), witness="alice"),
    "msg": Scene("/msg zed hello", "unread", witness="zed"),
    "whois": looks("/whois bob", ""),
    "list": looks("/list {room}", "#{room}"),
    "join": Scene("/join #{room}-2", "added", there=True),
    "leave": Scene("/leave", "removed_self", refusal="not_a_member"),
    "create": Scene("/create #{room}-3", then=("olga", "/list {room}-3", "#{room}-3")),
    "cls": looks("/cls", "Only a page"),
    "shortcuts": looks("/shortcuts", "Enter sends"),
    "ping": looks("/ping", "Here, at"),
    "version": looks("/version", "aiochat"),
    "stats": looks("/stats", ""),
    "settings": looks("/settings", "/me"),
    "logout": looks("/logout", "/logout"),
    "siteban": Scene("/siteban sam 1h", witness="sam", ends=4501),
    "siteunban": Scene(
        "/siteunban sue", before=(("ade", "/siteban sue"),), then=("ade", "/siteunban sue", "not shut out")
    ),
    "broadcast": Scene("/broadcast Tea", "message"),
    "announce": Scene("/announce #{room}-2 Tea", "message", there=True),
    "resetlink": Scene("/resetlink bob", opens=True),
}


class Cast:
    """Everybody in the scenes, each with a browser at both processes."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.near: dict[str, Person] = {}
        self.far: dict[str, Person] = {}

    async def comes(self, far: set[str]) -> None:
        """Everybody registers; those of `far` sign in at the second process as well."""
        await self.house.opens()
        for node in self.house.nodes:
            # They type more than people do.
            node.limits = dataclasses.replace(node.limits, burst=10_000, rate=10_000.0)
        for name in ("olga", *RANKS, "eve", "zed", "sue"):
            person = await self.house.person(name, is_admin=name == "ade")
            self.near[name] = person
            if name in far:
                self.far[name] = await self.house.again(name, person.id, at=1)

    async def room(self, slug: str, *more: str) -> None:
        """A room of olga's with all of them in it but eve, and bob's words."""
        await self.house.room(slug, self.near["olga"])
        for name in (*RANKS, *more):
            await self.house.ranks(self.near[name], RANKS.get(name, Role.MEMBER), slug)

    async def slug(self, number: int) -> str:
        """How the room is called by now."""
        return str(await self.house.node.manager.value("SELECT slug FROM rooms WHERE id = %s", number))

    async def number(self, slug: str) -> int:
        """The number of the room of that slug."""
        return int(await self.house.node.manager.value("SELECT id FROM rooms WHERE slug = %s", slug))

    async def acts(self, slug: str) -> int:
        """How much happened in a room; that somebody came or went is no act."""
        return len([kind for kind in await self.house.kinds(slug) if kind not in ("joined", "left")])

    async def state(self) -> str:
        """All that an act could change."""
        return str(await self.house.node.manager.value(STATE))

    async def guest_types(self, slug: str, line: str) -> str:
        """A guest in that room, who speaks another protocol, types this: the code of the refusal."""
        node = self.house.node
        guest = await node.manager.value(
            "INSERT INTO users (name, name_key, is_guest) VALUES ('gus', 'gus ' || %s, true) RETURNING id",
            slug,
        )
        room, member = await enter(node.manager, guest, slug)
        before = await self.state()
        with pytest.raises(AppError) as refused:
            await say(node, room, member, line, "n-guest")
        assert refused.value.text
        assert await self.state() == before
        return refused.value.code


async def types(person: Person, slug: str, line: str, nonce: str = "") -> Answer:
    """Type a line by HTTP."""
    body: dict[str, Any] = {"text": line, **({"nonce": nonce} if nonce else {})}
    return await person.posts(f"/api/rooms/{slug}/messages", body)


async def confirmed(person: Person, slug: str, line: str) -> str:
    """The line with its code, where the command asks for one first."""
    if not (is_command(line) and COMMANDS[parse(line).name].confirm):
        return line
    asked = await types(person, slug, line)
    assert asked.refusal.code == "confirm_required", asked.text
    found = CONFIRM.search(asked.refusal.message)
    assert found is not None, asked.text
    return found[1]


def told(answer: Answer) -> str:
    """What the answer says, or why it was refused."""
    if answer.status >= 400:
        return str(answer.refusal.message)
    return "\n".join(answer.json.get("notices") or ())


def who_may(name: str) -> str:
    """Who has just the rank for this command."""
    return SCENES[name].by or WHO_MAY[least(COMMANDS[name].permission)]


def who_may_not(name: str) -> str:
    """Who lacks it by one."""
    return SCENES[name].low or WHO_MAY_NOT[least(COMMANDS[name].permission)]

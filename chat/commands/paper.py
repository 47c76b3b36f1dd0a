"""The page about commands, made from their declarations so that it cannot say anything else than they do."""

from __future__ import annotations

from chat.commands.command import Command, CommandTable
from chat.policy import Role, least

BEFORE = """\
# Commands

<!-- This page is written by `python -m chat.commands > docs/commands.md`. -->

A message that begins with `/` and a letter is a command. The page, the socket and the HTTP API all take it.
In the page a menu opens on `/`; it lists what you may do in this room. `/help` says the same in words.
"""

AFTER = """\
A site admin may do in every room what its owner may. Everybody may look at the topic; setting it takes a moderator.

## How a line is read

- **Nothing is posted by mistake.** An unknown command is refused, with the nearest names, and what you typed stays
  where it was. `//kill` says "/kill". `/ 4` and `/2` are words, for no letter follows.
- **The name** is taken whole, in any case. A beginning that fits only one command is enough for harmless ones:
  `/hel` is `/help`. It is never enough for an act on others.
- **People** are named with or without `@`, in any case.
- **`[…]`** may be left out. The last argument takes the rest of the line as it is; in `/me` the lines below, too.
- **Who may** is asked twice: for the menu, and again when the act is done. You act only on people of lower rank.
- **Twice is once.** A command sent again under its nonce does nothing more, and gives its first answer.
- **The answer** is for you alone. What concerns the room stands in the room: who did it, to whom, and why.

## `/kill`

It ends every tab and every connection of theirs in this room, on every process, before you get your answer. They
see by whom and why. They may come back after 60 seconds; until then they can neither read nor write there. Who was put
out of a private room comes back by an invitation only.

## `/ban` and `/mute`

Who is banned is out at once, on every process, and can neither come in, nor read, nor post until the ban ends. It
works on accounts that are away or never came. Without a length it is 30 days of a moderator, for ever of an owner;
`--purge 1h` hides what they said in that hour. Who is muted reads on, for 10 minutes unless you say otherwise, and
keeps what they have half written; commands that say nothing to the room they may type, as in a locked room. Words of
their own stand nowhere in it meanwhile: no `/status`, no reason of `/away`, and no new name by `/nick`, which a locked
room refuses, too. A moderator who is muted may rule, but gives no reason, sets no topic and names no room: those are
refused with `muted`, and nothing is done. Both are told by whom, why and until when.

## `/notify` and `/mute`

You are told of what means you, in every room, and of all that is said to you alone; `/notify all` tells you of every
message of this room, `/notify none` of nothing, each for a time if you say so: `/notify none for 8h`. It holds on
every device, and nobody else sees it.
`/mute` is `/notify none` and, typed again, the way back, as `/unmute` is; `/mute #room` means another room. With a
name it is the other `/mute`, of a moderator over a member: the menu says which before you send it. What you are not
told of stands in the room as ever, and is counted beside its name, quietly. Your browser notifies you once you press
for it, while you look at none of its tabs, and by one of them alone.

## `/slowmode`, `/lock` and `/moderated`

In slow mode every member waits between two posts, counted from the last one that was accepted; moderators, owners
and bots need not. In a locked room only moderators post, in a moderated one also who has a `/voice`.

## `/clear`, `/purge` and `/undo`

`/clear` acts at once, for everybody: the room is empty. `/purge` hides up to 100 messages, none of people of your
own rank or above. `/undo` brings everything back within 15 minutes; it also takes back a ban, a mute, a removed
message, a rank, a topic, another address, an archived room and what is set on its settings page. `/private`, `/lock`,
`/moderated` and `/slowmode` have a line of their own for the way back. It takes back what you did yourself, the newest
act first; an owner may name whose: `/undo @ann`. What somebody removed of their own words, nobody else brings back.

## `/transfer`

An owner offers their place; within an hour the other one takes it by `/accept`, and the owner of before is a
moderator.

## `/log`

Moderators see who did what: the line as typed, whether as an admin of the site, and who took it back. Owners have
it as a page, `/rooms/lobby/log`. What was said in messages, and the codes of invitations, are never in it.

## What asks first

`/destroy`, `/public`, `/broadcast` and `/siteban` cannot be taken back. They answer with what they would do and with
the line to type: the same one with a code in it, good for a minute, for you, in that room, for just that. On the page
of a room's settings its name is typed instead.

## Coming in

A private room answers strangers like one that is not there. `/invite @ann @bob` brings in people who have an account;
`/invitelink 5 1d` makes a link for five people and one day, shown once, which also makes accounts. `/invitelink list`
and `/invitelink revoke 3` say which there are and end one. `/join #room` goes to a room that is open, `/join #room
link` to one that is not.

Nobody new comes into an archived room (`archived`), nor into one that has as many members as the site lets it have
(`room_full`, see `AIOCHAT_ROOM_MEMBERS`): by no page, socket, `/join`, invitation or `/invite`. Who is a member stays
one, an undone ban gives the place back, and site admins come in everywhere. A public room can be read all the same.

## `/away`, `/dnd` and `/status`

Everybody who shares a room with you sees them at once, beside your name, in `/who` and in `/whois`; no room keeps
them. They outlast your tabs, until you change them or their time is over. `/back` ends `/away` and `/dnd`. While
`/dnd` holds, your pages count nothing in their titles and tell you of nothing; what is said waits for you as ever. A
status is a hundred characters, after a picture if you like: `/status 🌴 By the sea --for 2h`; the length may stand
first, too. Guests have no status text.

## `/ignore`

It hides what somebody says from you alone, in every room and on every device, also what they said before; one press
shows it. They are not told, and a `/msg` of theirs succeeds without disturbing you. What they say counts neither as
unread nor as a mention. `/ignore` alone lists whom, `/unignore @rex` ends it. Rulings of a moderator are always shown.

## Alone with somebody

`/msg @ann hello` speaks in a room of two, made at first. Nobody else can ever be in it, no admin either, and it
cannot become another kind of room.

## `/history-from`

With `join`, who comes in from then on reads from the entry by which they joined: on pages, over the API and on
sockets, in `/history`, `/jump` and `/pins`, and an older message that is changed or brought back is not shown to
them. Who is not a member reads nothing yet. With `all`, who comes in reads everything. What somebody may read already
stays so; who leaves and comes again comes in anew. Site admins read everything.

## The end of a room

`/archive` leaves it to be read, and `/unarchive` opens it again. `/destroy #room` ends it: everybody's line there
closes with 4504, its address is free, and after seven days in the bin nothing of it is left. Until then
`aiochat room restore room` brings it back.

## `/report`

What a member reports, the moderators see at once, and in `/reports` or on the page `/rooms/lobby/reports` until
somebody resolves it. The author of the message is not told.

## For programs

`GET /api/commands?room=lobby` lists the same as JSON, for one's own rank in that room: see
[protocol.md](protocol.md#commands). How to add a command stands in
[CONTRIBUTING.md](../CONTRIBUTING.md#a-command). """


def page(commands: CommandTable) -> str:
    """The whole page in Markdown, the commands in the order of the menu."""
    groups: dict[str, list[Command]] = {}
    for command in commands:
        groups.setdefault(command.group, []).append(command)
    tables = [_table(group, listed) for group, listed in groups.items()]
    return "\n".join([BEFORE, *tables, AFTER])


def _table(group: str, commands: list[Command]) -> str:
    head = [
        f"## {group}",
        "",
        "| Command | What it does | Also | Example | Who may |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(command) for command in commands), ""])


def _row(command: Command) -> str:
    lowest = least(command.permission)
    who = "everyone" if lowest is Role.GUEST else lowest.and_up
    also = ", ".join(f"`/{alias}`" for alias in command.aliases)
    does = f"{command.help}{'. Asks first' if command.confirm else ''}"
    cells = (f"`{command.usage}`", does, also, f"`{command.example}`", who)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"

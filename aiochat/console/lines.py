"""What happens in a room, as lines for a terminal: when, who, what. Nothing in them can move the cursor."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from aiochat.client.events import (
    About,
    Added,
    Banned,
    Cleared,
    Edited,
    Event,
    Joined,
    Kicked,
    Left,
    Message,
    Missed,
    Muted,
    Notice,
    Offline,
    Online,
    Pinned,
    Purged,
    Recorded,
    Removed,
    RemovedSelf,
    Renamed,
    RoleChanged,
    SettingsChanged,
    TopicChanged,
    Unbanned,
    Undone,
    Unmuted,
    Unpinned,
)

Line = list[tuple[str, str]]

MARGIN = 14
TAB = " " * 4
INKS = 6
# Words run from right to left where they say so; these would turn the line around.
TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Words without what a terminal would obey: control characters are shown as what they are."""
    return "".join(
        letter if _is_shown(letter) else "\N{REPLACEMENT CHARACTER}"
        for letter in TURNING.sub("", text).replace("\t", TAB)
    )


def line_of(event: Event, you: int) -> Line | None:
    """An event in pieces of (style, text); None for what is not shown. `you` is one's own id."""
    match event:
        case Message(text=text, gone_by=gone_by) if text is None:
            who = f" by {plain(gone_by)}" if gone_by else ""
            return _house(event.at, f"{plain(event.by.name)}: removed{who}")
        case Message():
            return _words(event, you)
        case Edited(text=text) if text is not None:
            return _house(event.at, f"{plain(event.by.name)} put it otherwise: {_inset(plain(text))}")
        case Notice(text=text):
            return answer(text)
    sentence = _sentence(event)
    if not sentence:
        return None
    return _house(getattr(event, "at", None), sentence)


def answer(text: str) -> Line:
    """What only you are told."""
    return [("class:margin", " " * MARGIN), ("class:answer", f"{_inset(plain(text))}\n")]


def refusal(text: str) -> Line:
    """Why something was not done."""
    return [("class:bad", f"{'!':>{MARGIN - 2}}  {_inset(plain(text))}\n")]


def _words(message: Message, you: int) -> Line:
    by, text = plain(message.by.name), _inset(plain(message.text or ""))
    name = "class:you" if message.by.id == you else f"class:ink{message.by.id % INKS}"
    marks = f"{' (edited)' if message.edited else ''}"
    is_for_you = any(part.get("t") == "mention" and part.get("id") == you for part in message.parts)
    said = "class:for-you" if is_for_you else "class:words"
    if message.style == "action":
        return [*_margin(message.at), (name, f"* {by} "), (said, text), ("class:soft", f"{marks}\n")]
    return [*_margin(message.at), (name, f"{by}: "), (said, text), ("class:soft", f"{marks}\n")]


def _margin(at: datetime | None) -> Line:
    clock = "" if at is None else at.astimezone().strftime("%H:%M")
    return [("class:margin", f"{clock:>{MARGIN - 2}}  ")]


def _house(at: datetime | None, sentence: str) -> Line:
    return [*_margin(at), ("class:event", f"{_inset(sentence)}\n")]


def _inset(text: str) -> str:
    return text.replace("\n", "\n" + " " * MARGIN)


def _sentence(event: Event) -> str:
    by = plain(event.by.name) if isinstance(event, Recorded) else ""
    user = plain(event.user.name) if isinstance(event, About) else ""
    reason = getattr(event, "reason", "")
    why = f": {plain(reason)}" if reason else ""
    match event:
        case Joined():
            said = f"{user} came in"
        case Left(lost=lost):
            said = f"{user} lost the line" if lost else f"{user} left"
        case Added() if event.by.id != event.user.id:
            said = f"{by} brought {user} into the room"
        case RemovedSelf():
            said = f"{user} gave up the room"
        case Renamed(was=was):
            said = f"{plain(was)} is now {user}"
        case RoleChanged(voiced=True):
            said = f"{by} gave {user} a voice"
        case RoleChanged(voiced=False):
            said = f"{by} took {user}'s voice"
        case RoleChanged(role=role) if event.by.id == event.user.id:
            # Of oneself one only steps down, or takes that back.
            said = f"{user} stepped down" if role == "member" else f"{user} is {plain(role)} now"
        case RoleChanged(role=role):
            said = f"{by} made {user} {plain(role)}"
        case Kicked():
            said = f"{by} removed {user}{why}"
        case Banned():
            said = f"{by} banned {user}{why}"
        case Unbanned():
            said = f"{by} lets {user} back in"
        case Muted():
            said = f"{by} muted {user}{why}"
        case Unmuted():
            said = f"{by} lets {user} speak again"
        case Removed():
            said = f"{by} removed a message{why}"
        case Cleared(count=count):
            said = f"{by} cleared the room, {count} messages{why}"
        case Purged(count=count):
            said = f"{by} removed {count} messages{why}"
        case Undone():
            said = f"{by} took that back"
        case TopicChanged(topic=topic):
            said = f"{by} set the topic: {plain(topic)}" if topic else f"{by} took the topic down"
        case Pinned():
            said = f"{by} pinned a message"
        case Unpinned():
            said = f"{by} took a pin down"
        case SettingsChanged():
            said = f"{by} changed the settings of the room{why}"
        case Offline(reason=reason):
            why = f": {plain(reason).removesuffix('.')}" if reason else ""
            said = f"The line is down{why}. What you write waits and is sent later."
        case Online(again=True):
            said = "The line is back, and nothing was missed."
        case Missed():
            said = "Too much was missed to hear it all again. The latest:"
        case _:
            said = ""
    return said


def _is_shown(letter: str) -> bool:
    return letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cs", "Co", "Cn")

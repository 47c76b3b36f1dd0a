"""People without an account: what they may be called, and the rows they are kept under."""

from __future__ import annotations

import unicodedata

from accounts.errors import NoSuchUser
from accounts.names import INVISIBLE, LONGEST_TYPED, MOST_MARKS, RESERVED, fold, mixes_scripts
from helpers.database import Manager
from helpers.errors import AppError

SHORTEST, LONGEST = 3, 20
# They would end or begin something else where names are typed: a mention, a quoted word, code.
NEVER = frozenset('@"`\\')
SHOWN = ("L", "M", "N", "P", "S")

TAKEN = """SELECT EXISTS (SELECT FROM users WHERE name_key = %s AND NOT is_guest)
    OR EXISTS (SELECT FROM reserved_names WHERE name_key = %s AND until > now())"""
LOCK = "SELECT name FROM users WHERE id = %s AND is_guest FOR UPDATE"


class BadNick(AppError):
    """This cannot be a guest's name."""

    code = "bad_name"
    message = f"Name must be a string and between {SHORTEST}-{LONGEST} chars."

    def __init__(self) -> None:
        super().__init__(field="nick")


class MixedNick(BadNick):
    """It can be taken for the name of somebody else."""

    message = (
        "A word of a name is in one script: Latin, Greek and Cyrillic letters look alike, and do not mix."
    )


class NickTaken(AppError):
    """Somebody here is called that, an account has the name, or it is nobody's to have."""

    code = "name_taken"
    message = "Name already in use."
    status = 409

    def __init__(self) -> None:
        super().__init__(field="nick")


def clean_nick(typed: object) -> str:
    """A guest's name as it is kept and shown: NFKC, one space between words, none around them.

    It has 3 to 20 characters, all of which can be seen, and begins with a letter, a digit or `_`. Names of accounts
    are one word, so scripts may change from word to word. Raises `BadNick`, `MixedNick`, and `NickTaken` for words
    such as "admin" that mean somebody else.
    """
    if not isinstance(typed, str) or len(typed) > LONGEST_TYPED:
        raise BadNick
    name = " ".join(word for word in unicodedata.normalize("NFKC", typed).split(" ") if word)
    if not SHORTEST <= len(name) <= LONGEST or not (name[0].isalnum() or name[0] == "_"):
        raise BadNick
    marks = 0
    for letter in name:
        category = unicodedata.category(letter)[0]
        marks = marks + 1 if category == "M" else 0
        unseen = ord(letter) in INVISIBLE or (letter != " " and category not in SHOWN)
        if unseen or letter in NEVER or marks > MOST_MARKS:
            raise BadNick
    if any(mixes_scripts(word) for word in name.split(" ")):
        raise MixedNick
    if fold(name) in RESERVED:
        raise NickTaken
    return name


async def is_accounts_name(manager: Manager, key: str) -> bool:
    """Whether an account is called that, or was until lately; `key` is the folded name."""
    return bool(await manager.value(TAKEN, key, key))


async def add_guest(manager: Manager, name: str) -> int:
    """Keep somebody new under a clean name; their number."""
    added: int = await manager.value(
        "INSERT INTO users (name, name_key, is_guest) VALUES (%s, %s, true) RETURNING id", name, fold(name)
    )
    return added


async def rename_guest(manager: Manager, user_id: int, name: str) -> str:
    """Call a guest by another clean name; the one before. Part of the open transaction. Raises `NoSuchUser`."""
    row = await manager.row(LOCK, user_id)
    if row is None:
        raise NoSuchUser(name=user_id)
    await manager.execute(
        "UPDATE users SET name = %s, name_key = %s WHERE id = %s", name, fold(name), user_id
    )
    was: str = row[0]
    return was

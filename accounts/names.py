"""Which names people may have, and when two of them are the same. Nothing here asks the database."""

from __future__ import annotations

import unicodedata

from accounts.errors import BadName

LONGEST = 32
# Some single characters become eighteen in NFKC, and an accent may follow each letter.
LONGEST_TYPED = 200
MOST_MARKS = 3
INSIDE = "_.-"

# Words that mean somebody or something else where a name could stand.
RESERVED = frozenset(
    {"aiochat", "system", "root", "admin", "administrator", "moderator", "moderators", "mod", "owner", "host"}
    | {"staff", "support", "security", "official", "webmaster", "bot", "guest", "user", "anonymous", "nobody"}
    | {"all", "here", "everyone", "everybody", "channel", "room", "me", "you", "deleted", "null", "undefined"}
)

# Letters and marks, as Unicode counts them, that show nothing: two names would look the same.
INVISIBLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0}
    | {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)

# Their letters look alike: a name in which they mix is made to be taken for another one.
ALIKE = frozenset({"LATIN", "GREEK", "CYRILLIC"})


def clean_name(typed: str) -> str:
    """The name as it is kept and shown: NFKC, without spaces around it and one `@` before it.

    Raises `BadName` with a sentence that says what is wrong.
    """
    if len(typed) > LONGEST_TYPED:
        raise BadName(f"A name has at most {LONGEST} characters.")
    typed = typed.strip(" ").removeprefix("@")
    if any(unicodedata.category(letter) == "Cs" for letter in typed):
        # A lone surrogate is no character at all: it could not even be stored.
        raise BadName("A name has letters and digits, with _ . - inside.")
    name = unicodedata.normalize("NFKC", typed)
    if not name:
        raise BadName("A name has at least one letter or digit.")
    if len(name) > LONGEST:
        raise BadName(f"A name has at most {LONGEST} characters.")
    _require_letters(name)
    if mixes_scripts(name):
        raise BadName(
            "A name is in one script: Latin, Greek and Cyrillic letters look alike, and do not mix."
        )
    if fold(name) in RESERVED:
        raise BadName(f"{name} is not a name for one person here. Choose another.")
    return name


def name_key(typed: str) -> str:
    """What makes two names the same. For what is no name, a key that no account has."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        return ""
    if "\0" in typed or len(typed) > LONGEST_TYPED:
        return ""
    return fold(typed.strip(" ").removeprefix("@"))


def fold(name: str) -> str:
    """The casefold of NFKC, made here because PostgreSQL folds otherwise."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded)


def mixes_scripts(word: str) -> bool:
    """Whether letters of several scripts stand in it that can be taken for each other's; other scripts mix with all."""
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha()}
    return len(scripts & ALIKE) > 1


def _require_letters(name: str) -> None:
    marks = 0
    for place, letter in enumerate(name):
        is_mark = unicodedata.category(letter)[0] == "M"
        marks = marks + 1 if is_mark else 0
        if ord(letter) in INVISIBLE or not (_is_plain(letter) or letter in INSIDE or is_mark):
            raise BadName(f"{_shown(letter)} cannot stand in a name: letters and digits, with _ . - inside.")
        if place == 0 and not _is_plain(letter):
            raise BadName("A name begins with a letter or a digit.")
        if marks > MOST_MARKS or (is_mark and name[place - 1] in INSIDE):
            raise BadName("A name has letters and digits, with _ . - inside.")
    if name[-1] in INSIDE:
        raise BadName("A name ends with a letter or a digit.")


def _is_plain(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category[0] == "L" or category == "Nd"


def _shown(letter: str) -> str:
    if letter.isspace() and letter not in "\n\r\t":
        return "A space"
    if letter.isprintable():
        return letter
    return f"The character U+{ord(letter):04X}"

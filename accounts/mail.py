"""E-mail addresses: nobody has to give one, and none is written to. They are kept for whoever runs the site."""

from __future__ import annotations

import re
import unicodedata

from accounts.errors import BadEmail

LONGEST = 254
SHAPE = re.compile(r"[^\s@<>(),;:\"\\\[\]]{1,64}@[^\s@<>(),;:\"\\\[\]]{1,253}")


def clean_email(typed: str) -> str | None:
    """The address as it is kept; None where nothing was typed. Raises `BadEmail` for what can be none.

    Whether anybody reads mail there only a mail could tell.
    """
    address = unicodedata.normalize("NFC", typed.strip(" "))
    if not address:
        return None
    if len(address) > LONGEST or not SHAPE.fullmatch(address):
        raise BadEmail
    if any(unicodedata.category(letter)[0] == "C" for letter in address):
        raise BadEmail
    return address

"""Lines as wide as the terminal: broken between words, and going on under them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prompt_toolkit.utils import get_cwidth

from aiochat.console.lines import MARGIN, Line

NARROW = 20
JOINER = "\N{ZERO WIDTH JOINER}"


def folded(line: Line, columns: int) -> Line:
    """The same line where there are so many columns: broken between words, and what follows begins under the words.

    A word that is longer than that, such as an address, stays whole; so does all where there is hardly any room.
    """
    if columns < MARGIN + NARROW:
        return line
    # Terminals do not agree on what comes after a full row.
    column, last, told = 0, columns - 1, []
    for style, text in line:
        pieces = []
        for word in _unbroken(text):
            wide = get_cwidth(word)
            if word == "\n":
                column = 0
            elif column > MARGIN and MARGIN + wide <= last < column + wide:
                pieces.append("\n" + " " * MARGIN)
                column = MARGIN
                # A space at which it breaks is not seen any more.
                if word.isspace():
                    continue
                column += wide
            else:
                column += wide
                # What is too long for a row goes on in the next one, as the terminal has it.
                column = column if column <= columns else column % columns
            pieces.append(word)
        told.append((style, "".join(pieces)))
    return told


def _unbroken(text: str) -> Iterator[str]:
    """What a line may be broken between: words, spaces, and letters of a script that needs no spaces."""
    for piece in re.findall(r"\n|[^\S\n]+|\S+", text):
        begun = ""
        for letter in piece:
            if begun and get_cwidth(letter) == 2 and not begun.endswith(JOINER):
                yield begun
                begun = ""
            begun += letter
        yield begun

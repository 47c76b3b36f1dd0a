"""What was probably meant: names close to one that is not there."""

from collections.abc import Iterable

_LONGEST = 64


def distance(one: str, other: str, most: int = 2) -> int:
    """How many letters must be added, dropped, changed or swapped with the next; `most + 1` if more."""
    if abs(len(one) - len(other)) > most or len(one) > _LONGEST:
        return most + 1
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        here = [row]
        for column, against in enumerate(other, 1):
            cost = min(above[column] + 1, here[-1] + 1, above[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                cost = min(cost, before[column - 2] + 1)
            here.append(cost)
        if min(here) > most:
            return most + 1
        before, above = above, here
    return min(above[-1], most + 1)


def near(word: str, names: Iterable[str], most: int = 2, count: int = 3) -> list[str]:
    """The names at most `most` letters away from the word, whatever their case, the closest first.

    A name that shares no letter with the word is not close, however short both are.
    """
    key = word.casefold()
    found: list[tuple[int, str]] = []
    for name in names:
        away = distance(key, name.casefold(), most)
        if away <= most and away < max(len(key), len(name)):
            found.append((away, name))
    return [name for _, name in sorted(found)[:count]]

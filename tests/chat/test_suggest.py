"""Close names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.suggest import distance, near

NAMES = ["kill", "kick", "clear", "cls", "help", "me", "op"]
words = st.text("abc", max_size=6)


@pytest.mark.parametrize(
    ("one", "other", "away"),
    [
        ("kcik", "kick", 1),
        ("kill", "kill", 0),
        ("kil", "kill", 1),
        ("claer", "cleara", 2),
        ("abc", "xyz", 3),
        ("", "ab", 2),
    ],
)
def test_swapped_dropped_added_and_changed_letters_count_one(one: str, other: str, away: int) -> None:
    assert distance(one, other) == away


@given(words, words)
def test_a_distance_is_the_same_from_both_sides(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)


def test_the_closest_comes_first() -> None:
    assert near("kik", NAMES)[:2] == ["kick", "kill"]


def test_what_shares_no_letter_is_not_close() -> None:
    assert near("xy", NAMES) == []


def test_case_does_not_count() -> None:
    assert near("ANN", ["Anna", "bob"]) == ["Anna"]


def test_a_word_of_four_thousand_letters_is_close_to_nothing() -> None:
    assert near("x" * 4_000, [*NAMES, "x" * 3_999]) == []

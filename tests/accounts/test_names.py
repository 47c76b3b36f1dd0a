"""Which names people may have, and which are the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import BadName
from accounts.names import LONGEST, RESERVED, clean_name, fold, name_key


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ann", "ann"),
        ("Ann", "Ann"),
        ("@ann", "ann"),
        ("  ann ", "ann"),
        ("7", "7"),
        ("User123", "User123"),
        ("a_b.c-d", "a_b.c-d"),
        ("zo\u0308e", "zöe"),
        ("ａｎｎ", "ann"),
        ("李雷", "李雷"),
        ("हिन्दी", "हिन्दी"),
        ("יעל", "יעל"),
        ("Иван7", "Иван7"),
        ("Ζωής", "Ζωής"),
        ("ann李雷", "ann李雷"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_letters_and_digits_of_any_script_make_a_name(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "at least one"),
        ("   ", "at least one"),
        ("@", "at least one"),
        ("x" * (LONGEST + 1), "at most 32"),
        ("x" * 100_000, "at most 32"),
        ("ﷺ", "A space cannot stand"),
        ("ann bob", "A space cannot stand"),
        ("_ann", "begins with"),
        ("-", "begins with"),
        ("ann.", "ends with"),
        ("\u0301ann", "begins with"),
        ("a\u0323\u0324\u0325\u0326\u0330nn", "letters and digits"),
        ("a_\u0323", "letters and digits"),
        ("ann\u200f", "U+200F"),
        ("\u202enna", "U+202E"),
        ("an\u200bn", "U+200B"),
        ("an\u200dn", "U+200D"),
        ("\ufeffann", "U+FEFF"),
        ("an\u3164n", "cannot stand"),
        ("ann\ufe0f", "cannot stand"),
        ("ann\n", "U+000A"),
        ("an\rn", "U+000D"),
        ("an\0n", "U+0000"),
        ("an\x1bn", "U+001B"),
        ("ann\ud800", "letters and digits"),
        ("<b>ann</b>", "< cannot stand"),
        ("ann&amp", "& cannot stand"),
        ("ann/../x", "/ cannot stand"),
        ("a'--", "' cannot stand"),
        ("{0}", "{ cannot stand"),
        ("🦊", "cannot stand"),
        ("Admin", "not a name for one person"),
        ("AIOCHAT", "not a name for one person"),
        ("here", "not a name for one person"),
        ("ａｌｌ", "not a name for one person"),
        ("\u0430nn", "one script"),
        ("ann.\u0441opa", "one script"),
        ("z\u03bfe", "one script"),
        ("\u03b1\u043d\u043d", "one script"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_a_clear_sentence(typed: str, says: str) -> None:
    with pytest.raises(BadName) as refused:
        clean_name(typed)
    assert says in refused.value.text
    assert refused.value.text.isprintable()
    assert refused.value.facts["field"] == "name"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann", "aNN"), ("Straße", "STRASSE"), ("ａｎｎ", "ANN"), ("Ζωής", "ΖΩΉΣ"), ("ǰan", "J\u030can")],
)
def test_two_spellings_of_one_name_are_the_same(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize("typed", ["ann\ud800", "an\0n", "x" * 100_000])
def test_what_is_no_name_finds_nobody(typed: str) -> None:
    assert name_key(typed) == ""


def test_reserved_words_are_written_as_they_are_compared() -> None:
    assert {fold(word) for word in RESERVED} == RESERVED


@given(st.text(max_size=40))
def test_whatever_is_accepted_can_be_kept_shown_and_typed_again(typed: str) -> None:
    try:
        name = clean_name(typed)
    except BadName:
        return
    assert 1 <= len(name) <= LONGEST
    assert clean_name(name) == name
    assert name_key(name) == fold(name)
    assert fold(name) == fold(fold(name))
    assert name == unicodedata.normalize("NFKC", name)
    assert not set(name) & set("<>&\"'/ \n\0")
    name.encode()

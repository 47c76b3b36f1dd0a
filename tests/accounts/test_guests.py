"""What guests may be called, and the rows they are kept under."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.actions import register, rename
from accounts.errors import NoSuchUser
from accounts.guests import (
    BadNick,
    MixedNick,
    NickTaken,
    add_guest,
    clean_nick,
    is_accounts_name,
    rename_guest,
)
from helpers.database import Manager


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("abc", "abc"),
        ("x" * 20, "x" * 20),
        ("  Jonas  ", "Jonas"),
        ("Jonas   K", "Jonas K"),
        ("Jonas\u00a0K", "Jonas K"),
        ("Ｊｏｎａｓ", "Jonas"),
        ("ﬁve", "five"),
        ("日本語", "日本語"),
        ("_under", "_under"),
        ("7th-of.9", "7th-of.9"),
        ("o'neil", "o'neil"),
        ("fox🦊", "fox🦊"),
        ("Иван", "Иван"),
        ("Ann Иван", "Ann Иван"),
        ("ann李雷", "ann李雷"),
    ],
)
def test_a_nick_is_tidied(typed: str, kept: str) -> None:
    assert clean_nick(typed) == kept


@pytest.mark.parametrize("typed", ["\u0430nna", "Jonas K\u03bf", "olg\u0430", "\u03b1\u043d\u043d"])
def test_a_nick_that_only_looks_like_another_name_is_refused(typed: str) -> None:
    with pytest.raises(MixedNick) as refused:
        clean_nick(typed)
    assert refused.value.code == "bad_name"
    assert "one script" in refused.value.text


@pytest.mark.parametrize(
    "typed",
    [
        *(
            None,
            5,
            b"abc",
            ["abc"],
            "",
            "ab",
            " ab ",
            "x" * 21,
            "x" * 100_000,
            "a\nb",
            "a\tbc",
            "abc\0",
            "abc\x7f",
        ),
        "abc\u200b",
        "abc\u202e",
        "abc\ufeff",
        "abc\ud800",
        "a\u2028bc",
        "\u3164" * 3,
        "abc\u3164",
        "e" + "\u0301" * 9,
        *("@abc", "a@bc", 'a"bc', "a\\bc", "a`bc", "-abc", "/abc", "#abc", ".abc", "🦊🦊🦊", "㎒" * 11),
    ],
)
def test_what_is_no_nick_is_refused(typed: object) -> None:
    with pytest.raises(BadNick) as refused:
        clean_nick(typed)
    assert str(refused.value) == "Name must be a string and between 3-20 chars."


@pytest.mark.parametrize("typed", ["admin", "ADMIN", "Ａdmin", "everybody", "system"])
def test_words_that_mean_somebody_else_are_taken(typed: str) -> None:
    with pytest.raises(NickTaken):
        clean_nick(typed)


@given(st.text(max_size=30))
def test_a_clean_nick_is_clean_and_can_be_seen(typed: str) -> None:
    try:
        nick = clean_nick(typed)
    except (BadNick, NickTaken):
        return
    assert clean_nick(nick) == nick
    assert 3 <= len(nick) <= 20
    assert not any(unicodedata.category(letter)[0] == "C" for letter in nick)


async def test_a_guest_may_be_called_like_another_and_an_account_is_never_one(manager: Manager) -> None:
    first, second = await add_guest(manager, "Jonas"), await add_guest(manager, "Jonas")
    assert first != second
    assert await is_accounts_name(manager, "jonas") is False
    assert await rename_guest(manager, first, "Hotfix") == "Jonas"
    assert await manager.row("SELECT name, name_key, is_guest FROM users WHERE id = %s", first) == (
        "Hotfix",
        "hotfix",
        True,
    )


async def test_names_of_accounts_are_known_and_those_they_gave_up(manager: Manager) -> None:
    mona = await register(manager, "Mona", None)
    assert await is_accounts_name(manager, "mona") is True
    await rename(manager, mona.id, "Lisa")
    assert await is_accounts_name(manager, "mona") is True
    assert await is_accounts_name(manager, "lisa") is True
    await manager.execute("UPDATE reserved_names SET until = now()")
    assert await is_accounts_name(manager, "mona") is False


async def test_an_account_is_not_renamed_as_a_guest(manager: Manager) -> None:
    mona = await register(manager, "mona", None)
    with pytest.raises(NoSuchUser):
        await rename_guest(manager, mona.id, "Jonas")

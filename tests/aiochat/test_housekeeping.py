"""Accounts and rooms from a terminal."""

from __future__ import annotations

import pytest

from tests.aiochat.conftest import Say

PASSWORD = "a long enough pass phrase\n"


def test_people_get_accounts_and_admins_are_marked(say: Say) -> None:
    assert say("user add mona --admin", PASSWORD) == "mona has an account."
    assert say("user add robo --bot") == "robo has an account."
    assert say("user list") == "mona  admin\nrobo  bot"
    assert say("user promote robo") == "robo is an admin of the site."
    assert say("user promote robo --undo") == "robo is no longer an admin of the site."
    assert say("user list") == "mona  admin\nrobo  bot"


def test_a_new_password_ends_every_session(say: Say) -> None:
    say("user add mona", PASSWORD)
    assert say("user password mona", "another " + PASSWORD) == (
        "mona has a new password and is signed out everywhere."
    )


def test_a_token_is_shown_once(say: Say) -> None:
    say("user add robo --bot")
    first, second = say("user token robo --label builds"), say("user token robo")
    assert first.startswith("ach_")
    assert first != second


def test_rooms_are_made_and_listed(say: Say) -> None:
    say("user add mona", PASSWORD)
    assert say("room add kitchen --owner mona --private --topic tea") == "/rooms/kitchen is there."
    assert say("room add lobby --title Lobby --guests") == "/rooms/lobby is there."
    assert say("room list") == "kitchen  private\nlobby  Lobby"


@pytest.mark.parametrize(
    ("line", "typed", "said"),
    [
        ("user token nobody", "", "There is no account nobody. Look at how the name is written."),
        ("user add mona", "short\n", "aiochat: "),
        ("user add <b>", PASSWORD, "aiochat: "),
        ("room add Kitchen!", "", "aiochat: "),
        ("room restore kitchen", "", "There is no room of that name"),
        (
            "room add kitchen --owner nobody",
            "",
            "There is no account nobody. Look at how the name is written.",
        ),
    ],
)
def test_a_refusal_is_one_line(say: Say, line: str, typed: str, said: str) -> None:
    told = say(line, typed, code=1)
    assert said in told
    assert "\n" not in told


def test_the_tables_are_brought_up_to_date_on_demand(say: Say) -> None:
    assert say("migrate") == "The tables are up to date."

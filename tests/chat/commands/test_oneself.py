"""What everybody types about their own page and the site."""

from __future__ import annotations

import re

import pytest

from aiochat import __version__
from tests.people import House, Person


async def test_the_server_answers_with_its_time(alice: Person) -> None:
    await alice.enters()
    assert re.fullmatch(
        r"Here, at \d\d:\d\d:\d\d UTC. The database took [\d.]+ ms\.", (await alice.says("/ping")).text
    )
    assert (await alice.says("/version")).text == f"aiochat {__version__}"


async def test_a_room_is_counted(alice: Person, house: House) -> None:
    await alice.enters()
    await alice.hears("joined")
    await alice.says("one")
    assert (await alice.says("/stats")).text.startswith("#lobby: 2 members, 1 here, 1 message, made on ")


async def test_one_is_led_to_ones_settings(alice: Person, olga: Person) -> None:
    await alice.enters()
    await olga.enters()
    assert (await alice.says("/settings")).text == "/me"
    assert (await olga.says("/settings")).text == "/rooms/lobby/settings"
    assert (await alice.says("/logout")).text == "/logout"


async def test_keys_are_told_and_an_own_view_is_the_pages(alice: Person) -> None:
    await alice.enters()
    assert "Ctrl K" in (await alice.says("/keys")).text
    assert "nothing was done" in (await alice.says("/cls")).text


@pytest.mark.parametrize("line", ["/clear me", "/clear ME", "/cls"])
async def test_an_own_view_is_nobody_elses(olga: Person, house: House, line: str) -> None:
    await olga.enters()
    await olga.says("one")
    assert "nothing was done" in (await olga.says(line)).text
    assert "cleared" not in await house.kinds()


@pytest.mark.parametrize("line", ["/ping x", "/version 2", "/stats all", "/cls everything", "/logout now"])
async def test_what_takes_nothing_is_given_nothing(alice: Person, line: str) -> None:
    await alice.enters()
    assert (await alice.refused(line)).code == "usage"

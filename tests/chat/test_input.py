"""What a typed line is: words, or a command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.errors import TooFast
from chat.input import require_patience, say
from chat.log import Answer
from chat.members import Member, enter
from chat.models import Room
from tests.people import House, Person


@pytest.fixture
async def seat(house: House, alice: Person) -> tuple[Room, Member]:
    """Alice's place in the lobby."""
    return await enter(house.node.manager, alice.id, "lobby")


async def _says(house: House, seat: tuple[Room, Member], text: str, nonce: str = "n-1") -> Answer:
    return await say(house.node, *seat, text, nonce)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("hi", "hi"),
        ("hi\r\nthere\r\n", "hi\nthere"),
        (" /help", " /help"),
        ("/ help", "/ help"),
        ("/", "/"),
        ("/1", "/1"),
        ("//", "/"),
        ("//help", "/help"),
        ("///help", "//help"),
        ("hi\n/help", "hi\n/help"),
        ("/?!", "/?!"),
    ],
)
async def test_what_is_no_command_is_said(
    house: House, seat: tuple[Room, Member], typed: str, said: str
) -> None:
    answer = await _says(house, seat, typed)
    assert (await house.log())[-1] == (answer.seq, "message", said)


@pytest.mark.parametrize("typed", ["/help", "/HELP", "/?", "/help  kill", "/who"])
async def test_a_question_is_answered_and_leaves_nothing(
    house: House, seat: tuple[Room, Member], typed: str
) -> None:
    answer = await _says(house, seat, typed)
    assert answer.text
    assert (answer.seq, answer.duplicate) == (0, False)
    assert await house.kinds() == ["added"]


async def test_words_and_a_command_cannot_share_a_nonce(house: House, seat: tuple[Room, Member]) -> None:
    waved = await _says(house, seat, "/me waves")
    assert (await _says(house, seat, "/me waves")) == replace_duplicate(waved)
    assert (await _says(house, seat, "hi", "n-2")).seq == waved.seq + 1


def replace_duplicate(answer: Answer) -> Answer:
    """The same answer, given again."""
    return Answer(answer.seq, answer.at, answer.text, duplicate=True)


async def test_patience_is_for_each_user(house: House, alice: Person, bob: Person) -> None:
    house.node.limits = replace(house.node.limits, burst=2, rate=0.01)
    require_patience(house.node, alice.id)
    require_patience(house.node, alice.id)
    with pytest.raises(TooFast):
        require_patience(house.node, alice.id)
    require_patience(house.node, bob.id)

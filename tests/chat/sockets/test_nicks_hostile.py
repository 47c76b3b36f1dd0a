"""Rooms of nicks under whatever anybody sends: every frame is answered, the line lives, and all tell the same story."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chat.sockets.old_nicks import OldNick, Street
from tests.people import House

words = st.text(max_size=30) | st.sampled_from(
    [
        "chat_message",
        "set_nick",
        "join_room",
        "user_list",
        "action",
        "nick",
        "room",
        "message",
        "Default",
        "\0",
        "/help",
        "/kill x",
        "//",
        "/",
        "@all",
        "\u202e",
        "\ud83d",
        "'; DROP TABLE users; --",
        "{}",
        "%s",
        "\\u0000",
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=2**70)
    | st.floats()
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(["action", "nick", "room", "message", "user", "success"])
actions = st.sampled_from(["chat_message", "set_nick", "join_room", "user_list"])
requests = st.dictionaries(fields, values, max_size=4)
near_requests = st.builds(lambda action, rest: {**rest, "action": action}, actions, requests)


def is_an_answer(frame: dict[str, Any]) -> bool:
    """Whether it is one of the two shapes of an answer."""
    if frame.get("action") == "user_list" and frame.get("success") is True:
        return set(frame) == {"action", "success", "room", "users"}
    return set(frame) == {"action", "success", "message"} and isinstance(frame["message"], str)


@pytest.fixture
async def loose(street: Street, house: House) -> AsyncIterator[Street]:
    """A street on which nobody is asked to wait, and any number of bad frames is borne."""
    many = 10**6
    house.node.limits = replace(house.node.limits, burst=many, rate=many, arrivals=many, named_rooms=many)
    yield street
    rows = await house.node.manager.rows("SELECT seq FROM messages ORDER BY room_id, seq")
    assert rows, "something was said"


async def survives(guest: OldNick, frame: str) -> None:
    """The frame is answered, once, and so is the next."""
    await guest.sends(frame)
    await guest.sends({"action": "settle"})
    told = [await guest.reads()]
    while told[-1].get("action") != "settle":
        told.append(await guest.reads())
    answers = [one for one in told[:-1] if "success" in one]
    assert len(answers) == 1, (frame, told)
    assert is_an_answer(answers[0]), answers


def made_up(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """So many examples."""
    found: list[Any] = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    return found


async def test_any_frame_is_answered_once_and_the_line_lives(
    loose: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However many bad frames there are, these are not too many.
    monkeypatch.setattr("chat.sockets.socket.MINUTE", -1.0)
    guest = await loose.comes()
    texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=200)
    cut = st.builds(
        lambda request, at: json.dumps(request)[:at], near_requests, st.integers(min_value=0, max_value=120)
    )
    for frame in made_up(st.one_of(requests, near_requests, values).map(json.dumps) | texts | cut, 400):
        await survives(guest, frame)


moves = st.one_of(
    st.tuples(st.just("set_nick"), st.sampled_from(["Ann", "Ben", "ann", "Cleo"])),
    st.tuples(st.just("join_room"), st.sampled_from(["Default", "one", "One", "two"])),
    st.tuples(st.just("chat_message"), st.sampled_from(["hello", "/who", "//x"])),
)


async def test_two_at_once_never_share_a_name_and_hear_what_the_other_did(loose: Street) -> None:
    """Whatever two clients send at the same time: a witness in each room, listening only, knows who is there."""
    first, second = await loose.comes(), await loose.comes()
    witnesses = {"Default": await loose.comes()}
    for room in ("one", "two"):
        witnesses[room] = await loose.comes(room=room)
    known: dict[str, set[str]] = {}
    for room, witness in witnesses.items():
        await witness.settles()
        known[room] = set((await witness.asks("user_list", room=room)).users)

    keys = {"set_nick": "nick", "join_room": "room", "chat_message": "message"}
    for steps in made_up(st.lists(st.tuples(st.booleans(), moves), min_size=2, max_size=12), 60):
        for is_first, (action, value) in steps:
            await (first if is_first else second).sends({"action": action, keys[action]: value})
        for guest in (first, second):
            asked = [move[0] for is_first, move in steps if is_first is (guest is first)]
            answers = [frame for frame in await guest.settles() if "success" in frame]
            assert [frame["action"] for frame in answers] == asked
            assert all(map(is_an_answer, answers))
        for room, witness in witnesses.items():
            for frame in await witness.settles():
                follow(known[room], frame, room)
            users = (await witness.asks("user_list", room=room)).users
            assert len({name.casefold() for name in users}) == len(users)
            assert set(users) == known[room]


def follow(here: set[str], frame: dict[str, Any], room: str) -> None:
    """What a client that only listens makes of a broadcast."""
    assert frame.get("room", room) == room
    match frame["action"]:
        case "join" | "joined":
            assert frame["user"] not in here
            here.add(frame["user"])
        case "left":
            here.remove(frame["user"])
        case "nick_changed":
            here.remove(frame["from_user"])
            here.add(frame["to_user"])
        case "chat_message":
            assert frame["user"] in here

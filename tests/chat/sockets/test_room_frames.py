"""Frames nobody should send: each is answered by name, and none harms the socket or the server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.people import House, Person

SAY = {"type": "say", "nonce": "n", "text": "hi"}

MALFORMED: list[tuple[Any, str | None]] = [
    ("", None),
    (" ", None),
    ("{", None),
    ("hi", None),
    ("null", None),
    ("true", None),
    ("0", None),
    ('"say"', None),
    ("[]", None),
    ('[{"type":"ping"}]', None),
    ("{}", None),
    ("NaN", None),
    ('{"type":"ping"} {"type":"ping"}', None),
    ("{'type':'ping'}", None),
    ("\ufeff{}", None),
    ("\0", None),
    ('{"type":"say","nonce":"n","text":"\\ud800"}', None),
    ('{"type":"say","nonce":"n","text":"\\udc00\\ud800"}', None),
    ('{"type":"say","nonce":"n","text":"a\nb"}', None),
    ("[" * 30_000, None),
    ('{"type":' * 8_000, None),
    (json.dumps({**SAY, "text": "hi"})[:-2], None),
    ('{"type":"say","nonce":"n","text":' + "[" * 30_000, "text"),
    ('{"type":"read","seq":' + "9" * 60_000 + "}", "seq"),
    ({"type": "shout"}, "type"),
    ({"type": None}, "type"),
    ({"type": 1}, "type"),
    ({"type": "hello"}, "type"),
    ({"type": "message", "text": "hi"}, "type"),
    ({"type": "Say", "nonce": "n", "text": "hi"}, "type"),
    ({"type": "say", "text": "hi"}, None),
    ({"type": "say", "nonce": "n"}, None),
    ({**SAY, "nonce": None}, "nonce"),
    ({**SAY, "nonce": 7}, "nonce"),
    ({**SAY, "nonce": ""}, "nonce"),
    ({**SAY, "nonce": "~left/1"}, "nonce"),
    ({**SAY, "nonce": "n\n"}, "nonce"),
    ({**SAY, "nonce": "n" * 65}, "nonce"),
    ({**SAY, "nonce": "ñ"}, "nonce"),
    ({**SAY, "text": None}, "text"),
    ({**SAY, "text": 7}, "text"),
    ({**SAY, "text": {"s": "hi"}}, "text"),
    ({**SAY, "text": ["hi"]}, "text"),
    ({**SAY, "text": "a\0b"}, "text"),
    ({**SAY, "reply_to": "1"}, "reply_to"),
    ({**SAY, "reply_to": -1}, "reply_to"),
    ({**SAY, "reply_to": 2**63}, "reply_to"),
    ({**SAY, "reply_to": 1.5}, "reply_to"),
    ({**SAY, "reply_to": True}, "reply_to"),
    ({"type": "edit", "nonce": "n", "target": None, "text": "x"}, "target"),
    ({"type": "remove", "nonce": "n", "target": []}, "target"),
    ({"type": "resume", "epoch": 7, "after": 1}, "epoch"),
    ({"type": "resume", "epoch": "x", "after": -1}, "after"),
    ({"type": "resume", "epoch": "x", "after": 1e300}, "after"),
    ({"type": "read", "seq": None}, "seq"),
    ({"type": "read"}, None),
    (b'{"type":"ping"}', None),
    (b"\xff\0", None),
]


@pytest.mark.parametrize(("frame", "field"), MALFORMED, ids=[repr(frame)[:50] for frame, _ in MALFORMED])
async def test_what_cannot_be_read_is_refused_and_harms_nothing(
    alice: Person, frame: Any, field: str | None
) -> None:
    await alice.enters()
    await alice.tab.sends(frame)
    refusal = await alice.hears("error")
    assert (refusal.code, refusal.temporary) == ("bad_request", False)
    assert refusal.field == field
    assert refusal.message
    assert (await alice.says("still here")).seq


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("\u200b\u2060", "empty"),
        ("\x07\x1b", "empty"),
        ("x" * 4001, "too_long"),
    ],
)
async def test_words_that_are_none_or_too_many_are_refused(alice: Person, text: str, code: str) -> None:
    await alice.enters()
    why = await alice.refused(text)
    assert (why.code, why.field) == (code, "text")


async def test_a_refusal_names_the_nonce_where_it_could_be_read(alice: Person) -> None:
    await alice.enters()
    await alice.tab.sends({"type": "say", "nonce": "n-1", "text": 7})
    assert (await alice.hears("error")).nonce == "n-1"
    for unreadable in ({"type": "say", "nonce": ["n"]}, {"type": "say", "nonce": "n" * 65}, "[]", "{"):
        await alice.tab.sends(unreadable)
        assert "nonce" not in await alice.hears("error")


async def test_what_a_frame_holds_beside_its_fields_is_passed_over(alice: Person) -> None:
    await alice.enters()
    ack = await alice.says("hi", seq=1, by={"id": 0}, at="yesterday", kind="audit", style="action")
    said = await alice.hears("message", seq=ack.seq)
    assert (said.by.name, said.style) == ("alice", None)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "`<b>` **<i>** _<u>_",
        "```html\n</code><script>\n```",
        'javascript:alert(1) http://x.example/"onmouseover="alert(1)',
        "{{ 7*7 }} {% raw %}",
        "\u202egnp.exe \u2066x",
        "👩‍👩‍👧‍👦 e\u0301 ﷽",
        "x" * 4000,
        "\n".join("x" * 2000),
    ],
)
async def test_any_words_come_back_as_they_were_said_and_the_page_shows_them_as_words(
    alice: Person, bob: Person, text: str
) -> None:
    await alice.enters()
    await bob.enters()
    ack = await alice.says(text)
    heard = await bob.hears("message", seq=ack.seq)
    assert heard.text == text
    page = (await bob.opens("/rooms/lobby")).text
    for tag in ("<script>alert", "<img src=x", "<b>`", "</code><script>", 'onmouseover="alert'):
        assert tag not in page


frames = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
field = st.sampled_from(["nonce", "text", "reply_to", "target", "epoch", "after", "seq"])
kind = st.sampled_from(["say", "edit", "remove", "resume", "read", "typing", "ping", "hello", ""])
likely = st.fixed_dictionaries({"type": kind | frames}).flatmap(
    lambda base: st.dictionaries(field, frames, max_size=4).map(lambda rest: {**rest, **base})
)
anything = st.one_of(
    likely.map(json.dumps),
    frames.map(json.dumps),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
)


async def test_no_frame_whatever_ends_a_socket_or_is_an_error_of_the_server(
    alice: Person, house: House
) -> None:
    """Ten bad ones are the end, so each few get a tab of their own; a ping after each must come back."""
    house.node.limits = replace(house.node.limits, connections=1000, rate=1e6, burst=1_000_000)
    sent: list[str | bytes] = []

    @settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(anything | st.binary(max_size=50))
    def collect(frame: str | bytes) -> None:
        sent.append(frame)

    collect()
    for start in range(0, len(sent), 8):
        await alice.enters()
        for frame in sent[start : start + 8]:
            await alice.tab.sends(frame)
            await alice.tab.settles()
        assert alice.tab.close_code is None
        assert not [error for error in await alice.tab.all_heard("error") if error.code == "internal"]
        await alice.tab.leaves()

"""Tagged JSON in and out."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.codec import BadFrame, Codec, shaped


class Say(msgspec.Struct, frozen=True, tag="say", tag_field="type"):
    text: str
    nonce: str = ""


class Move(msgspec.Struct, frozen=True, tag="move", tag_field="type"):
    seq: int
    at: datetime | None = None


class Named(msgspec.Struct, frozen=True):
    nick: Annotated[str, shaped(r"^[a-z\-]{2,9}\Z", "2 to 9 small letters and -")] = "ann"
    word: Annotated[str, msgspec.Meta(pattern="^[^`']+$")] = "tea"


CODEC: Codec[Say | Move] = Codec(Say | Move)


@pytest.mark.parametrize(
    "value", [Say("hello"), Say("Ünï\n\0", nonce="n1"), Move(7), Move(7, datetime(2026, 11, 20, tzinfo=UTC))]
)
def test_a_value_comes_back_as_it_was(value: Say | Move) -> None:
    assert CODEC.decode(CODEC.encode(value)) == value


def test_text_and_bytes_are_read_alike() -> None:
    assert CODEC.decode('{"type":"say","text":"a"}') == CODEC.decode(b'{"type":"say","text":"a"}') == Say("a")


def test_an_unknown_field_is_passed_over() -> None:
    assert CODEC.decode('{"type":"say","text":"a","of_tomorrow":1}') == Say("a")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ('{"type":"say","text":5}', "text"),
        ('{"type":"move","seq":"seven"}', "seq"),
        ('{"type":"move","seq":7,"at":"noon"}', "at"),
        ('{"type":"fly"}', "type"),
    ],
)
def test_the_field_at_fault_is_named(data: str, field: str) -> None:
    with pytest.raises(BadFrame) as refused:
        CODEC.decode(data)
    told = refused.value.told()
    assert (told["code"], told["field"]) == ("bad_request", field)
    assert f"'{field}'" in told["message"]


@pytest.mark.parametrize(
    "data",
    ["", "{", "[]", "null", "7", '"say"', "{}", '{"type":"say"}', b"\xff\xfe", "[" * 100_000, '{"type":7}'],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(data: str | bytes) -> None:
    with pytest.raises(BadFrame) as refused:
        CODEC.decode(data)
    assert refused.value.text.startswith("That could not be read: ")
    assert refused.value.text.endswith(".")
    assert "`" not in refused.value.text


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadFrame):
        assert isinstance(CODEC.decode(data), Say | Move)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('{"nick":"Ann"}', "Expected 'str' of 2 to 9 small letters and - in 'nick'"),
        ('{"nick":"\\n"}', "Expected 'str' of 2 to 9 small letters and - in 'nick'"),
        ('{"word":"\'"}', "Expected 'str' of another form in 'word'"),
    ],
)
def test_what_shape_a_text_has_is_said_in_words(data: str, problem: str) -> None:
    with pytest.raises(BadFrame) as refused:
        Codec[Named](Named).decode(data)
    assert refused.value.text == f"That could not be read: {problem}. Correct it and send it again."

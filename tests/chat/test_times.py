"""Lengths and moments in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.times import FOR_EVER, read_duration, say_duration, say_moment, say_until, seconds_until

NOW = datetime(2026, 11, 20, 23, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("token", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("30d", timedelta(days=30)),
        ("3w", timedelta(weeks=3)),
        ("0m", timedelta()),
        ("999999999w", timedelta(days=36_500)),
    ],
)
def test_a_length_is_digits_and_a_unit(token: str, length: timedelta) -> None:
    assert read_duration(token) == length


@pytest.mark.parametrize(
    "token", ["", "m", "10", "10 m", "10m!", "-1m", "1.5h", "10M", "10min", "١٠m", "1h30m", "1" * 99 + "w"]
)
def test_anything_else_is_no_length(token: str) -> None:
    assert read_duration(token) is None


@given(st.text(max_size=12))
def test_reading_a_length_never_fails(token: str) -> None:
    length = read_duration(token)
    assert length is None or timedelta() <= length <= timedelta(days=36_500)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(minutes=10), "10 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(days=30), "30 days"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(), "0 seconds"),
        (timedelta(seconds=-5), "0 seconds"),
    ],
)
def test_a_length_is_said_in_its_largest_whole_unit(length: timedelta, said: str) -> None:
    assert say_duration(length) == said


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (NOW.replace(hour=1), "01:50 UTC"),
        (NOW + timedelta(minutes=24), "00:14 UTC"),
        (NOW + timedelta(days=8), "28 November"),
        (NOW + timedelta(days=60), "19 January 2027"),
        (FOR_EVER, "for ever"),
        (NOW.astimezone(timezone(timedelta(hours=9))), "23:50 UTC"),
    ],
)
def test_a_moment_is_a_clock_time_if_near_and_else_a_date(moment: datetime, said: str) -> None:
    assert say_moment(moment, NOW) == said


def test_an_end_is_until_a_moment_or_for_ever() -> None:
    assert say_until(NOW, NOW) == "until 23:50 UTC"
    assert say_until(FOR_EVER, NOW) == "for ever"


def test_a_wait_is_whole_seconds_and_never_none() -> None:
    assert seconds_until(NOW + timedelta(seconds=1.2), NOW) == 2
    assert seconds_until(NOW - timedelta(hours=1), NOW) == 1

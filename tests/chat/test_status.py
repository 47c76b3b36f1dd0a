"""What somebody says of themselves: what of it holds, in words; and what is a picture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.commands.converters import Misfit, Token
from chat.commands.statuses import EmojiWord
from chat.status import NOTHING, Status

NOW = datetime(2026, 11, 21, 14, 2, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=15), NOW + timedelta(hours=2)
moments = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (NOTHING, ""),
        (Status(presence="away"), "away"),
        (Status(presence="away", why="lunch"), "away: lunch"),
        (Status(presence="dnd"), "do not disturb"),
        (Status(presence="dnd", until=SOON), "do not disturb until 14:17 UTC"),
        (Status(presence="dnd", until=NOW), ""),
        (Status(emoji="🌴", text="By the sea", text_until=LATER), "🌴 By the sea"),
        (Status(text="Gone", text_until=NOW), ""),
        (Status(presence="away", until=None, emoji="🌴"), "away · 🌴"),
        (Status(presence="dnd", until=NOW, text="Here still"), "Here still"),
    ],
)
def test_it_is_said_in_words_as_long_as_it_holds(status: Status, said: str) -> None:
    assert status.words(NOW) == said


@given(moments, moments)
def test_a_part_ends_at_its_time_and_the_other_goes_on(
    until: datetime | None, text_until: datetime | None
) -> None:
    status = Status(presence="dnd", until=until, text="x", text_until=text_until)
    held = status.at(NOW)
    assert (held.presence == "dnd") == (until is None or until > NOW)
    assert (held.text == "x") == (text_until is None or text_until > NOW)
    assert held.ends is None or held.ends > NOW
    assert held.at(NOW) == held


@pytest.mark.parametrize("word", ["🌴", "☕", "❤️", "👩‍💻", "👍🏽", "🇩🇪", "★", "🌴🌊"])
def test_a_picture_is_taken_for_one(word: str) -> None:
    assert EmojiWord().read(Token(word, len(word))) == word


@pytest.mark.parametrize(
    "word", ["x", "1", "^", "🌴x", "x🌴", "\u202e🌴", "Ω", "--", "️", "‍", "🌴" * 17, ":)"]
)
def test_a_word_is_not_taken_for_a_picture(word: str) -> None:
    with pytest.raises(Misfit):
        EmojiWord().read(Token(word, len(word)))


def test_what_stands_in_quotes_is_words() -> None:
    with pytest.raises(Misfit):
        EmojiWord().read(Token("🌴", 3, quoted=True))

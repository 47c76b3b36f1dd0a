"""Words in parts."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat import parts
from chat.errors import Empty, TooLong, Unreadable
from chat.parts import MOST_MENTIONS, Part, mentioned, parse, plain, tidy

IDS = {"ann": 7, "bob.smith": 8, "王": 9}


def text(words: str) -> Part:
    return {"t": "text", "s": words}


def code(words: str) -> Part:
    return {"t": "code", "s": words}


def block(words: str, language: str = "") -> Part:
    return parts.block(words, language)


def link(words: str, href: str = "") -> Part:
    return {"t": "link", "s": words, "href": href or words}


def mention(words: str, user_id: int) -> Part:
    return {"t": "mention", "s": words, "id": user_id}


def strong(words: str) -> Part:
    return {"t": "strong", "s": words}


def em(words: str) -> Part:
    return {"t": "em", "s": words}


@pytest.mark.parametrize(
    "words",
    [
        "hello",
        "two\nlines, a: colon",
        "<b>bold</b> & <script>alert(1)</script>",
        "a * b * c = 2 * 3 * 4",
        "snake_case_name and a*b*c and __init__",
        "¯\\_(ツ)_/¯ *_* ^_^ -_-",
        "* a list\n* of stars",
        "*over two\nlines*",
        "\\*not strong\\*",
        "a ` alone",
        "``` never closed\nx",
        "`` ``",
        "``` ```",
        "````four````",
        "javascript://alert(1) ftp://x data://y ://",
        "http:// https://) xhttp://here.org",
        "mail ann@ann.org",
        "@nobody @ @@ann @-ann .@ann",
        "/kill @",
    ],
)
def test_what_has_no_mark_is_text(words: str) -> None:
    assert parse(words, IDS) == [text(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a `b` c", [text("a "), code("b"), text(" c")]),
        ("`*a* @ann http://x.org`", [code("*a* @ann http://x.org")]),
        ("``a`b``", [code("a`b")]),
        ("```x```", [code("x")]),
        ("`a\nb`", [text("`a\nb`")]),
        ("`a` `b", [code("a"), text(" `b")]),
        ("```\nx = 1\n```", [block("x = 1")]),
        ("a\n```py\nx = 1\n\ny\n```\nb", [text("a"), block("x = 1\n\ny", "py"), text("b")]),
        ("a ```c++\nx\n``` b", [text("a "), block("x", "c++"), text(" b")]),
        ("```js\n```", [block("js")]),
        ("```not a language\nx```", [block("not a language\nx")]),
        ("```\na\n```\n```\nb\n```", [block("a"), block("b")]),
        ("\n\n```\na\n```\n\n", [text("\n"), block("a"), text("\n")]),
    ],
)
def test_what_stands_in_backticks_is_code(words: str, expected: list[Part]) -> None:
    assert parse(words, IDS) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("http://x.org", [link("http://x.org")]),
        ("see https://x.org/a.", [text("see "), link("https://x.org/a"), text(".")]),
        ("(https://x.org/a_(b))!", [text("("), link("https://x.org/a_(b)"), text(")!")]),
        ("http://x.org/?q=[1]&b={2}]", [link("http://x.org/?q=[1]&b={2}"), text("]")]),
        ("HTTPS://X.org/A", [link("HTTPS://X.org/A", "https://X.org/A")]),
        ("http://[::1]:8080/", [link("http://[::1]:8080/")]),
        ("http://bücher.example/ü", [link("http://bücher.example/ü")]),
        ("<http://x.org>", [text("<"), link("http://x.org"), text(">")]),
        ('"http://x.org"', [text('"'), link("http://x.org"), text('"')]),
        ("*http://x.org*", [text("*"), link("http://x.org"), text("*")]),
        ("http://x.org/a_b_c @ann", [link("http://x.org/a_b_c"), text(" "), mention("@ann", 7)]),
        ("见http://x.org。", [text("见http://x.org。")]),
        ("见 http://x.org。", [text("见 "), link("http://x.org"), text("。")]),
        ("http://x.org\u202egpj.exe", [link("http://x.org"), text("\u202egpj.exe")]),
        ("http://good.org\\@evil.org", [link("http://good.org"), text("\\@evil.org")]),
        ("http://x.org http://y.org", [link("http://x.org"), text(" "), link("http://y.org")]),
    ],
)
def test_an_address_is_a_link_without_the_sentence_around_it(words: str, expected: list[Part]) -> None:
    assert parse(words, IDS) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("@ann", [mention("@ann", 7)]),
        ("@ANN, hi", [mention("@ANN", 7), text(", hi")]),
        ("hi @ann.", [text("hi "), mention("@ann", 7), text(".")]),
        ("@ann's", [mention("@ann", 7), text("'s")]),
        ("(@ann)", [text("("), mention("@ann", 7), text(")")]),
        ("@bob.smith", [mention("@bob.smith", 8)]),
        ("@Bob.Smith-and", [mention("@Bob.Smith", 8), text("-and")]),
        ("@ann.b", [mention("@ann", 7), text(".b")]),
        ("@annabel", [text("@annabel")]),
        ("@王", [mention("@王", 9)]),
        ("@\uff41nn", [mention("@\uff41nn", 7)]),
        ("*see @ann*", [text("*see "), mention("@ann", 7), text("*")]),
        ("@ann@ann", [mention("@ann", 7), text("@ann")]),
    ],
)
def test_a_name_of_somebody_is_a_mention(words: str, expected: list[Part]) -> None:
    assert parse(words, IDS) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("*a*", [strong("a")]),
        ("**a b**", [strong("a b")]),
        ("_a_, *b*!", [em("a"), text(", "), strong("b"), text("!")]),
        ("(*a*)", [text("("), strong("a"), text(")")]),
        ('"_a_"', [text('"'), em("a"), text('"')]),
        ("***a***", [text("***a***")]),
        ("*a**", [text("*a**")]),
        ("* a*", [text("* a*")]),
        ("*a *", [text("*a *")]),
        ("*a*b", [text("*a*b")]),
        ("_a_b_", [text("_a_b_")]),
    ],
)
def test_stars_and_lines_stress_only_whole_words(words: str, expected: list[Part]) -> None:
    assert parse(words, IDS) == expected


def test_the_names_to_ask_for_are_those_outside_code_and_links() -> None:
    assert mentioned("hi @Ann and @bob.smith-x, `@cy` http://x.org/@dee e@f.org") == {
        "ann",
        "bob",
        "bob.smith",
        "bob.smith-x",
    }
    assert mentioned("nobody at all") == set()


def test_no_text_asks_for_more_than_a_hundred_names() -> None:
    assert len(mentioned(" ".join(f"@n{count}" for count in range(900)))) == MOST_MENTIONS
    assert len(mentioned("@" + "a." * 2_000)) <= MOST_MENTIONS


def test_a_name_longer_than_any_is_nobody() -> None:
    assert mentioned("@" + "a" * 4_000) == set()


PIECES = [
    "`",
    "``",
    "```",
    "*",
    "**",
    "_",
    "@",
    "@ann",
    "http://",
    "https://x.org",
    "://",
    "(",
    ")",
    ".",
    "\n",
    " ",
    "a",
    "py\n",
    "é",
    "\\",
]
hostile = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(hostile)
@example("```\n\n```")
@example("a\n```py\nb```\n\n")
def test_nothing_that_was_said_is_lost(words: str) -> None:
    """Between the parts only marks, a language and the line ends beside a block may fall away."""
    at = 0
    dropped = []
    for part in parse(words, IDS):
        found = words.index(part["s"], at)
        dropped.append(words[at:found])
        at = found + len(part["s"])
    dropped.append(words[at:])
    assert re.fullmatch(r"(?:[`*_\n]|py\n|a+\n|é\n)*", "".join(dropped))


@given(hostile)
def test_a_link_goes_only_to_http(words: str) -> None:
    for part in parse(words, IDS):
        assert part["t"] in {"text", "code", "block", "link", "mention", "strong", "em"}
        if part["t"] == "link":
            assert re.match(r"https?://[^\s<>\"\\]", part["href"])
            assert part["href"].lower() == part["s"].lower()


@given(st.text(max_size=60) | hostile)
def test_every_text_can_be_parsed(words: str) -> None:
    found = parse(words, IDS)
    assert all(part["s"] for part in found) or words == ""
    assert not any(one["t"] == other["t"] == "text" for one, other in pairwise(found))
    assert plain(parse(words)) == plain(parse(words, {}))
    for name in mentioned(words):
        assert parse(words, {name: 1})


class Counted:
    """A pattern that counts the characters it was led over."""

    looked = 0

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern

    def __getattr__(self, name: str) -> Any:
        def look(words: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
            end = len(words) if end is None else end
            found: re.Match[str] | None = getattr(self.pattern, name)(words, start, end)
            Counted.looked += 1 + ((found.end() if found else end if name == "search" else start) - start)
            return found

        return look


class CountedText(str):
    """A text that counts the characters that are looked through for something."""

    __slots__ = ()

    def find(self, sought: str, start: Any = 0, end: Any = None) -> int:  # type: ignore[override]
        found = super().find(sought, start, end)
        Counted.looked += 1 + ((found if found >= 0 else len(self) if end is None else end) - start)
        return found


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Counted]]:
    for name, thing in list(vars(parts).items()):
        if isinstance(thing, re.Pattern):
            monkeypatch.setattr(parts, name, Counted(thing))
        elif isinstance(thing, dict) and all(isinstance(each, re.Pattern) for each in thing.values()):
            monkeypatch.setattr(parts, name, {key: Counted(each) for key, each in thing.items()})
    Counted.looked = 0
    yield Counted
    Counted.looked = 0


SEEDS = [
    "`",
    "``",
    "` `` ",
    "```",
    "``` ",
    "```a\n",
    "`a\n",
    "*",
    "* ",
    "*a ",
    " *a",
    "*_",
    "_",
    "_a ",
    " _a*b",
    "**a ",
    "@",
    "@a",
    "@a.",
    "@a.b-",
    " @a_",
    "http://",
    "xhttp://a",
    "://",
    "http://a",
    "http://(",
    "http://a)",
    "http://a(",
    "http://a.,",
    " (http://a",
    "_http://a",
    "*http://a ",
    "\n",
    "a",
    "`*_@",
    " *`@_",
]


@pytest.mark.parametrize("seed", SEEDS, ids=repr)
def test_four_thousand_hostile_characters_are_walked_over_a_few_times(
    seed: str, counting: type[Counted]
) -> None:
    for length in (4_000, 16_000):
        words = CountedText((seed * length)[:length])
        counting.looked = 0
        parse(words, IDS)
        assert counting.looked < 8 * length + 100


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([text("a"), block("x"), text("b")], "a\nx\nb"),
        ([text("see "), link("http://x.org"), text(" "), mention("@ann", 7)], "see http://x.org @ann"),
        ([block("a"), block("b")], "a\nb"),
        ([], ""),
    ],
)
def test_the_plain_words_are_those_one_reads(found: list[Part], words: str) -> None:
    assert plain(found) == words


@pytest.mark.parametrize(
    ("words", "tidied"),
    [
        ("hello  \n\n", "hello"),
        ("  indented", "  indented"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x07b\x1b[31mc\x7f\td", "ab[31mc\td"),
        ("a\x80b\x9b31mc\x9f\xa0d", "ab31mc\xa0d"),
        ("\n/kill", "\n/kill"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
    ],
)
def test_a_text_is_kept_tidy(words: str, tidied: str) -> None:
    assert tidy(words, 100) == tidied


@pytest.mark.parametrize("words", ["", "  \n ", "\u200b\u2060", "\x01\x02", "\u3164", "\ufeff"])
def test_nothing_to_see_is_nothing_to_send(words: str) -> None:
    with pytest.raises(Empty):
        tidy(words, 100)


@pytest.mark.parametrize("words", ["a\0b", "a\ud800", "\udfffb"])
def test_what_cannot_be_kept_is_refused(words: str) -> None:
    with pytest.raises(Unreadable):
        tidy(words, 100)


def test_a_text_too_long_is_told_how_much() -> None:
    assert tidy("é" * 4_000 + " \n", 4_000) == "é" * 4_000
    with pytest.raises(TooLong) as refused:
        tidy("x" * 4_001, 4_000, "topic")
    assert refused.value.text.startswith("4,001 of at most 4,000 characters.")
    assert refused.value.told()["field"] == "topic"


@given(st.text(max_size=40))
def test_what_is_tidy_stays_as_it_is(words: str) -> None:
    try:
        tidied = tidy(words, 40)
    except (Empty, Unreadable):
        return
    assert tidy(tidied, 40) == tidied

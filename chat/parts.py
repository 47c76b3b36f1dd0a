"""Words parsed once, so that nobody who shows them needs to parse, or to trust, them again.

A text becomes a list of parts, `{"t": "text", "s": …}` and its like; a part holds words, never HTML.
The scanner goes from left to right, and what it looked ahead for and did not find it never looks for again:
its work grows with the length of the text and no faster, whoever wrote it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from accounts.names import name_key
from chat.errors import Empty, TooLong, Unreadable

Part = dict[str, Any]

LONGEST_MENTION = 96  # A name has 32 characters, but three times that before its accents are joined.
MOST_MENTIONS = 100

SPOILER_MARK = "||"
PREVIEWED = """CASE WHEN x.parts @> '[{"t": "spoiler"}]' THEN '(spoiler)' ELSE x.text END"""
"""The text of a message `x` in SQL, for a line that nobody asked to see: what is hidden stays hidden."""

_TRIGGER = re.compile(r"`|@|\*|_|://")
_SCHEME = re.compile(r"https?\Z", re.IGNORECASE)
_LANGUAGE = re.compile(r"([\w+#.\-]{1,24})[ \t]*\n")
# Characters that end an address: spaces, what quotes it, and those that turn the direction of what follows.
_ADDRESS = re.compile('[^\\s<>"`\\\\\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+')
_TRAILING = frozenset(".,;:!?'\"*_~…。，、；：！？”’」』】）")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_BEFORE_EMPHASIS = frozenset("([{\"'“‘«„—–")
_INSIDE = {"*": re.compile(r"[^*\n`@]+"), "_": re.compile(r"[^_\n`@]+")}
_RUNS = {"*": re.compile(r"\*+"), "_": re.compile(r"_+"), "`": re.compile(r"`+")}
_LETTER = re.compile(r"[^\W_]")

_REFUSED = re.compile("[\x00\ud800-\udfff]")
# Those above 7F, too: by U+009B a terminal is told as much as by ESC.
_CONTROLS = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(
    "[\\s\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff]*"
)


def tidy(text: str, limit: int, field: str = "text") -> str:
    """The text as it is kept: lines end in LF, nothing trails, no control characters but tab and newline.

    `limit` is in characters; `field` names the part of the request in a refusal.
    Raises Unreadable (NUL, half a surrogate pair), Empty or TooLong.
    """
    if _REFUSED.search(text):
        raise Unreadable(field)
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).rstrip()
    if _INVISIBLE.fullmatch(text):
        raise Empty(field)
    if len(text) > limit:
        raise TooLong(len(text), limit, field)
    return text


def mentioned(text: str) -> set[str]:
    """The keys of all names that the text may mention, at most a hundred; ask who of them is somebody."""
    names: set[str] = set()
    if "@" in text:
        for piece in _Scanner(text).pieces():
            if piece.kind == "mention":
                for name in _names(piece.words):
                    if len(names) == MOST_MENTIONS:
                        return names
                    names.add(name_key(name))
    return names


def parse(text: str, ids: Mapping[str, int] | None = None) -> list[Part]:
    """The text in parts. `ids` are user ids by name key, see `mentioned`; other names are only words."""
    if not _TRIGGER.search(text):
        return [{"t": "text", "s": text}]
    ids = ids or {}
    parts = _Parts(text)
    for piece in _Scanner(text).pieces():
        match piece.kind:
            case "mention":
                name = next((name for name in _names(piece.words) if name_key(name) in ids), None)
                if name is not None:
                    parts.add(piece.start, piece.start + 1 + len(name), mention(name, ids[name_key(name)]))
            case "link":
                scheme, _, rest = piece.words.partition(":")
                parts.add(piece.start, piece.end, link(piece.words, f"{scheme.lower()}:{rest}"))
            case "block":
                parts.add_block(piece.start, piece.end, block(piece.words, piece.language))
            case kind:
                parts.add(piece.start, piece.end, {"t": kind, "s": piece.words})
    return parts.done()


def mention(name: str, user_id: int) -> Part:
    return {"t": "mention", "s": f"@{name}", "id": user_id}


def link(words: str, href: str) -> Part:
    return {"t": "link", "s": words, "href": href}


def block(code: str, language: str = "") -> Part:
    return {"t": "block", "s": code, "lang": language} if language else {"t": "block", "s": code}


def spoiler(words: str) -> Part:
    """Words that are hidden until somebody asks for them."""
    return {"t": "spoiler", "s": words}


def spoiled(words: str) -> str:
    """The text of a message that hides its words, marked so for whoever knows only text."""
    return f"{SPOILER_MARK}{words}{SPOILER_MARK}"


def unspoiled(text: str) -> str:
    """What such a text hides; another text as it is."""
    inside = text.removeprefix(SPOILER_MARK).removesuffix(SPOILER_MARK)
    return inside if text == spoiled(inside) and inside.strip() else text


def plain(parts: list[Part]) -> str:
    """The words alone, without those a spoiler hides; a block of code stands on lines of its own."""
    said: list[str] = []
    after_block = False
    for part in parts:
        is_block = part["t"] in ("block", "spoiler")
        if said and (is_block or after_block):
            said.append("\n")
        said.append("(spoiler)" if part["t"] == "spoiler" else part["s"])
        after_block = is_block
    return "".join(said)


class _Piece(NamedTuple):
    """Something found from `start` to `end`: what it is, and its words without the marks around them."""

    kind: str
    start: int
    end: int
    words: str
    language: str = ""


class _Parts:
    """The parts found so far; what lies between them is text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.parts: list[Part] = []

    def add(self, start: int, end: int, part: Part) -> None:
        self._text(start)
        self.parts.append(part)
        self.at = end

    def add_block(self, start: int, end: int, part: Part) -> None:
        """A block breaks the line by itself: the line ends right before and after it are its own."""
        before = start - 1 if start > self.at and self.text[start - 1] == "\n" else start
        self._text(before)
        self.parts.append(part)
        self.at = end + 1 if self.text.startswith("\n", end) else end

    def _text(self, end: int) -> None:
        if end > self.at:
            self.parts.append({"t": "text", "s": self.text[self.at : end]})

    def done(self) -> list[Part]:
        self._text(len(self.text))
        return self.parts


class _Scanner:
    """One walk over a text. `at` is how far it has come; nothing before it is looked at again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line_end = -1

    def pieces(self) -> Iterator[_Piece]:
        while trigger := _TRIGGER.search(self.text, self.at):
            start = trigger.start()
            match trigger[0]:
                case "`":
                    piece = self._code(start)
                case "@":
                    piece = self._mention(start)
                case "://":
                    piece = self._link(start)
                case mark:
                    piece = self._emphasis(start, mark)
            if piece is not None:
                self.at = piece.end
                yield piece

    def _code(self, start: int) -> _Piece | None:
        marks = self._run("`", start)
        self.at = inside = start + len(marks)
        if len(marks) > 3:
            return None
        if len(marks) == 3:
            return self._block(start, inside)
        end = self.text.find(marks, inside, self._line_end(inside))
        if end < 0 or not self.text[inside:end].strip():
            return None
        return _Piece("code", start, end + len(marks), self.text[inside:end])

    def _block(self, start: int, inside: int) -> _Piece | None:
        end = self.text.find("```", inside)
        if end < 0:
            return None
        words = self.text[inside:end]
        if not words.strip():
            self.at = end + 3
            return None
        if "\n" not in words:
            return _Piece("code", start, end + 3, words)
        language = _LANGUAGE.match(words)
        name = language[1] if language and words[language.end() :].strip() else ""
        words = words[language.end() :] if name and language else words.removeprefix("\n")
        return _Piece("block", start, end + 3, words.removesuffix("\n"), name)

    def _mention(self, start: int) -> _Piece | None:
        self.at = start + 1
        if start and (self.text[start - 1].isalnum() or self.text[start - 1] in "_@.-/"):
            return None
        end = self.at
        while end < len(self.text) and end - self.at <= LONGEST_MENTION and _of_name(self.text[end]):
            end += 1
        words = self.text[self.at : end].rstrip("._-")
        if not words[:1].isalnum():
            return None
        return _Piece("mention", start, self.at + len(words), words)

    def _link(self, colon: int) -> _Piece | None:
        begun, self.at = self.at, colon + 3
        scheme = _SCHEME.search(self.text, max(begun, colon - 5), colon)
        if scheme is None:
            return None
        start = scheme.start()
        before = self.text[start - 1 : start]
        host = self.text[colon + 3 : colon + 4]
        # Asked before the address is read: a read that leads to nothing could be repeated at every letter.
        if before.isalnum() or not (host.isalnum() or host == "["):
            return None
        address = _ADDRESS.match(self.text, start)
        if address is None:
            return None
        words = _without_trailing(address[0], colon + 4 - start)
        return _Piece("link", start, start + len(words), words)

    def _emphasis(self, start: int, mark: str) -> _Piece | None:
        marks = self._run(mark, start)
        self.at = inside = start + len(marks)
        before = self.text[start - 1 : start]
        if len(marks) > (2 if mark == "*" else 1) or not (
            before == "" or before.isspace() or before in _BEFORE_EMPHASIS
        ):
            return None
        found = _INSIDE[mark].match(self.text, inside)
        if found is None or self._run(mark, found.end()) != marks:
            return None
        words, end = found[0], found.end() + len(marks)
        after = self.text[end : end + 1]
        if words[0].isspace() or words[-1].isspace() or after.isalnum() or after == "_":
            return None
        if "://" in words or not _LETTER.search(words):
            return None
        return _Piece("strong" if mark == "*" else "em", start, end, words)

    def _run(self, mark: str, start: int) -> str:
        run = _RUNS[mark].match(self.text, start)
        return run[0] if run else ""

    def _line_end(self, start: int) -> int:
        if self.line_end < start:
            end = self.text.find("\n", start)
            self.line_end = len(self.text) if end < 0 else end
        return self.line_end


def _without_trailing(address: str, least: int) -> str:
    """The address without the punctuation around it; a closing bracket belongs to it if opened inside."""
    surplus = {last: address.count(last) - address.count(opening) for last, opening in _CLOSING.items()}
    end = len(address)
    while end > least:
        last = address[end - 1]
        if last in _CLOSING and surplus[last] > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return address[:end]


def _of_name(letter: str) -> bool:
    return letter.isalnum() or letter in "_.-" or unicodedata.category(letter)[0] == "M"


def _names(words: str) -> Iterator[str]:
    """What may be the name in `ann.b-c`, the longest first: all of it, or what stands before a sign."""
    while words:
        if len(words) <= LONGEST_MENTION:
            yield words
        cut = max(words.rfind(sign) for sign in "._-")
        words = words[: max(cut, 0)].rstrip("._-")

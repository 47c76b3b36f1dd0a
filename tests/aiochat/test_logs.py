"""What is logged is one line for people or one object for machines, and never a secret address."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator

import pytest
from aiohttp import multipart, web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.test_utils import make_mocked_request

from aiochat.logs import ODD, QUIET, SERVER, SILENT, AccessLog, JsonLines, configure, is_of_the_house


def record(message: str, *arguments: object, fault: bool = False) -> logging.LogRecord:
    return logging.LogRecord(
        "chat.journal", logging.WARNING, __file__, 1, message, arguments, sys.exc_info() if fault else None
    )


def test_a_json_line_is_one_object() -> None:
    line = JsonLines().format(record("room %d\nis %s", 7, "Überfüllt"))
    assert "\n" not in line
    told = json.loads(line)
    assert told["level"] == "warning"
    assert told["logger"] == "chat.journal"
    assert told["message"] == "room 7\nis Überfüllt"
    assert told["at"].endswith("Z")
    assert "traceback" not in told


def test_a_json_line_carries_its_traceback() -> None:
    try:
        int("odd")
    except ValueError:
        told = json.loads(JsonLines().format(record("failed", fault=True)))
    assert "ValueError: invalid literal" in told["traceback"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/rooms/lobby", "GET /rooms/lobby 200 12 ms"),
        ("/join/dGhlIHRva2Vu", "GET /join/… 200 12 ms"),
        ("/setup/dGhlIHRva2Vu", "GET /setup/… 200 12 ms"),
        ("/reset/dGhlIHRva2Vu", "GET /reset/… 200 12 ms"),
        ("/rooms/a%0a2026-11-21 forged?x=1", "GET /rooms/a%0A2026-11-21%20forged 200 12 ms"),
        ("/%68ooks/lobby/secret", "GET /hooks/… 200 12 ms"),
    ],
)
def test_requests_are_noted_without_their_secrets(
    caplog: pytest.LogCaptureFixture, path: str, line: str
) -> None:
    caplog.set_level(logging.DEBUG, "access")
    book = AccessLog(logging.getLogger("access"), "")
    assert book.enabled
    book.log(make_mocked_request("GET", path), web.Response(), 0.0123)
    assert caplog.messages == [line]


def test_sockets_are_not_noted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "access")
    book = AccessLog(logging.getLogger("access"), "")
    book.log(make_mocked_request("GET", "/rooms/lobby/ws"), web.WebSocketResponse(), 3600)
    assert caplog.messages == []


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """What a test configured does not outlive it."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for name in (*QUIET, *ODD, *SILENT):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger(SERVER).removeFilter(is_of_the_house)


@pytest.mark.parametrize(("level", "is_told"), [("info", False), ("debug", True)])
def test_nobody_fills_the_log_by_odd_headers_and_cookies(
    restored_logging: None, capsys: pytest.CaptureFixture[str], level: str, is_told: bool
) -> None:
    configure(level, "text")
    for name in ODD:
        logging.getLogger(name).warning("what a stranger sent")
    assert capsys.readouterr().err.count("what a stranger sent") == (len(ODD) if is_told else 0)


@pytest.mark.parametrize(("level", "is_told"), [("info", False), ("debug", True)])
def test_nobody_fills_the_log_by_what_is_no_request(
    restored_logging: None, capsys: pytest.CaptureFixture[str], level: str, is_told: bool
) -> None:
    configure(level, "text")
    logging.getLogger(SERVER).error("what a stranger sent", exc_info=BadHttpMessage("no request"))
    logging.getLogger(SERVER).error("what is our fault", exc_info=RuntimeError("a fault"))
    told = capsys.readouterr().err
    assert ("what a stranger sent" in told) == is_told
    assert "what is our fault" in told


def test_nobody_fills_the_memory_by_odd_headers(
    restored_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "form-data; what a stranger sent"
    with warnings.catch_warnings():
        configure("info", "text")
        assert multipart.parse_content_disposition(odd) == (None, {})
    assert odd not in str(vars(multipart).get("__warningregistry__"))
    assert not capsys.readouterr().err

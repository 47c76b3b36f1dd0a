"""What the site says about itself while it runs: in lines for people, or in JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from typing import Any

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

LINE = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
# These tell in detail, at INFO, what only their own developers need.
QUIET = ("asyncio", "peewee_migrate", "peewee_async", "psycopg.pool")
# These warn of every odd header and cookie, so anybody could fill the log.
ODD = ("aiohttp.websocket", "aiohttp_session")
SILENT = ("aiochat.migrate.details",)
SERVER = "aiohttp.server"
SECRETS = ("setup", "join", "reset", "hooks")


def is_of_the_house(record: logging.LogRecord) -> bool:
    """False where aiohttp tells, with a traceback, of bytes that are no request: anybody can send them."""
    fault = record.exc_info[1] if record.exc_info else None
    return not isinstance(fault, HttpProcessingError | RequestPayloadError)


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told: dict[str, Any] = {
            "at": f"{at}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class AccessLog(AbstractAccessLogger):
    """A line for each request, at DEBUG, for a proxy in front keeps the real book; none for sockets."""

    @property
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.DEBUG)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, duration: float) -> None:
        if isinstance(response, web.WebSocketResponse):
            return
        first, _, rest = request.path.lstrip("/").partition("/")
        # As it was sent: decoded, it could begin a line of its own.
        path = f"/{first}/…" if first in SECRETS and rest else request.rel_url.raw_path
        self.logger.debug("%s %s %s %.0f ms", request.method, path, response.status, duration * 1000)


def configure(level: str, form: str) -> None:
    """Log to the standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(LINE))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    for name in ODD:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.ERROR)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.CRITICAL)
    if level != "debug":
        logging.getLogger(SERVER).addFilter(is_of_the_house)
    # Each is remembered for ever by what it says, so anybody could fill the memory, too.
    for odd in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.simplefilter("ignore", odd)

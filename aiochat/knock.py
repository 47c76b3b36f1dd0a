"""The doctor's way in: as a browser comes, through whatever proxy stands before the site."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWSTimeout,
    WSMsgType,
    WSServerHandshakeError,
)

from aiochat.doctor import ANSWER_WITHIN, MOST_DRIFT, Finding, first_line, ill, risky, well


async def knock(url: str) -> list[Finding]:
    """Come as a browser does, through whatever proxy stands there: a page, then a WebSocket."""
    address = f"{url.rstrip('/')}/healthz"
    found: list[Finding] = []
    async with ClientSession(timeout=ClientTimeout(total=ANSWER_WITHIN)) as session:
        try:
            async with session.get(address) as answer:
                if answer.status != HTTPStatus.OK:
                    return [
                        ill(
                            f"{address} answers {answer.status}.",
                            "See that `aiochat serve` runs, and its log.",
                        )
                    ]
                drift = _drift(answer.headers.get("Date"))
                found.append(well(f"{url} answers."))
                if abs(drift) > 2 * MOST_DRIFT:
                    found.append(
                        risky(f"The clock of {url} is {drift:.0f} s off.", "Run a time service there.")
                    )
            brief = ClientWSTimeout(ws_receive=ANSWER_WITHIN, ws_close=1.0)
            async with session.ws_connect(address, timeout=brief) as socket:
                try:
                    said = await socket.receive()
                except TimeoutError:
                    return [*found, _not_upgraded(url, "opened, and then nothing came")]
                if said.type is WSMsgType.TEXT:
                    return [*found, well(f"WebSockets reach aiochat through {url}.")]
                return [*found, _not_upgraded(url, f"closed with {socket.close_code}")]
        except WSServerHandshakeError as error:
            return [*found, _not_upgraded(url, f"answered {error.status}")]
        except (ClientError, TimeoutError, OSError) as error:
            return [
                *found,
                ill(
                    f"{url} cannot be reached: {first_line(error)}.",
                    "See that the proxy and `aiochat serve` run.",
                ),
            ]


def _not_upgraded(url: str, why: str) -> Finding:
    return ill(
        f"WebSockets do not reach aiochat through {url}: {why}.",
        "The proxy must pass Upgrade and Connection, and speak HTTP/1.1: see nginx/aiochat.conf.",
    )


def _drift(date: str | None) -> float:
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return 0.0
    return (told.astimezone(UTC) - datetime.now(UTC)).total_seconds()

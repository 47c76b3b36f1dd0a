"""What is written for authors of clients at /chat and /echo is what happens there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from tests.chat.sockets.old_nicks import Street

PAPERS = Path(__file__).resolve().parents[3] / "docs" / "protocols"


def blocks(paper: str, language: str) -> list[str]:
    """The code of one language in a page."""
    text = (PAPERS / paper).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def lines(paper: str) -> list[tuple[str, str]]:
    """The conversation in a page: who speaks, and what."""
    (talk,) = blocks(paper, "text")
    return [(line[0], line[2:]) for line in talk.splitlines()]


async def test_the_conversation_in_the_page_is_had(street: Street) -> None:
    guest = await street.arrives()
    name = ""
    for who, frame in lines("nicks.md"):
        if who == ">":
            await guest.sends(frame)
            continue
        told = await guest.reads()
        name = name or told.user
        assert json.dumps(told).replace(name, "User59864") == json.dumps(json.loads(frame))
    assert await guest.settles() == []


async def test_the_echo_in_the_page_is_heard(street: Street) -> None:
    cave = await street.arrives(path="/echo")
    for who, frame in lines("echo.md"):
        if who == ">":
            await cave.sends(frame)
        else:
            assert await cave.socket.receive_str() == frame


async def test_the_client_in_the_page_answers_sums_and_leaves_in_order(street: Street) -> None:
    asking = await street.comes("MathStudent", "math")
    (code,) = blocks("nicks.md", "python")
    site = str((await street.client()).make_url("")).rstrip("/")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env={**os.environ, "SITE": site, "ANSWERS": "2"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    await asking.hears("nick_changed", to_user="Solver")
    for question, result in (("1 + 1", 2), ("nothing to reckon", None), ("12 * 12", 144)):
        await asking.asks("chat_message", message=question)
        if result is not None:
            heard = await asking.hears("chat_message", user="Solver")
            assert heard.message == f"@MathStudent: {result}"
    assert (await asking.hears("left", user="Solver")).shame is False
    assert process.stdout is not None
    assert (await process.stdout.read()).decode().strip() == "here: MathStudent, Solver"
    assert await process.wait() == 0

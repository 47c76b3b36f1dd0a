"""The papers say what the code does: each page is held against what it describes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from aiohttp import web

from accounts.actions import register
from accounts.tokens import create_token
from aiochat.assets import Assets
from aiochat.client import Room, Site
from aiochat.client.events import KINDS, Left, Message
from aiochat.routes import add_routes
from aiochat.settings import STATIC, Settings
from chat.actions import rooms
from chat.commands import COMMANDS
from chat.commands.paper import page
from chat.connection import CloseCode
from chat.events import Event, News
from chat.keys import NODE
from chat.sockets import frames as native
from chat.sockets.rooms import WEIGHTS
from chat.sockets.rooms_frames import OLD_ACTIONS, OldError
from helpers.errors import AppError
from tests.conftest import Client

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAPERS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
SAID_BY_HAND = {"hello", "ack", "notice", "error", "resumed", "skip", "pong"}


def read(name: str) -> str:
    """A page of the papers."""
    return (DOCS / name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code of one language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def examples() -> Iterator[dict[str, Any]]:
    """Every frame that stands as an example in the page about the protocol."""
    for block in blocks(read("protocol.md"), "json"):
        rest = block.strip()
        while rest:
            value, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:].lstrip()
            if "type" in value:
                yield value


def tag(struct: Any) -> str:
    """The word for it on the wire."""
    return str(struct.__struct_config__.tag)


def kinds_of(union: Any) -> set[str]:
    """The words for all of a union."""
    return {tag(struct) for struct in get_args(union)}


def refusals(kind: type[AppError] = AppError) -> Iterator[type[AppError]]:
    """Every refusal there is."""
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


def anchors(text: str) -> set[str]:
    """What a link may point to in a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_every_link_leads_somewhere(paper: Path) -> None:
    for found in LINK.findall(
        re.sub(r"^```.*?^```", "", paper.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    ):
        target = "".join(found)
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (paper.parent / path).resolve() if path else paper
        assert there.exists(), f"{paper.name} links to {target}"
        if anchor:
            assert anchor in anchors(there.read_text("utf-8")), f"{paper.name} links to {target}"


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_every_make_target_that_is_named_exists(paper: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    code = "\n".join(
        [*blocks(paper.read_text("utf-8"), "sh"), *re.findall(r"`([^`\n]+)`", paper.read_text("utf-8"))]
    )
    named = set(re.findall(r"^make (\w+)", code, re.MULTILINE))
    assert named <= targets


def test_the_pictures_are_light() -> None:
    for picture in DOCS.glob("*.png"):
        assert picture.stat().st_size < 200_000, picture.name


def test_every_setting_is_described_as_it_is() -> None:
    text = read("configuration.md")
    for name, value, doc in Settings().described():
        unset = value.strip("()") if value.startswith("(") else f"`{value}`"
        assert f"| `{name}` | {unset} | {doc} |" in text
    assert set(re.findall(r"AIOCHAT_[A-Z_]+", text)) <= {name for name, _, _ in Settings().described()}


def test_the_page_about_commands_is_what_the_declarations_say() -> None:
    assert read("commands.md") == page(COMMANDS), "run: python -m chat.commands > docs/commands.md"


def test_every_event_is_in_the_protocol() -> None:
    text = read("protocol.md")
    assert kinds_of(Event) | kinds_of(News) | SAID_BY_HAND <= {frame["type"] for frame in examples()} | {
        "pong"
    }
    for kind in kinds_of(Event) | kinds_of(News) | SAID_BY_HAND:
        assert f"`{kind}`" in text or f'"{kind}"' in text


def test_the_library_has_a_word_for_every_event() -> None:
    """Whoever adds a field or an event of the server's adds it there: aiochat/client/events.py."""
    for kind in (*get_args(Event), *get_args(News)):
        known = {field.name for field in msgspec.structs.fields(KINDS[tag(kind)])}
        assert {field.name for field in msgspec.structs.fields(kind)} - {"nonce"} <= known, tag(kind)


def test_everything_a_client_may_send_is_in_the_protocol() -> None:
    assert kinds_of(native.Asked) <= {frame["type"] for frame in examples()}


def test_every_example_is_a_frame_that_can_be_read() -> None:
    told = {tag(kind): msgspec.json.Decoder(kind) for kind in (*get_args(Event), *get_args(News))}
    asked = kinds_of(native.Asked)
    for frame in examples():
        kind, written = frame["type"], json.dumps(frame)
        if kind in told and (kind not in asked or kind == "read"):
            assert json.loads(msgspec.json.encode(told[kind].decode(written))) == frame
        elif kind in asked and not (kind == "typing" and "user" in frame):
            native.ASKED.decode(written)
        else:
            assert kind in SAID_BY_HAND | {"typing"}


def test_every_close_code_is_in_the_protocol() -> None:
    text = read("protocol.md")
    for code in CloseCode:
        row = re.search(rf"^\| {code.value} \| `{code.name}` \| .+ \| (yes|no) \|$", text, re.MULTILINE)
        assert row is not None, code
        assert (row[1] == "no") == (code.value in {1000, 1003, 1007} or code.value >= 4500)


def test_every_refusal_is_in_the_protocol_under_its_status() -> None:
    table = read("protocol.md").partition("## Refusals")[2]
    for refusal in refusals():
        if not refusal.__module__.startswith(("aiochat.", "accounts.", "chat.", "helpers.")):
            continue
        row = re.search(rf"^\| {refusal.status} \| (.+) \|$", table, re.MULTILINE)
        assert row is not None, refusal
        assert f"`{refusal.code}`" in row[1], refusal


def test_the_map_names_only_what_is_there() -> None:
    text = read("architecture.md")
    for name in re.findall(r"`((?:[a-z]\w*/)+[\w.]*)`", text):
        assert (ROOT / name).exists(), name


def capabilities() -> list[tuple[int, str]]:
    """The rows of the table of capabilities: number, and where it lives."""
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", read("protocols/README.md"), re.MULTILINE)
    return [(int(number), where) for number, where in rows]


def test_every_capability_of_the_ancestors_has_a_place() -> None:
    assert [number for number, _ in capabilities()] == list(range(1, 66))
    served = {
        route.resource.canonical.replace("{", "<").replace("}", ">")
        for route in _routes()
        if route.resource is not None
    }
    for number, where in capabilities():
        for name in re.findall(r"`((?:[\w.@-]+/)+[\w.@-]*)`", where):
            assert (ROOT / name).exists(), f"{number}: {name}"
        for address in re.findall(r"`(?:GET |POST )?(/[\w/<>-]+)(?:\?[^`]*)?`", where):
            words = address.lstrip("/")
            assert address in served or (words in COMMANDS and "/" not in words), f"{number}: {address}"


def _routes() -> Iterator[web.AbstractRoute]:
    app = web.Application()
    add_routes(app, Assets(STATIC))
    yield from app.router.routes()


def test_every_protocol_is_on_the_page_of_protocols_with_its_own() -> None:
    text = read("protocols/README.md")
    for paper in (DOCS / "protocols").glob("*.md"):
        assert paper.name == "README.md" or f"({paper.name})" in text, paper.name


def test_every_refusal_of_the_first_system_is_on_its_page_word_by_word() -> None:
    text = read("protocols/rooms.md")
    for refusal in refusals(OldError):
        assert f"| `{refusal.message.replace('{given}', '7')}` |" in text, refusal


@pytest.mark.parametrize("name", ["rooms.md", "plain.md"])
def test_every_example_of_a_protocol_is_a_frame(name: str) -> None:
    frames = [
        json.loads(line) for block in blocks(read(f"protocols/{name}"), "json") for line in block.splitlines()
    ]
    assert len(frames) > 3
    for frame in frames:
        assert {"uuid", "action"} <= set(frame) or "id" in frame or "text" in frame or "cmd" in frame


def test_every_action_and_weight_of_the_multi_room_protocol_is_on_its_page() -> None:
    text = read("protocols/rooms.md")
    for action in {*WEIGHTS, *OLD_ACTIONS, "read", "ack", "notice", "event", "room_added"}:
        assert f'"action": "{action}"' in text, action
    for action, weight in WEIGHTS.items():
        assert f"`{action}` as {weight}" in text, action


@pytest.mark.parametrize(
    ("page", "words"),
    [("protocols/rooms.md", "Hello to all rooms"), ("protocols/plain.md", "typed")],
)
async def test_the_clients_on_the_pages_talk(
    client: Client, app: web.Application, page: str, words: str
) -> None:
    node = app[NODE]
    robo = await register(node.manager, "robo", None, is_bot=True)
    await rooms.create(node, robo.id, "lobby")
    token = await create_token(node.manager, robo.id)
    (code,) = blocks(read(page), "python")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env={**os.environ, "SITE": str(client.make_url("")).rstrip("/"), "TOKEN": token},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    heard: list[str] = []

    async def hears(ending: str) -> None:
        assert process.stdout is not None
        while not (heard and heard[-1].endswith(ending)):
            line = await process.stdout.readline()
            assert line, heard
            heard.append(line.decode().strip())

    async def says(text: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        said = await client.post("/api/rooms/lobby/messages", json={"text": text}, headers=headers)
        assert said.status == 201

    try:
        process.stdin.write(b"typed\n")
        await hears(words)
        if page == "protocols/rooms.md":
            for connection in node.hub.audience.all():
                connection.close(CloseCode.RESTART, "The server restarts.")
            await says("While you were away")
            await hears("While you were away")
        await says("And now")
        await hears("And now")
        process.stdin.close()
        if page == "protocols/plain.md":
            await hears("closed: 1000")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    assert len(heard) == len(set(heard))


async def test_the_client_in_the_page_says_its_words_and_misses_nothing(
    client: Client, app: web.Application
) -> None:
    node = app[NODE]
    robo = await register(node.manager, "robo", None, is_bot=True)
    await rooms.create(node, robo.id, "lobby")
    token = await create_token(node.manager, robo.id)
    (code,) = blocks(read("protocol.md"), "python")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env={**os.environ, "SITE": str(client.make_url("")).rstrip("/"), "TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    heard: list[str] = []

    async def hears(words: str) -> None:
        assert process.stdout is not None
        while not (heard and heard[-1].endswith(words)):
            line = await process.stdout.readline()
            assert line, heard
            heard.append(line.decode().strip())

    async def says(words: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        said = await client.post("/api/rooms/lobby/messages", json={"text": words}, headers=headers)
        assert said.status == 201

    try:
        await hears("Hello from a program")
        for connection in node.hub.audience.all():
            connection.close(CloseCode.RESTART, "The server restarts.")
        await says("While you were away")
        await hears("While you were away")
        await says("And now")
        await hears("And now")
    finally:
        process.kill()
        await process.wait()
    words = [line.partition(" message ")[2] for line in heard if " message " in line]
    assert words == ["Hello from a program", "While you were away", "And now"]
    numbers = [int(line.split()[0]) for line in heard]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_the_program_in_the_page_about_clients_greets_who_comes(
    client: Client, app: web.Application
) -> None:
    node = app[NODE]
    robo = await register(node.manager, "robo", None, is_bot=True)
    ann = await register(node.manager, "ann", None, is_bot=True)
    zoe = await register(node.manager, "zoe", None, is_bot=True)
    await rooms.create(node, robo.id, "lobby")
    site = str(client.make_url("")).rstrip("/")
    (code,) = blocks(read("clients.md"), "python")
    environ = {"CHAT_SITE": site, "CHAT_TOKEN": await create_token(node.manager, robo.id)}

    async def hears(room: Room, words: str) -> None:
        async with asyncio.timeout(30):
            async for event in room:
                if isinstance(event, Message) and event.text == words:
                    return

    async def hears_that_ann_went(room: Room) -> None:
        async with asyncio.timeout(30):
            async for event in room:
                if isinstance(event, Left) and event.user.id == ann.id:
                    return

    async with (
        Site(site, await create_token(node.manager, zoe.id)) as of_zoe,
        of_zoe.room("lobby") as beside,
        Site(site, await create_token(node.manager, ann.id)) as of_ann,
    ):
        async with of_ann.room("lobby") as room:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, env={**os.environ, **environ}
            )
            await hears(room, "Hello from a program")
        try:
            # Who is back before they were gone does not come in.
            await hears_that_ann_went(beside)
            async with of_ann.room("lobby") as room:
                await hears(room, "Welcome, ann")
        finally:
            process.kill()
            await process.wait()

"""The command `aiochat-client`: a room in a terminal, or a line into it from a script."""

from __future__ import annotations

import asyncio
import getpass
import io
import logging
import os
import sys
from pathlib import Path

import click

from aiochat.client import ClientError, Refused, Room, Site
from aiochat.console.lines import plain

LATE = 3.0
NEEDS = "This needs prompt_toolkit: pip install 'aiochat[terminal]'."


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("room")
@click.option(
    "--site", default=None, help="The chat's address (CHAT_SITE); http://localhost:8080 if nothing is said."
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="A file with an API token. Without one: CHAT_TOKEN, or it is asked for.",
)
@click.option(
    "--log", "log_file", type=click.Path(path_type=Path), help="Write down what the line does, for a fault."
)
def main(room: str, site: str | None, token_file: Path | None, log_file: Path | None) -> None:
    """Be in ROOM. Where the standard input is no terminal, each of its lines is said, and that is all."""
    address = site or os.environ.get("CHAT_SITE") or "http://localhost:8080"
    if log_file is not None:
        logging.basicConfig(
            filename=log_file, level=logging.DEBUG, format="%(asctime)s %(name)s: %(message)s"
        )
    try:
        went_well = asyncio.run(_be_there(address, _token(token_file), room.removeprefix("#")))
    except (ClientError, ValueError, OSError) as error:
        click.echo(f"aiochat-client: {plain(str(error))}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if went_well else 1)


def _token(file: Path | None) -> str:
    if file is not None:
        return file.read_text("utf-8").strip()
    if given := os.environ.get("CHAT_TOKEN", "").strip():
        return given
    return getpass.getpass("API token: ").strip() if sys.stdin.isatty() else ""


async def _be_there(address: str, token: str, slug: str) -> bool:
    """False where a line was refused."""
    async with Site(address, token) as site:
        if not sys.stdin.isatty():
            return await _say_all(site, slug)
        try:
            # Scripts do without what draws the line.
            from aiochat.console.screen import AbovePrompt, Screen
        except ImportError as error:
            raise ValueError(NEEDS) from error
        if not logging.root.handlers:
            logging.basicConfig(level=logging.WARNING, handlers=[AbovePrompt()])
        room = site.room(slug)
        click.echo(f"Opening #{slug} at {address} …", err=True)
        late = _told_when_late(site)
        async with room:
            late.cancel()
            await Screen(site, room).run()
        return True


def _told_when_late(site: Site) -> asyncio.TimerHandle:
    """Whoever waits for a site that is not there is told so, for the address may be the wrong one."""
    words = f"{site.url} does not answer yet. Trying again; Ctrl+C ends it."
    return asyncio.get_running_loop().call_later(LATE, lambda: click.echo(words, err=True))


async def _say_all(site: Site, slug: str) -> bool:
    if isinstance(sys.stdin, io.TextIOWrapper):
        # What a program writes may be anything; most of it is text.
        sys.stdin.reconfigure(errors="replace")
    went_well = True
    late = _told_when_late(site)
    async with site.room(slug) as room:
        late.cancel()
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                await _say(room, line.rstrip("\r\n"))
            except Refused as refused:
                # The lines after it are no worse for it.
                click.echo(f"aiochat-client: {plain(str(refused))}", err=True)
                went_well = False
    return went_well


async def _say(room: Room, line: str) -> None:
    if line.strip():
        ack = await room.say(line)
        if ack.text:
            click.echo(plain(ack.text))

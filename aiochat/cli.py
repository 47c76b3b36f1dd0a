"""The command `aiochat`: serve the site, and look after it from a terminal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from aiochat import __version__, backup, children, doctor, listening, restore, welcome, workers
from aiochat.backup_file import STANDARD
from aiochat.housekeeping import room, user
from aiochat.knock import knock
from aiochat.start import started
from aiochat.terminal import Plain, read_settings, say
from aiochat.trouble import Trouble


@click.group(cls=Plain, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """A chat server whose rooms remember everything in order."""


main.add_command(user)
main.add_command(room)


@main.command()
@click.option("--host", help="The address to listen on (AIOCHAT_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (AIOCHAT_PORT).")
@click.option("--workers", "count", type=click.IntRange(1, 64), help="How many processes (AIOCHAT_WORKERS).")
@click.option("--with-parent", is_flag=True, hidden=True)
def serve(host: str | None, port: int | None, count: int | None, with_parent: bool) -> None:
    """Serve the site until Ctrl+C."""
    signal.signal(signal.SIGTERM, _stop)
    if with_parent:
        children.end_with_parent()
    read = read_settings()
    wished = replace(
        read,
        host=read.host if host is None else host,
        port=read.port if port is None else port,
        workers=read.workers if count is None else count,
    )
    take = listening.take if wished.workers == 1 else listening.take_shared
    with take(wished.host, wished.port) as listener, started(wished, say) as settings:
        settings = replace(settings, port=listener.getsockname()[1])

        def ready() -> None:
            token = welcome.setup_token(settings)
            path = f"/setup/{token}" if token is not None else "/"
            click.echo(f"aiochat is ready: {welcome.address(settings)}{path}")

        if settings.workers == 1:
            workers.serve(settings, listener, ready)
        else:
            workers.Workers(settings).serve(ready)


@main.command(hidden=True)
@click.argument("ready_fd", type=int)
def worker(ready_fd: int) -> None:
    """Be one of several processes, all of them started and looked after by `serve`."""
    settings = read_settings()

    def ready() -> None:
        with os.fdopen(ready_fd, "wb") as pipe:
            pipe.write(b"1")

    with listening.join_shared(settings.host, settings.port) as listener:
        workers.serve(settings, listener, ready)


@main.command()
def migrate() -> None:
    """Bring the tables up to date; `serve` does so by itself."""
    with started(read_settings(), say):
        click.echo("The tables are up to date.")


@main.command("settings")
def show_settings() -> None:
    """List every setting: its variable, its present value, what it means."""
    for name, value, doc in read_settings().described():
        click.echo(f"{name} = {value}\n    {doc}")


@main.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def back_up(file: Path) -> None:
    """Write the whole site into one file, while it is in use; - is the standard output."""
    with _ending_in_order(), started(read_settings(), say, migrating=False) as settings:
        assert settings.database_url is not None
        counts = backup.write(settings.database_url, file)
        click.echo(
            f"{file} holds {counts['rooms']} rooms with {counts['messages']:,} entries.",
            err=file == STANDARD,
        )


@main.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", "over", is_flag=True, help="Overwrite the people and rooms that are here.")
def put_back(file: Path, over: bool) -> None:
    """Put a backup in the place of what is here, under a new epoch; who is connected reads their rooms anew.

    As FILE, - is the standard input.
    """
    with _ending_in_order(), started(read_settings(), say, migrating=False) as settings:
        # What becomes of a file that is no backup is told in our own words.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
        assert settings.database_url is not None
        assert settings.redis_url is not None
        counts = restore.put_back(settings.database_url, file, replace=over)
        restore.forget_heads(settings.redis_url)
        click.echo(f"{counts['rooms']} rooms with {counts['messages']:,} entries are back.")


@main.command("new-epoch")
def new_epoch() -> None:
    """After PostgreSQL was restored by other means: who is connected reads their rooms anew."""
    with started(read_settings(), say) as settings:
        assert settings.database_url is not None
        assert settings.redis_url is not None
        restore.begin_epoch(settings.database_url)
        restore.forget_heads(settings.redis_url)
        click.echo("A new epoch has begun.")


@main.command("doctor")
def examine() -> None:
    """Look at all that the site stands on; each finding says what to do. Ends with 1 if something is bad."""
    settings = read_settings()
    try:
        with started(settings, say, migrating=False) if settings.embeds else nullcontext(settings) as ready:
            findings = list(doctor.examine(ready))
    except Trouble as trouble:
        advice = "Mend that first: the rest cannot be looked at without it."
        findings = [doctor.ill(str(trouble), advice), *doctor.disk(settings)]
    findings += asyncio.run(knock(settings.public_url or f"http://127.0.0.1:{settings.port}"))
    for finding in findings:
        click.echo(str(finding))
    sys.exit(doctor.exit_code(findings))


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Whoever ends us here ends us as Ctrl+C does: nothing half done stays behind.

    What we were told to ignore, as by nohup, stays ignored.
    """
    heard = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _break_off) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _break_off(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _stop(*_: object) -> NoReturn:
    sys.exit(0)

"""The command `aiochat`: serve the site, and look after it from a terminal."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from typing import NoReturn

import click

from aiochat import __version__, children, listening, welcome, workers
from aiochat.housekeeping import room, user
from aiochat.start import started
from aiochat.terminal import Plain, read_settings, say


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


def _stop(*_: object) -> NoReturn:
    sys.exit(0)

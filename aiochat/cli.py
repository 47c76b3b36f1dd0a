"""The command `aiochat`: serve the site, and look after it from a terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import click
from redis.asyncio import Redis

from accounts import actions, tokens
from accounts.errors import NoSuchUser
from accounts.models import User
from aiochat import __version__, children, listening, logs, welcome, workers
from aiochat.contexts import connect_redis
from aiochat.migrate import migrate as run_migrations
from aiochat.settings import Settings
from aiochat.start import started
from aiochat.trouble import Trouble
from helpers.bus import Bus, RedisBus
from helpers.database import Manager
from helpers.errors import AppError


class _Plain(click.Group):
    """A group whose troubles are one line each, and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Trouble, AppError) as trouble:
            _say(f"aiochat: {trouble}")
            ctx.exit(1)


@click.group(cls=_Plain, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """A chat server whose rooms remember everything in order."""


@main.command()
@click.option("--host", help="The address to listen on (AIOCHAT_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (AIOCHAT_PORT).")
@click.option(
    "--workers", "count", type=click.IntRange(1, 64), help="How many processes serve (AIOCHAT_WORKERS)."
)
@click.option(
    "--with-parent", is_flag=True, hidden=True, help="Stop when the process that started this ends."
)
def serve(host: str | None, port: int | None, count: int | None, with_parent: bool) -> None:
    """Serve the site until Ctrl+C."""
    signal.signal(signal.SIGTERM, _stop)
    if with_parent:
        children.end_with_parent()
    read = _settings()
    settings = replace(
        read,
        host=read.host if host is None else host,
        port=read.port if port is None else port,
        workers=read.workers if count is None else count,
    )
    take = listening.take if settings.workers == 1 else listening.take_shared
    with take(settings.host, settings.port) as listener, started(settings, _say) as settings:
        port = listener.getsockname()[1]

        def ready() -> None:
            token = welcome.setup_token(settings)
            path = f"/setup/{token}" if token is not None else "/"
            click.echo(f"aiochat is ready: {welcome.address(settings, port)}{path}")

        if settings.workers == 1:
            workers.serve(settings, listener, ready)
        else:
            workers.Workers(settings, settings.host, port).serve(ready)


@main.command(hidden=True)
@click.argument("host")
@click.argument("port", type=int)
@click.argument("ready_fd", type=int)
def worker(host: str, port: int, ready_fd: int) -> None:
    """Be one of several processes, all of them started and looked after by `serve`."""
    settings = _settings()

    def ready() -> None:
        with os.fdopen(ready_fd, "wb") as pipe:
            pipe.write(b"1")

    with listening.join_shared(host, port) as listener:
        workers.serve(settings, listener, ready)


@main.command()
def migrate() -> None:
    """Bring the tables up to date; `serve` does so by itself."""
    with started(_settings(), _say) as settings:
        assert settings.database_url is not None
        run_migrations(settings.database_url)
    click.echo("The tables are up to date.")


@main.command("settings")
def show_settings() -> None:
    """List every setting: its variable, its present value, what it means."""
    for name, value, doc in _settings().described():
        click.echo(f"{name} = {value}\n    {doc}")


@main.group(cls=_Plain)
def user() -> None:
    """The accounts of the site."""


@user.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything, in every room.")
@click.option("--bot", is_flag=True, help="A program: it has no password, and signs in by a token.")
def user_add(name: str, admin: bool, bot: bool) -> None:
    """Make an account; the password is asked for, or read from the standard input."""
    password = None if bot else _password()

    async def add(site: _Site) -> None:
        made = await actions.register(site.manager, name, password, is_admin=admin, is_bot=bot)
        click.echo(f"{made.name} has an account.")

    _with_site(add)


@user.command("list")
def user_list() -> None:
    """List the accounts by name."""

    async def show(site: _Site) -> None:
        for each in await actions.list_users(site.manager):
            marks = [word for word, is_so in (("admin", each.is_admin), ("bot", each.is_bot)) if is_so]
            click.echo("  ".join([each.name, *marks]))

    _with_site(show)


@user.command("promote")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Make them an ordinary member again.")
def user_promote(name: str, undo: bool) -> None:
    """Make somebody an admin of the site."""

    async def promote(site: _Site) -> None:
        found = await site.user(name)
        await actions.promote(site.manager, found.id, is_admin=not undo)
        click.echo(f"{found.name} is {'no longer ' if undo else ''}an admin of the site.")

    _with_site(promote)


@user.command("password")
@click.argument("name")
def user_password(name: str) -> None:
    """Give an account a new password, and end all its sessions."""
    password = _password()

    async def change(site: _Site) -> None:
        found = await actions.set_password(site.manager, site.bus, await site.user(name), password)
        click.echo(f"{found.name} has a new password and is signed out everywhere.")

    _with_site(change)


@user.command("token")
@click.argument("name")
@click.option("--label", default="", help="What it is for.")
def user_token(name: str, label: str) -> None:
    """Make an API token. It is shown once: only its hash is kept."""

    async def make(site: _Site) -> None:
        click.echo(await tokens.create_token(site.manager, (await site.user(name)).id, label))

    _with_site(make)


@dataclass(frozen=True)
class _Site:
    """What a command needs of a running site."""

    settings: Settings
    manager: Manager
    redis: Redis
    bus: Bus

    async def user(self, name: str) -> User:
        """The account of this name. Raises `NoSuchUser`."""
        found = await actions.find_user(self.manager, name)
        if found is None:
            raise NoSuchUser(name=name)
        return found


def _with_site(work: Callable[[_Site], Awaitable[None]]) -> None:
    async def run(settings: Settings) -> None:
        assert settings.database_url is not None
        assert settings.redis_url is not None
        async with (
            Manager(settings.database_url, min_size=1) as manager,
            connect_redis(settings.redis_url) as redis,
        ):
            bus = RedisBus(redis)
            await bus.open()
            try:
                await work(_Site(settings, manager, redis, bus))
            finally:
                await bus.close()

    with started(_settings(), _say) as settings:
        asyncio.run(run(settings))


def _settings() -> Settings:
    settings = Settings.read()
    logs.configure(settings.log_level, settings.log_format)
    return settings


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt="Again"))
    return sys.stdin.readline().rstrip("\n")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _stop(*_: object) -> NoReturn:
    sys.exit(0)

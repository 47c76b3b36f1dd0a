"""The accounts and rooms of the site, from a terminal, whether it is running or not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import click

from accounts import actions as accounts
from accounts import tokens
from accounts.errors import NoSuchUser
from accounts.models import User
from aiochat.contexts import connect_redis
from aiochat.settings import Settings
from aiochat.start import started
from aiochat.terminal import Plain, read_settings, say
from chat.actions import rooms
from chat.bin import put_back
from chat.models import MODELS
from chat.node import Limits, Node
from helpers.bus import RedisBus
from helpers.database import Manager

Work = Callable[[Node], Awaitable[None]]


@click.group(cls=Plain)
def user() -> None:
    """The accounts of the site."""


@user.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything, in every room.")
@click.option("--bot", is_flag=True, help="A program: it has no password, and signs in by a token.")
def user_add(name: str, admin: bool, bot: bool) -> None:
    """Make an account; its password is asked for, or read from the standard input."""
    password = None if bot else _password()

    async def add(node: Node) -> None:
        made = await accounts.register(node.manager, name, password, is_admin=admin, is_bot=bot)
        click.echo(f"{made.name} has an account.")

    _at_the_site(add)


@user.command("list")
def user_list() -> None:
    """List the accounts by name, with the addresses they gave."""

    async def show(node: Node) -> None:
        for each in await accounts.list_users(node.manager):
            marks = [word for word, is_so in (("admin", each.is_admin), ("bot", each.is_bot)) if is_so]
            click.echo("  ".join([each.name, *marks, *([each.email] if each.email else [])]))

    _at_the_site(show)


@user.command("promote")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Make them an ordinary member again.")
def user_promote(name: str, undo: bool) -> None:
    """Make somebody an admin of the site."""

    async def promote(node: Node) -> None:
        found = await _user(node, name)
        await accounts.promote(node.manager, found.id, is_admin=not undo)
        click.echo(f"{found.name} is {'no longer ' if undo else ''}an admin of the site.")

    _at_the_site(promote)


@user.command("password")
@click.argument("name")
def user_password(name: str) -> None:
    """Give an account a new password, and end all its sessions."""
    password = _password()

    async def change(node: Node) -> None:
        found = await accounts.set_password(node.manager, node.bus, await _user(node, name), password)
        click.echo(f"{found.name} has a new password and is signed out everywhere.")

    _at_the_site(change)


@user.command("token")
@click.argument("name")
@click.option("--label", default="", help="What it is for.")
def user_token(name: str, label: str) -> None:
    """Make an API token. It is shown once, for only its hash is kept."""

    async def make(node: Node) -> None:
        click.echo(await tokens.create_token(node.manager, (await _user(node, name)).id, label))

    _at_the_site(make)


@click.group(cls=Plain)
def room() -> None:
    """The rooms of the site."""


@room.command("add")
@click.argument("slug")
@click.option("--title", default="", help="How the room is called; its address, if nothing is said.")
@click.option("--topic", default="", help="What it is about.")
@click.option("--owner", help="Who owns it. Without one, only admins moderate it.")
@click.option("--private", is_flag=True, help="Not listed, and open to those invited only.")
@click.option(
    "--guests", is_flag=True, help="Open to people without an account too, where the site lets them in."
)
def room_add(slug: str, title: str, topic: str, owner: str | None, private: bool, guests: bool) -> None:
    """Make a room; its address is /rooms/SLUG."""

    async def add(node: Node) -> None:
        owner_id = accounts.SYSTEM_ID if owner is None else (await _user(node, owner)).id
        made = await rooms.create(node, owner_id, slug, title, topic=topic, private=private, guests=guests)
        click.echo(f"/rooms/{made.slug} is there.")

    _at_the_site(add)


@room.command("list")
def room_list() -> None:
    """List the rooms by address, private ones included."""

    async def show(node: Node) -> None:
        for slug, title, private in await node.manager.rows(
            "SELECT slug, title, coalesce((switches->>'private')::boolean, false) FROM rooms"
            " WHERE kind = 'room' ORDER BY slug"
        ):
            marks = ["private"] if private else []
            click.echo("  ".join([slug, *([title] if title != slug else []), *marks]))

    _at_the_site(show)


@room.command("restore")
@click.argument("slug")
def room_restore(slug: str) -> None:
    """Take a deleted room out of the bin, where it lies for a week: its words, its members and their ranks."""

    async def restore(node: Node) -> None:
        await put_back(node.manager, slug.removeprefix("#"))
        click.echo(f"/rooms/{slug.removeprefix('#')} is there again.")

    _at_the_site(restore)


def _at_the_site(work: Work) -> None:
    with started(read_settings(), say) as settings:
        asyncio.run(_with_node(settings, work))


async def _with_node(settings: Settings, work: Work) -> None:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    async with AsyncExitStack() as stack:
        manager = await stack.enter_async_context(Manager(settings.database_url, min_size=1))
        redis = await stack.enter_async_context(connect_redis(settings.redis_url))
        bus = RedisBus(redis)
        await bus.open()
        stack.push_async_callback(bus.close)
        manager.bind(MODELS)
        node = Node(manager, bus, redis, Limits(text=settings.text_limit))
        await work(await stack.enter_async_context(node))


async def _user(node: Node, name: str) -> User:
    found = await accounts.find_user(node.manager, name)
    if found is None:
        raise NoSuchUser(name=name)
    return found


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt="Again"))
    return sys.stdin.readline().rstrip("\n")

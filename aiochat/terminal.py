"""What every command in a terminal shares: settings read once, troubles told in one line."""

from __future__ import annotations

from typing import Any

import click

from aiochat import logs
from aiochat.settings import Settings
from aiochat.trouble import Trouble
from helpers.errors import AppError


class Plain(click.Group):
    """A group whose troubles are one line each, and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Trouble, AppError) as trouble:
            say(f"aiochat: {trouble}")
            ctx.exit(1)


def read_settings() -> Settings:
    """The settings, with logging as they say. Raises `WrongSetting`."""
    settings = Settings.read()
    logs.configure(settings.log_level, settings.log_format)
    return settings


def say(text: str) -> None:
    """Tell the person at the terminal, apart from what a program may read."""
    click.echo(text, err=True)

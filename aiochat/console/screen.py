"""One room on a terminal: what happens is printed above the line one types, and never into it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from datetime import datetime

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from aiochat.client import ClientError, Ended, Page, Refused, Room, Site
from aiochat.client.events import Edited, Event, Message, Missed, Recorded
from aiochat.console.completion import Words
from aiochat.console.folding import folded
from aiochat.console.lines import Line, answer, line_of, plain, refusal

PAGE = 30
GOODBYE = 5.0
MOST_NAMES = 12
STYLE = Style.from_dict(
    {
        "margin": "fg:ansibrightblack",
        "soft": "fg:ansibrightblack",
        "event": "fg:ansibrightblack italic",
        "answer": "fg:ansigreen",
        "bad": "fg:ansired",
        "you": "bold",
        "for-you": "bg:ansiyellow fg:ansiblack",
        "ink0": "fg:ansicyan bold",
        "ink1": "fg:ansigreen bold",
        "ink2": "fg:ansiblue bold",
        "ink3": "fg:ansimagenta bold",
        "ink4": "fg:ansiyellow bold",
        "ink5": "fg:ansired bold",
        "bottom-toolbar": "noreverse fg:ansibrightblack",
    }
)


class AbovePrompt(logging.Handler):
    """Warnings of the library as lines like others."""

    def emit(self, record: logging.LogRecord) -> None:
        show(refusal(record.getMessage()))


class Screen:
    """Somebody in a room, with a keyboard."""

    def __init__(self, site: Site, room: Room) -> None:
        self.site = site
        self.room = room
        self._first = 0
        self._head = 0
        # Lines say the hour; what was said on another day than the line above says which.
        self._day = datetime.now().astimezone().date()
        self._saying: set[asyncio.Task[None]] = set()
        self._words = Words(room, [])
        self._session: PromptSession[str] = PromptSession(
            completer=self._words,
            complete_while_typing=True,
            bottom_toolbar=self._foot,
            style=STYLE,
            refresh_interval=1.0,
            # What was typed comes back as a line of the room, or as a refusal.
            erase_when_done=True,
        )

    async def run(self) -> None:
        """Be there until either side leaves. Raises `Ended`, `Refused` where the server ended it."""
        with patch_stdout():
            self._words.commands = await self.site.commands(self.room.slug)
            await self._show_latest()
            listening = asyncio.create_task(self._listen(), name="listening")
            typing = asyncio.create_task(self._type(), name="typing")
            done, pending = await asyncio.wait({listening, typing}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.wait({listening, typing})
            for task in done:
                task.result()

    async def _listen(self) -> None:
        async for event in self.room:
            if isinstance(event, Recorded) and event.seq <= self._head:
                # It stands in the page already.
                continue
            self._show(event)
            if isinstance(event, Missed):
                await self._show_latest()
            if isinstance(event, Message):
                await self.room.mark_read(event.seq)
            self._session.app.invalidate()

    async def _type(self) -> None:
        while True:
            try:
                line = (await self._session.prompt_async(f"{plain(self.room.you.name)}> ")).strip()
            except KeyboardInterrupt:
                # Ctrl+C puts a line away; Ctrl+D on an empty one leaves.
                continue
            except EOFError:
                break
            if line == "/quit":
                break
            if line == "/older":
                await self._show_older()
            elif line:
                self._say(line)
        if self._saying:
            _, unsaid = await asyncio.wait(self._saying, timeout=GOODBYE)
            for task in unsaid:
                task.cancel()
                show(refusal("A line was not sent."))

    def _say(self, line: str) -> None:
        task = asyncio.create_task(self._see_through(line), name="saying")
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _see_through(self, line: str) -> None:
        try:
            ack = await self.room.say(line)
        except Refused as refused:
            show(refusal(f"{refused.message} The line is one key (Up) away."))
        except Ended:
            # Whoever listens tells how it ended.
            return
        else:
            if ack.text:
                show(answer(ack.text))

    async def _show_latest(self) -> None:
        page = await self.site.messages(self.room.slug, limit=PAGE)
        self._head = page.head
        self._show_page(page)

    async def _show_older(self) -> None:
        try:
            page = await self.site.messages(self.room.slug, before=self._first, limit=PAGE)
        except ClientError as error:
            show(refusal(str(error)))
            return
        if not page.entries:
            show(answer("There is nothing before that."))
            return
        show(answer("Before that:"))
        self._show_page(page)
        show(answer("And now again:"))

    def _show_page(self, page: Page) -> None:
        for event in page.entries:
            self._show(event)
        numbers = [event.seq for event in page.entries if isinstance(event, Recorded)]
        self._first = numbers[0] if numbers else self._first

    def _show(self, event: Event) -> None:
        if isinstance(event, Message | Edited) and event.by.id in self.room.ignored:
            return
        line = line_of(event, self.room.you.id)
        if line is None:
            return
        day = event.at.astimezone().date() if isinstance(event, Recorded) else self._day
        if day != self._day:
            self._day = day
            show(answer(f"{day:%A}, {day.day} {day:%B %Y}"))
        show(line)

    def _foot(self) -> FormattedText:
        room, names = self.room, [plain(person.name) for person in self.room.people]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        line = "" if room.online else "no line · "
        waits = f"{room.waiting} waiting · " if room.waiting else ""
        usage = self._words.usage(self._session.default_buffer.text)
        here = usage or f"{len(names)} here: {', '.join(names[:MOST_NAMES])}{more}"
        return FormattedText([("", f" #{plain(room.slug)} · {line}{waits}{here}")])


def show(line: Line) -> None:
    """Print a line above what is being typed."""
    columns = shutil.get_terminal_size().columns
    print_formatted_text(FormattedText(folded(line, columns)), style=STYLE, end="")

"""What can be typed next: commands with their help, and the names of those who are here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from aiochat.client import Room
from aiochat.console.lines import plain

OWN = {
    "older": "Shows what was said before",
    "quit": "Leaves the room; Ctrl+D does, too",
}


class Words(Completer):
    """Completes the line that is being typed. `commands` are those of `Site.commands`, and may change at any time."""

    def __init__(self, room: Room, commands: list[dict[str, Any]]) -> None:
        self.room = room
        self.commands = commands

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        line = document.text_before_cursor
        word = document.get_word_before_cursor(WORD=True)
        if line.startswith("/") and not line.startswith("//") and " " not in line:
            return self._names(line[1:])
        if line.startswith("/"):
            return self._arguments(line, word)
        return self._people(word[1:], "@", len(word)) if word.startswith("@") else ()

    def usage(self, line: str) -> str:
        """How the command in this line is used, once its name stands there; else nothing."""
        name, space, _ = line.removeprefix("/").partition(" ")
        command = self._command(name) if line.startswith("/") and space else None
        return f"{command['usage']} · {command['help']}" if command is not None else ""

    def _names(self, begun: str) -> Iterator[Completion]:
        for command in self.commands:
            names = [
                name for name in (command["name"], *command["aliases"]) if name.startswith(begun.lower())
            ]
            if names:
                shown = command["usage"] if names[0] == command["name"] else f"/{names[0]}"
                yield Completion(f"/{names[0]}", -len(begun) - 1, display=shown, display_meta=command["help"])
        for name, does in OWN.items():
            if name.startswith(begun.lower()):
                yield Completion(f"/{name}", -len(begun) - 1, display_meta=does)

    def _arguments(self, line: str, word: str) -> Iterator[Completion]:
        name, _, rest = line[1:].partition(" ")
        command = self._command(name)
        if command is None:
            return
        place = len(rest.split()) - (0 if rest.endswith(" ") or not rest else 1)
        wanted = (
            command["arguments"][min(place, len(command["arguments"]) - 1)] if command["arguments"] else {}
        )
        if wanted.get("kind") == "member" or word.startswith("@"):
            yield from self._people(word.removeprefix("@"), "@", len(word))
        elif wanted.get("kind") == "command":
            for other in self.commands:
                if other["name"].startswith(word):
                    yield Completion(other["name"], -len(word), display_meta=other["help"])
        for choice in wanted.get("choices", ()):
            if choice.startswith(word):
                yield Completion(choice, -len(word))

    def _people(self, begun: str, sign: str, length: int) -> Iterator[Completion]:
        for person in self.room.people:
            name = plain(person.name)
            if name.casefold().startswith(begun.casefold()):
                yield Completion(f"{sign}{name}", -length, display_meta=person.role)

    def _command(self, name: str) -> dict[str, Any] | None:
        for command in self.commands:
            if name.lower() in (command["name"], *command["aliases"]):
                return command
        return None

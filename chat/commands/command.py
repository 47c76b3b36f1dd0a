"""A slash command as it is declared: the signature is its grammar, the docstring its help."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from chat.commands.arguments import Arguments, Grammar
from chat.commands.converters import MessageNumber, Misfit
from chat.errors import Gone, UnknownCommand, UsageError
from chat.policy import Permission, Role, Switches, least, may
from chat.suggest import near

if TYPE_CHECKING:
    from chat.log import Answer, Request
    from chat.members import Member
    from chat.models import Room
    from chat.node import Node

Handler = Callable[..., Awaitable["Answer | str | None"]]
H = TypeVar("H", bound=Handler)

_HEAD = re.compile(r"/([^\W\d_]\S*|\?(?!\S))\s*")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line in three: its name, the rest of its first line, and the lines below."""

    name: str
    line: str
    more: str


def is_command(text: str) -> bool:
    """Whether the text begins with `/` and a letter, or with the word `/?`. The lines below do not count."""
    return _HEAD.match(text) is not None


def words(text: str) -> str:
    """What a text that is no command says: `//x` says "/x", anything else itself."""
    return text[1:] if text.startswith("//") else text


def parse(text: str) -> Parsed:
    """Take a command line apart. The text must be one, see `is_command`; ValueError if not."""
    first, _, more = text.partition("\n")
    head = _HEAD.match(first)
    if head is None:
        raise ValueError("not a command line")
    return Parsed(head[1].lower(), first[head.end() :], more)


@dataclass(frozen=True, slots=True)
class Context:
    """Who runs a command, where, and under which request; handed to every command first.

    `line` is the text as typed, `commands` the table it was found in; `request` names it, so that a repeat is
    answered from its receipt. `off` are the commands that the site has switched off for them.
    """

    node: "Node"
    room: "Room"
    member: "Member"
    line: str
    request: "Request"
    commands: "CommandTable"
    switches: Switches = Switches()
    off: AbstractSet[str] = frozenset()

    @property
    def role(self) -> Role:
        """The caller's rank, as last known; the action looks again."""
        return self.member.role


@dataclass(frozen=True, slots=True)
class Form:
    """One of several things a command does: chosen by how its arguments begin, with a permission of its own."""

    begins: str
    permission: Permission
    says: str

    def told(self, switches: Switches | None) -> dict[str, str]:
        """As `GET /api/commands` tells it."""
        return {"begins": self.begins, "role": least(self.permission, switches).word, "says": self.says}


@dataclass(frozen=True, slots=True)
class Command:
    """One command. The permission is for menu and help; the action behind it asks the policy itself.

    `harmless` lets an unambiguous beginning of the name stand for it; `confirm` says that it asks back first. `shape`
    is what the usage line says of the arguments where several forms do not read well from the signature. `forms` are
    told apart where the permission is that of the one most may use.
    """

    name: str
    aliases: tuple[str, ...]
    permission: Permission
    group: str
    help: str
    example: str
    harmless: bool
    confirm: bool
    grammar: Grammar
    handler: Handler
    shape: str = ""
    forms: tuple[Form, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def usage(self) -> str:
        """The line to type: `/kill @user [reason]`."""
        return f"/{self.name} {self.shape or self.grammar.usage}".rstrip()

    def read(self, parsed: Parsed) -> Arguments:
        """The arguments in the line. Raises UsageError."""
        try:
            return self.grammar.read(parsed.line, parsed.more)
        except Misfit:
            raise UsageError(self.usage, self.example) from None

    async def run(self, context: Context, parsed: Parsed) -> "Answer | str | None":
        """Do it. Returns what only the caller should see, or the whole answer of an act.

        Raises UsageError, and what the action refuses.
        """
        arguments = self.read(parsed)
        values = [_meant(value, context) for value in arguments.values]
        return await self.handler(context, *values, **arguments.options)

    def told(self, switches: Switches | None = None) -> dict[str, Any]:
        """As `GET /api/commands` tells it; `role` is the least that may run it."""
        return {
            "name": self.name,
            "aliases": list(self.aliases),
            "usage": self.usage,
            "help": self.help,
            "example": self.example,
            "permission": self.permission.value,
            "role": least(self.permission, switches).word,
            "group": self.group,
            "confirm": self.confirm,
            "arguments": [part.told() for part in (*self.grammar.parameters, *self.grammar.options)],
            **({"forms": [form.told(switches) for form in self.forms]} if self.forms else {}),
        }


def _meant(value: Any, context: Context) -> Any:
    """A value as its command takes it: a message is a number of this room. Raises Gone for one of another room."""
    if not isinstance(value, MessageNumber):
        return value
    if value.slug not in ("", context.room.slug):
        # The number would be that of another message here.
        raise Gone
    return int(value)


class CommandTable:
    """Commands in the order of their declaration, found by any of their names."""

    def __init__(self, group: str = "Everyone") -> None:
        self.group = group
        self._commands: list[Command] = []
        self._by_name: dict[str, Command] = {}

    @classmethod
    def join(cls, *tables: "CommandTable") -> Self:
        """One table of several, in their order. Raises ValueError where two share a name."""
        joined = cls()
        for table in tables:
            for command in table:
                joined.add(command)
        return joined

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Command:
        """The command of exactly that name or alias. Raises KeyError."""
        return self._by_name[name]

    def add(self, command: Command) -> None:
        """Raises ValueError where one of its names is taken."""
        for name in command.names:
            if name in self._by_name:
                raise ValueError(f"two commands are called /{name}")
            self._by_name[name] = command
        self._commands.append(command)

    def command(
        self,
        permission: Permission,
        *,
        example: str,
        aliases: Sequence[str] = (),
        name: str = "",
        harmless: bool = False,
        confirm: bool = False,
        shape: str = "",
        forms: tuple[Form, ...] = (),
    ) -> Callable[[H], H]:
        """Declare the decorated function a command of that name.

        Its signature is the grammar, the first line of its docstring the help. Raises TypeError without one.
        """

        def declare(handler: H) -> H:
            called = name or getattr(handler, "__name__", "").strip("_")
            summary = (inspect.getdoc(handler) or "").partition("\n")[0].strip()
            if not summary:
                raise TypeError(f"/{called} needs a docstring: it is the help")
            self.add(
                Command(
                    name=called,
                    aliases=tuple(aliases),
                    permission=permission,
                    group=self.group,
                    help=summary,
                    example=example,
                    harmless=harmless,
                    confirm=confirm,
                    grammar=Grammar.of(handler),
                    handler=handler,
                    shape=shape,
                    forms=forms,
                )
            )
            return handler

        return declare

    def find(
        self, name: str, role: Role, switches: Switches | None = None, off: AbstractSet[str] = frozenset()
    ) -> Command:
        """The command of that name, or the harmless one of which this is the only possible beginning.

        Raises UnknownCommand, with the near names among those the role may run.
        """
        name = name.lower()
        exact = self._by_name.get(name)
        if exact is not None:
            return exact
        begun = {self._by_name[full].name: full for full in sorted(self._by_name) if full.startswith(name)}
        if len(begun) == 1:
            command = self._by_name[next(iter(begun))]
            if command.harmless:
                return command
        allowed = {full: command for command in self.allowed(role, switches, off) for full in command.names}
        meant: dict[str, str] = {}
        for full in (*near(name, allowed, count=len(allowed)), *begun.values()):
            if full in allowed:
                meant.setdefault(allowed[full].name, full)
        raise UnknownCommand(name, list(meant.values())[:3])

    async def run(self, context: Context, text: str) -> "Answer | str | None":
        """Run a command line. Returns what only the caller should see, or the whole answer of an act.

        Raises UnknownCommand, UsageError, and whatever the action refuses.
        """
        parsed = parse(text)
        return await self.find(parsed.name, context.role, context.switches, context.off).run(context, parsed)

    def allowed(
        self, role: Role, switches: Switches | None = None, off: AbstractSet[str] = frozenset()
    ) -> list[Command]:
        """The commands that the role may run in a room set so. `off` are those that the site has switched off."""
        return [
            command for command in self if command.name not in off and may(role, command.permission, switches)
        ]

    def describe(
        self, role: Role, switches: Switches | None = None, off: AbstractSet[str] = frozenset()
    ) -> list[dict[str, Any]]:
        """What the role may run, for the menu and for programs."""
        return [command.told(switches) for command in self.allowed(role, switches, off)]

    def help_text(
        self,
        role: Role,
        name: str | None = None,
        switches: Switches | None = None,
        off: AbstractSet[str] = frozenset(),
    ) -> str:
        """What the role may run, by group; or, with a name, how that one is used and who may.

        Raises UnknownCommand.
        """
        if name:
            command = self.find(name.removeprefix("/"), role, switches, off)
            return self._help_on(command, switches, is_off=command.name in off)
        groups: dict[str, list[str]] = {}
        for command in self.allowed(role, switches, off):
            asks = " (asks first)" if command.confirm else ""
            groups.setdefault(command.group, []).append(f"{command.usage} · {command.help}{asks}")
        lists = [f"{group}\n" + "\n".join(lines) for group, lines in groups.items()]
        return "\n\n".join([*lists, "/help name says more about one. //text posts /text."])

    def _help_on(self, command: Command, switches: Switches | None, *, is_off: bool) -> str:
        lines = [command.usage, command.help, f"Example: {command.example}"]
        if command.aliases:
            lines.append(f"Also: {', '.join(f'/{alias}' for alias in command.aliases)}")
        lowest = Role.ADMIN if is_off else least(command.permission, switches)
        lines.append("Who may: everyone" if lowest is Role.GUEST else f"Who may: {lowest.and_up}")
        for form in command.forms:
            begun = f"/{command.name} {form.begins}".rstrip() + ("…" if form.begins else "")
            lines.append(f"{begun} · {form.says} ({least(form.permission, switches).and_up})")
        if command.confirm:
            lines.append("Asks for confirmation: it cannot be brought back.")
        return "\n".join(lines)

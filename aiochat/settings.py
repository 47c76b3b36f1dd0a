"""Every setting of the site, typed, from the environment and `.env`; a wrong one is named in one line."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from aiochat import values
from aiochat.trouble import Trouble

PREFIX = "AIOCHAT_"
FOR_TESTS = "AIOCHAT_TEST_"

_HERE = Path(__file__).resolve().parent


def _beside_or_above(name: str) -> Path:
    inside = _HERE / name
    return inside if inside.is_dir() else _HERE.parent / name


TEMPLATES = _beside_or_above("templates")
STATIC = _beside_or_above("static")
MIGRATIONS = _HERE / "migrations"


class WrongSetting(Trouble):
    """A setting cannot be used as it stands. Its text is one line: which, what it was, what is allowed."""


def _setting(
    default: Any, read: Callable[[str], Any], doc: str, *, secret: bool = False, shown: str = ""
) -> Any:
    return field(default=default, metadata={"read": read, "doc": doc, "secret": secret, "shown": shown})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this site runs. Each field is the variable AIOCHAT_<NAME>; times count seconds."""

    database_url: str | None = _setting(
        None,
        values.address(
            "an address that begins with postgresql:// or postgresql+aiopg://",
            "postgresql",
            "postgres",
            "postgresql+aiopg",
        ),
        "PostgreSQL's address; postgresql+aiopg:// takes the aiopg driver. "
        "Unset: a server of our own, in the data folder.",
        secret=True,
        shown="embedded",
    )
    redis_url: str | None = _setting(
        None,
        values.address(
            "an address that begins with redis://, rediss:// or unix://", "redis", "rediss", "unix"
        ),
        "Redis's address. Unset: a server of our own, in the data folder.",
        secret=True,
        shown="embedded",
    )
    data_dir: Path = _setting(
        Path("var"), values.path, "The folder for all that the servers of our own keep."
    )
    host: str = _setting("0.0.0.0", values.text, "The address to listen on.")  # noqa: S104 -- a server wants to be found
    port: int = _setting(8080, values.whole(0, 65535), "The port to listen on; 0 takes a free one.")
    public_url: str | None = _setting(
        None,
        values.origin,
        "How browsers reach the site, such as https://chat.example.org. Under https, cookies are Secure.",
        shown="as the browser asks",
    )
    secret_key: str | None = _setting(
        None,
        values.secret,
        "Signs what is handed out. Required with a database of your own; else made once, in the data folder.",
        secret=True,
        shown="made once",
    )
    guests: bool | None = _setting(
        None,
        values.flag,
        "Whether people may come without an account, by /chat.",
        shown="on when embedded, else off",
    )
    rooms_by: str = _setting(
        "everybody",
        values.one_of("everybody", "admins"),
        "Who may make rooms: everybody with an account, or site admins alone.",
    )
    new_names: bool = _setting(
        True, values.flag, "Whether people may change the name they are called by, with /nick."
    )
    allowed_origins: tuple[str, ...] = _setting(
        (), values.origins, "Foreign sites whose pages may open /chat and /ws sockets."
    )
    pass_secret: str | None = _setting(
        None,
        values.secret,
        "Shared with another site: it signs passes with this, and its people come in by them. See embedding.md.",
        secret=True,
        shown="no passes",
    )
    pass_audience: str = _setting("aiochat", values.text, "The name of this site in passes, as their `aud`.")
    trusted_proxies: tuple[str, ...] = _setting(
        (), values.networks, "Proxies whose X-Forwarded-For and -Proto are believed."
    )
    workers: int = _setting(1, values.whole(1, 64), "How many processes serve.")
    log_level: str = _setting(
        "info", values.one_of("debug", "info", "warning", "error"), "The least that is logged."
    )
    log_format: str = _setting("text", values.one_of("text", "json"), "How it is logged.")
    session_days: int = _setting(
        30, values.whole(1, 3650), "Days without a visit after which one is signed out."
    )
    session_store: str = _setting(
        "redis",
        values.one_of("redis", "cookie"),
        "Where sessions are kept: in Redis, or encrypted in the visitor's cookies.",
    )
    pool_size: int = _setting(10, values.whole(2, 500), "Database connections of each process, at most.")
    text_limit: int = _setting(4000, values.whole(1, 40000), "Characters in one message, at most.")
    post_burst: int = _setting(
        20,
        values.whole(1, 1_000_000),
        "Messages one person may send at once, before the next setting counts.",
    )
    post_rate: float = _setting(
        5.0, values.seconds(0.01, 1_000_000), "Messages a second one person may go on sending."
    )
    connections: int = _setting(
        20, values.whole(1, 100_000), "Sockets one person may hold open in each process."
    )
    room_members: int = _setting(10_000, values.whole(2, 1_000_000), "Members of one room, at most.")
    authenticate_within: float = _setting(
        10.0, values.seconds(0.1, 600), "Seconds a /ws socket has to say whose it is."
    )
    start_timeout: float = _setting(
        10.0, values.seconds(0.1, 600), "Seconds to wait for PostgreSQL and Redis at start."
    )
    shutdown_grace: float = _setting(
        10.0, values.seconds(0.1, 600), "Seconds in which to say goodbye when stopped."
    )

    @property
    def embeds(self) -> bool:
        """Whether a server of our own is needed."""
        return self.database_url is None or self.redis_url is None

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https, as far as the settings say."""
        return self.public_url is not None and self.public_url.startswith("https://")

    @property
    def welcomes_guests(self) -> bool:
        """Whether guests are welcome, once defaults are applied."""
        return self.embeds if self.guests is None else self.guests

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
        """The settings of this environment; what it lacks is looked for in the file `dotenv`.

        An empty value means unset. Raises `WrongSetting`.
        """
        given = _read_dotenv(dotenv) if dotenv is not None else {}
        outer = os.environ if environ is None else environ
        given |= {name: value for name, value in outer.items() if name.startswith(PREFIX)}
        known = {variable(each): each for each in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in given.items():
            if name.startswith(FOR_TESTS) or not value.strip():
                continue
            if name not in known:
                raise WrongSetting(_unknown(name, known))
            setting = known[name]
            try:
                read[setting.name] = setting.metadata["read"](value.strip())
            except values.Refused as allowed:
                was = values.mask(value) if setting.metadata["secret"] else value
                raise WrongSetting(f'{name} is "{was}", but must be {allowed}.') from None
        settings = cls(**read)
        if settings.database_url is not None and settings.secret_key is None:
            raise WrongSetting(
                "AIOCHAT_SECRET_KEY is not set, but with AIOCHAT_DATABASE_URL it must be: "
                "at least 32 characters, for example from `openssl rand -hex 32`."
            )
        return settings

    def described(self) -> Iterator[tuple[str, str, str]]:
        """Each setting as (variable, value with secrets masked, what it means)."""
        for each in fields(self):
            value = getattr(self, each.name)
            yield variable(each), _shown(value, each), each.metadata["doc"]

    def environ(self) -> dict[str, str]:
        """The same settings as environment variables, for a process of our own."""
        return {variable(f): _written(getattr(self, f.name)) for f in fields(self)}


def variable(setting: Field[Any]) -> str:
    """The name of the environment variable behind a field of `Settings`."""
    return PREFIX + setting.name.upper()


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(str(each) for each in value)
        case _:
            return str(value)


def _shown(value: Any, setting: Field[Any]) -> str:
    if value is None:
        return f"({setting.metadata['shown']})"
    if setting.metadata["secret"]:
        return values.mask(value)
    return _written(value) or "(none)"


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "`aiochat settings` lists them all."
    return f"{name} is not a setting. {hint}"


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path} cannot be read: {error}.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        bare = line.strip().removeprefix("export ").lstrip()
        if not bare or bare.startswith("#"):
            continue
        name, equals, value = bare.partition("=")
        if not equals:
            raise WrongSetting(f"{path}, line {number}: expected NAME=value.")
        if name.strip().startswith(PREFIX):
            found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.sub(r"\s+#.*$", "", value)

"""A setting is read as it was meant, or named in one line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from aiochat.settings import Settings, WrongSetting, variable

SECRET = "s" * 32
SERVER = {"AIOCHAT_DATABASE_URL": "postgresql://ann:pw@db/chat", "AIOCHAT_SECRET_KEY": SECRET}
ORIGINS = ("https://a.example", "http://b.example:81")


def read(**environ: str) -> Settings:
    return Settings.read({f"AIOCHAT_{name}": value for name, value in environ.items()}, None)


def test_without_any_everything_is_embedded() -> None:
    settings = read()
    assert settings.embeds
    assert settings.welcomes_guests
    assert (settings.port, settings.host, settings.data_dir) == (8080, "0.0.0.0", Path("var"))


def test_with_servers_named_nothing_is_embedded_and_guests_wait_to_be_asked_in() -> None:
    settings = Settings.read(SERVER | {"AIOCHAT_REDIS_URL": "redis://r/0"}, None)
    assert not settings.embeds
    assert not settings.welcomes_guests


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", "0", 0),
        ("PORT", " 65535 ", 65535),
        ("PORT", "  ", 8080),
        ("GUESTS", "off", False),
        ("GUESTS", "YES", True),
        ("START_TIMEOUT", "2.5", 2.5),
        ("LOG_LEVEL", "Debug", "debug"),
        ("PUBLIC_URL", "https://Chat.Example.org/", "https://chat.example.org"),
        ("PUBLIC_URL", "http://[::1]:8080", "http://[::1]:8080"),
        ("ALLOWED_ORIGINS", "https://a.example, http://b.example:81", ORIGINS),
        ("TRUSTED_PROXIES", "127.0.0.1, 10.1.2.3/8,unix", ("127.0.0.1/32", "10.0.0.0/8", "unix")),
        ("REDIS_URL", "unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("DATA_DIR", "/srv/chat", Path("/srv/chat")),
    ],
)
def test_what_is_allowed_is_read(name: str, text: str, value: object) -> None:
    assert getattr(read(**{name: text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("PORT", "eighty", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("PORT", "-1", "a whole number"),
        ("PORT", "٣", "a whole number"),
        ("WORKERS", "0", "from 1 to 64"),
        ("START_TIMEOUT", "soon", "a number of seconds"),
        ("START_TIMEOUT", "0", "from 0.1 to 600"),
        ("GUESTS", "maybe", '"on" or "off"'),
        ("LOG_FORMAT", "xml", "one of text, json"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("PUBLIC_URL", "chat.example.org", "https://chat.example.org"),
        ("PUBLIC_URL", "https://chat.example.org/path", "without a path"),
        ("PUBLIC_URL", "https://[half", "without a path"),
        ("PUBLIC_URL", "https://me@chat.example.org", "without a path"),
        ("ALLOWED_ORIGINS", "https://a.example, b", "separated by commas"),
        ("TRUSTED_PROXIES", "proxy.local", "separated by commas"),
    ],
)
def test_what_is_not_is_named_with_what_it_was_and_what_is_allowed(
    name: str, text: str, allowed: str
) -> None:
    with pytest.raises(WrongSetting) as refused:
        read(**{name: text})
    said = str(refused.value)
    assert said.startswith(f"AIOCHAT_{name} is ")
    assert allowed in said
    assert "\n" not in said


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(WrongSetting, match="at least 32 characters") as refused:
        read(SECRET_KEY="too short")
    assert "too short" not in str(refused.value)
    with pytest.raises(WrongSetting, match="postgresql://") as refused:
        read(DATABASE_URL="mysql://ann:hush@db/chat")
    assert "hush" not in str(refused.value)
    assert "mysql://ann:" in str(refused.value)


def test_a_database_of_ones_own_needs_a_secret_of_ones_own() -> None:
    with pytest.raises(WrongSetting, match="AIOCHAT_SECRET_KEY is not set"):
        read(DATABASE_URL="postgresql://db/chat")


def test_a_misspelt_setting_is_not_passed_over() -> None:
    with pytest.raises(WrongSetting, match="Did you mean AIOCHAT_DATABASE_URL"):
        read(DATABSE_URL="postgresql://db/chat")
    with pytest.raises(WrongSetting, match="lists them all"):
        Settings.read({"AIOCHAT_" + "Z" * 40: "1"}, None)


def test_variables_for_tests_are_none_of_its_business() -> None:
    assert read(TEST_ALL="1") == read()


def test_the_dotenv_file_fills_what_the_environment_leaves_out(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "# the site\n\nexport AIOCHAT_PORT=9000\nAIOCHAT_HOST='127.0.0.1'\n"
        "AIOCHAT_LOG_LEVEL=error # quiet\nOTHER=1\nAIOCHAT_WORKERS=3\n"
    )
    settings = Settings.read({"AIOCHAT_WORKERS": "2"}, dotenv)
    assert (settings.port, settings.host) == (9000, "127.0.0.1")
    assert (settings.log_level, settings.workers) == ("error", 2)
    assert Settings.read({}, tmp_path / "none") == Settings()


@pytest.mark.parametrize(
    ("written", "said"), [(b"AIOCHAT_PORT", "line 1: expected NAME=value"), (b"\xff", "cannot be read")]
)
def test_an_unreadable_dotenv_is_said(tmp_path: Path, written: bytes, said: str) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(written)
    with pytest.raises(WrongSetting, match=said):
        Settings.read({}, dotenv)


def test_every_setting_is_listed_and_no_secret_shown() -> None:
    settings = Settings.read(SERVER | {"AIOCHAT_REDIS_URL": "redis://:hush@r/0"}, None)
    listed = {name: (value, doc) for name, value, doc in settings.described()}
    assert set(listed) == {variable(each) for each in fields(Settings)}
    assert all(doc.endswith(".") for _, doc in listed.values())
    shown = " ".join(value for value, _ in listed.values())
    assert "pw@" not in shown
    assert "hush" not in shown
    assert SECRET not in shown
    assert listed["AIOCHAT_DATABASE_URL"][0] == "postgresql://ann:••••@db/chat"
    assert listed["AIOCHAT_ALLOWED_ORIGINS"][0] == "(none)"


def test_a_process_of_ones_own_reads_the_same_settings() -> None:
    settings = Settings.read(
        SERVER
        | {
            "AIOCHAT_REDIS_URL": "redis://r/0",
            "AIOCHAT_GUESTS": "on",
            "AIOCHAT_TRUSTED_PROXIES": "unix, 10.0.0.0/8",
            "AIOCHAT_START_TIMEOUT": "2.5",
        },
        None,
    )
    assert Settings.read(settings.environ(), None) == settings

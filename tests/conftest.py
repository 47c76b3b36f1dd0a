"""What every test may ask for: servers of our own, clean tables, an application, a client."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from functools import partial
from pathlib import Path
from types import CodeType

import aiohttp_jinja2
import jinja2.bccache
import psycopg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from aiochat import embedded
from aiochat.embedded import Servers
from aiochat.main import create_app
from aiochat.migrate import migrate
from aiochat.settings import Settings
from helpers.database import Manager
from tests import programs

SECRET_KEY = "only-for-tests-" + "0123456789abcdef" * 2
PROVISIONED = "AIOCHAT_TEST_PROVISION"
# "postgresql+aiopg" runs the same tests through the other driver.
SCHEME = os.environ.get("AIOCHAT_TEST_SCHEME", "postgresql")
# A crash of the machine would lose a test's data, and nobody would mind. What is wiped needs no vacuum, and
# a wipe would wait for it.
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
# Bytes. To empty a table costs a new file for it and each of its indexes; to delete a few rows costs next to nothing.
WORN = 4 * 1024 * 1024

Client = TestClient[web.Request, web.Application]


class Compiled(jinja2.BytecodeCache):
    """What templates of the same words compile to."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Give what was kept."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keep it."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> Iterator[None]:
    """A site compiles its templates once in its life, and here a thousand sites live one after another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiohttp_jinja2, "setup", partial(aiohttp_jinja2.setup, bytecode_cache=Compiled()))
        yield


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A PostgreSQL and a Valkey for this run alone, migrated."""
    folder = Path(tempfile.mkdtemp(prefix="aiochat-test-"))
    folder.chmod(0o755)
    try:
        with embedded.running(folder / "var", postgres_settings=UNSAFE) as found:
            assert found.database_url is not None
            migrate(found.database_url)
            yield found
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _wipe(servers: Servers) -> Iterator[psycopg.Connection[tuple[str]]]:
    """A line to the database that knows what the tables held after the migrations."""
    assert servers.database_url is not None
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migratehistory'"
        ).fetchall()
        tables = [name for (name,) in found]
        connection.execute("SET lock_timeout = '10s'; CREATE SCHEMA seeds; CREATE SCHEMA wiping")
        seeds = []
        for name in tables:
            connection.execute(f"CREATE TABLE seeds.{name} AS TABLE public.{name}".encode())
            if connection.execute(f"SELECT FROM seeds.{name}".encode()).fetchone() is not None:
                seeds.append(f"INSERT INTO public.{name} SELECT * FROM seeds.{name};")
        every = ", ".join(f"public.{name}" for name in tables)
        sizes = " + ".join(f"pg_total_relation_size('public.{name}')" for name in tables)
        deletes = "\n".join(f"DELETE FROM public.{name};" for name in tables)
        connection.execute(
            f"""
            CREATE PROCEDURE wiping.wipe() LANGUAGE plpgsql SET session_replication_role = replica AS $$ BEGIN
                -- What a site of the test before is still writing is waited for.
                LOCK TABLE {every};
                IF {sizes} > {WORN} THEN
                    TRUNCATE {every};
                ELSE
                    {deletes}
                END IF;
                PERFORM setval(seqrelid::regclass, seqstart, false) FROM pg_sequence
                    JOIN pg_class ON pg_class.oid = seqrelid
                    WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'migratehistory%';
                {"".join(seeds)}
            END $$
            """.encode()
        )
        yield connection


@pytest.fixture
def clean(servers: Servers, _wipe: psycopg.Connection[tuple[str]]) -> None:
    """Tables as the migrations left them, and an empty Redis."""
    assert servers.redis_url is not None
    for patience in (True, True, False):
        try:
            _wipe.execute("CALL wiping.wipe()")
            break
        except psycopg.errors.DeadlockDetected:
            # A site of the test before went in the middle of a question, and the server is still answering it.
            if not patience:
                raise
    with SyncRedis.from_url(servers.redis_url) as redis:
        redis.flushall()


@pytest.fixture
def settings(servers: Servers, clean: None, tmp_path: Path) -> Settings:
    """The settings of a site on the servers of this run, with clean tables."""
    assert servers.database_url is not None
    return Settings(
        database_url=servers.database_url.replace("postgresql", SCHEME, 1),
        redis_url=servers.redis_url,
        data_dir=tmp_path,
        secret_key=SECRET_KEY,
        host="127.0.0.1",
        guests=True,
        pool_size=5,
        shutdown_grace=2.0,
    )


@pytest.fixture
async def manager(settings: Settings) -> AsyncIterator[Manager]:
    """An open door to clean tables."""
    assert settings.database_url is not None
    async with Manager(settings.database_url, min_size=1, max_size=10) as opened:
        yield opened


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """A line to an empty Redis."""
    assert settings.redis_url is not None
    async with Redis.from_url(settings.redis_url) as client:
        yield client


@pytest.fixture
def app(settings: Settings) -> web.Application:
    """The whole site, not yet started."""
    return create_app(settings)


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, app: web.Application) -> Client:
    """A browser's cookies and a running site to use them on."""
    return await aiohttp_client(app)


@pytest.fixture
async def two_apps(aiohttp_client: AiohttpClient, settings: Settings) -> tuple[Client, Client]:
    """Two processes of one site, as far as one process can be two."""
    return await aiohttp_client(create_app(settings)), await aiohttp_client(create_app(settings))


def pytest_configure() -> None:
    """Hear Ctrl+C and the end of the terminal, as every program that a test begins does then, too.

    A shell has its jobs in the background ignore the one, nohup the other, and theirs with them.
    """
    for number, heard in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, heard)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies in tests/browser needs a browser, without having to say so."""
    for item in items:
        if "browser" in item.path.parent.parts:
            item.add_marker(pytest.mark.needs("chromium"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here."""
    for mark in item.iter_markers("needs"):
        if gone := programs.missing(mark.args):
            pytest.skip(gone)
    if item.get_closest_marker("provision") and os.environ.get(PROVISIONED) != "1":
        pytest.skip(f"builds a whole machine; .ci/run does, or {PROVISIONED}=1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything must run, what was skipped has failed."""
    report = yield
    if programs.MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Everything must run here, but this did not: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what this run has not tried."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("not tried here")
    for (folder, reason), count in sorted(
        Counter((_folder(each), _reason(each)) for each in skipped).items()
    ):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"{folder}: {tests} ({reason})")


def _folder(report: pytest.TestReport) -> str:
    return report.nodeid.partition("::")[0].rpartition("/")[0]


def _reason(report: pytest.TestReport) -> str:
    longrepr = report.longrepr
    return (longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)).removeprefix("Skipped: ")

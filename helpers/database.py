"""The one door to PostgreSQL: a pool, transactions, and reads that survive a dropped line.

It stands where `peewee_async.Manager` stood, which upstream removed in 1.0.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, ClassVar, Self

import peewee
import psycopg
import psycopg_pool
from peewee_async import AioModel
from peewee_async.connection import connection_context
from peewee_async.databases import AioDatabase, FetchResults, Psycopg3Database, fetchall
from peewee_async.pool import PsycopgPoolBackend
from peewee_async.utils import ConnectionProtocol
from playhouse.postgres_ext import PostgresqlExtDatabase
from playhouse.postgres_ext import Psycopg3Database as SyncPsycopg3Database
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from helpers.errors import AppError
from helpers.line import DirectLine, Line, Row

log = logging.getLogger(__name__)

AIOPG = "postgresql+aiopg://"
PSYCOPG = ("postgresql://", "postgres://")
WAIT_FOR_CONNECTION = 5.0
ANSWER_WITHIN = 10.0
SIGN_OF_LIFE_WITHIN = 2.0
A_MOMENT = 0.1
MOST_WAITING = 2_000
LOST = ("08", "57P")
DEADLOCK = "40P01"
POOL_IS_BUSY = (psycopg_pool.PoolTimeout, psycopg_pool.TooManyRequests)


class DatabaseDown(AppError):
    """PostgreSQL does not answer."""

    code = "unavailable"
    message = "The database does not answer. Nothing was lost; try again in a moment."
    status = 503
    temporary = True


class _Lines(psycopg_pool.AsyncConnectionPool[Any]):
    """psycopg's pool, which does not wait for signs of life of a server that stands still: not for each line anew."""

    _look_until = 0.0

    async def check(self) -> None:
        self._look_until = asyncio.get_running_loop().time() + SIGN_OF_LIFE_WITHIN
        await super().check()

    async def check_connection(self, conn: psycopg.AsyncConnection[Any]) -> None:  # type: ignore[override]
        loop = asyncio.get_running_loop()
        clock = loop.call_at(max(self._look_until, loop.time() + A_MOMENT), _break, conn)
        try:
            await psycopg_pool.AsyncConnectionPool.check_connection(conn)
        finally:
            clock.cancel()


class _Pool(PsycopgPoolBackend):
    """psycopg's pool, given a real conninfo: sockets, options and odd passwords work; the server binds the values.

    Whoever borrows a line is done with it within `ANSWER_WITHIN` seconds of asking for it. After that the line is
    broken, and they hear what they would hear if the server had died: what they asked for is in doubt, as ever.
    The line is broken, not the task cancelled: a cancelled statement still waits for a server that stands still, and
    a broken line cannot come back to the pool half used.
    """

    def __init__(self, *, database: str, **kwargs: Any) -> None:
        super().__init__(database=database, **kwargs)
        self._clocks: dict[ConnectionProtocol, tuple[float, asyncio.Handle]] = {}

    async def create(self) -> None:
        params = {"connect_timeout": max(1, round(WAIT_FOR_CONNECTION)), **self.connect_params}
        pool_params = {
            key: params.pop(key) for key in ("min_size", "max_size", "max_waiting") if key in params
        }
        pool = _Lines(
            make_conninfo(dbname=self.database, **params),
            kwargs={"autocommit": True},
            open=False,
            timeout=WAIT_FOR_CONNECTION,
            reconnect_timeout=3,
            **pool_params,
        )
        await pool.open()
        self.pool = pool

    async def acquire(self) -> ConnectionProtocol:
        loop = asyncio.get_running_loop()
        until = loop.time() + ANSWER_WITHIN
        line = await super().acquire()
        self._clocks[line] = until, loop.call_at(until, _break, line)
        return line

    async def release(self, conn: ConnectionProtocol) -> None:
        until, clock = self._clocks.pop(conn)
        clock.cancel()
        if until <= asyncio.get_running_loop().time():
            # Broken after the last answer came: nobody has noticed yet.
            await conn.close()
        await super().release(conn)


def _break(line: Any) -> None:
    """Let a line end at once for whoever waits on it."""
    log.warning("database: a line has not answered in time and is given up")
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(line.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


class _PsycopgDatabase(Psycopg3Database):
    pool_backend_cls = _Pool


def _parameters(url: str) -> dict[str, Any]:
    plain = url.replace(AIOPG, "postgresql://", 1)
    try:
        return dict(conninfo_to_dict(plain))
    except psycopg.ProgrammingError as error:
        raise ValueError(f"not a PostgreSQL address: {error}") from error


def _database(url: str, min_size: int, max_size: int) -> AioDatabase:
    params = _parameters(url)
    name = params.pop("dbname", None) or params.get("user") or "postgres"
    if url.startswith(AIOPG):
        from peewee_async.databases import PostgresqlDatabase

        pool = {"minsize": min_size, "maxsize": max_size, "timeout": WAIT_FOR_CONNECTION}
        return PostgresqlDatabase(name, pool_params=pool, register_hstore=False, **params)
    if url.startswith(PSYCOPG):
        pool = {"min_size": min_size, "max_size": max_size, "max_waiting": MOST_WAITING}
        return _PsycopgDatabase(name, pool_params=pool, **params)
    raise ValueError("a PostgreSQL address begins with postgresql:// or postgresql+aiopg://")


def _broken_line_errors(url: str) -> tuple[type[Exception], ...]:
    """What the driver itself raises when the line breaks."""
    if url.startswith(AIOPG):
        import psycopg2

        return psycopg2.OperationalError, psycopg2.InterfaceError
    return psycopg.OperationalError, psycopg.InterfaceError


def is_lost(error: BaseException) -> bool:
    """Whether this peewee error means that the line to the server broke, or never was."""
    if not isinstance(error, peewee.OperationalError | peewee.InterfaceError):
        return False
    state = sqlstate(error)
    return state is None or state.startswith(LOST)


def sqlstate(error: BaseException) -> str | None:
    """The five-character SQLSTATE behind a peewee error, if the server sent one."""
    cause = error.__context__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)


def _patience_ends() -> float:
    """Until when something asked now may be asked once more; the loop's clock. A little early: clocks are coarse."""
    return asyncio.get_running_loop().time() + ANSWER_WITHIN - 0.1


class BaseModel(AioModel):
    """What every table's class inherits; bound to a database when a `Manager` opens."""

    class Meta:
        legacy_table_names: ClassVar[bool] = False


class Manager:
    """Persists and reads: opens and closes the pool, lends transactions, runs SQL.

    `url` begins with `postgresql://` (psycopg 3) or `postgresql+aiopg://`. Sizes count connections.
    A server that stands still is one that does not answer: whoever asks, or holds a transaction, hears after
    ten seconds what they would hear of a broken line.
    Raises `ValueError` for an address that is none.
    """

    def __init__(self, url: str, *, min_size: int = 2, max_size: int = 10) -> None:
        self.url = url
        self.database = _database(url, min_size, max_size)
        self._broken = _broken_line_errors(url)

    async def open(self) -> None:
        """Open the pool. Raises `DatabaseDown` when nobody answers within a few seconds."""
        async with AsyncExitStack() as stack:
            # Where nobody answers, the pool would go on trying, and nobody would ever close it.
            stack.push_async_callback(self.close)
            try:
                await self.database.aio_connect()
            except self._broken as error:
                # psycopg's pool connects beside us; aiopg's connects here.
                raise DatabaseDown from error
            except TimeoutError as error:
                raise DatabaseDown from error
            await self.check()
            stack.pop_all()

    async def close(self) -> None:
        """Close the pool and its connections."""
        await self.database.aio_close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def bind(self, models: Iterable[type[AioModel]]) -> None:
        """Let these models speak through this manager's pool."""
        self.database.bind(list(models), bind_refs=False, bind_backrefs=False)

    async def check(self) -> None:
        """Ask the server for a sign of life. Raises `DatabaseDown`."""
        try:
            await self.value("SELECT 1")
        except (peewee.OperationalError, peewee.InterfaceError, OSError, TimeoutError) as error:
            raise DatabaseDown from error

    @property
    def in_transaction(self) -> bool:
        """Whether the caller is inside one."""
        context = connection_context.get()
        return context is not None and context.transaction_is_opened

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """One transaction, or a savepoint where one is open.

        Start no task inside: it would inherit the connection, and go on using it after this block.
        Raises `peewee.OperationalError` when no connection is to be had, or the line breaks at its begin or end.
        """
        try:
            async with AsyncExitStack() as stack:
                await self._begin(stack)
                yield
        except self._broken as error:
            # BEGIN, COMMIT and the pool's own complaints do not pass through peewee.
            raise peewee.OperationalError(str(error)) from error

    async def _begin(self, stack: AsyncExitStack) -> None:
        until = _patience_ends()
        try:
            await stack.enter_async_context(self.database.aio_atomic())
        except TimeoutError as error:
            raise peewee.OperationalError("no connection was free in time") from error
        except self._broken as error:
            if connection_context.get() is not None or isinstance(error, POOL_IS_BUSY):
                raise
            if asyncio.get_running_loop().time() >= until:
                raise
            # Nothing was done yet: another connection will do as well.
            await self.mend()
            await stack.enter_async_context(self.database.aio_atomic())

    async def execute(self, sql: str, *params: Any) -> None:
        """Run a statement that answers nothing."""
        await self._run(sql, params)

    async def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Every row of the answer. A plain SELECT outside a transaction is asked again once when the line broke, or
        when it was chosen to end a deadlock."""
        until = _patience_ends()
        try:
            answer = await self._run(sql, params, fetchall)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            if (
                connection_context.get() is not None
                or not sql.lstrip()[:6].upper() == "SELECT"
                or not (is_lost(error) or sqlstate(error) == DEADLOCK)
                or asyncio.get_running_loop().time() >= until
            ):
                raise
            await self.mend()
            answer = await self._run(sql, params, fetchall)
        return list(answer)

    async def call(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """What it answers of a function that writes. Never asked twice: it may be done, though the line broke."""
        return list(await self._run(sql, params, fetchall))

    def line(self, statements: Mapping[str, str]) -> Line:
        """A connection of its own for these statements; their parameters are `$1`, `$2` …, each once and in order."""
        if self.url.startswith(AIOPG):
            return self.lines(statements)
        return DirectLine(self.url, statements, answer_within=ANSWER_WITHIN)

    def lines(self, statements: Mapping[str, str]) -> Line:
        """The same through the pool: slower, but several may ask at once, and wait for locks."""
        return _PooledLine(self, statements)

    async def _run(self, sql: str, params: tuple[Any, ...], fetch: FetchResults | None = None) -> Any:
        try:
            return await self.database.aio_execute_sql(sql, params, fetch_results=fetch)
        except TimeoutError as error:
            raise peewee.OperationalError("no connection was free in time") from error

    async def row(self, sql: str, *params: Any) -> tuple[Any, ...] | None:
        """The first row of the answer, or None."""
        rows = await self.rows(sql, *params)
        return rows[0] if rows else None

    async def value(self, sql: str, *params: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.row(sql, *params)
        return row[0] if row else None

    async def mend(self) -> None:
        """After a broken line: drop the pool's other connections that are broken too."""
        pool = self.database.pool_backend.pool
        if isinstance(pool, psycopg_pool.AsyncConnectionPool):
            await pool.check()
        elif pool is not None:
            # aiopg cannot look: idle connections are closed, and made again when needed.
            await pool.clear()

    def sync(self) -> peewee.Database:
        """A plain, blocking database on the same server: for migrations only."""
        return sync_database(self.url)


class _PooledLine:
    """Named statements, asked through the pool."""

    def __init__(self, manager: Manager, statements: Mapping[str, str]) -> None:
        self._manager = manager
        self._statements = {name: re.sub(r"\$\d+", "%s", sql) for name, sql in statements.items()}

    async def ask(self, name: str, *params: str | None) -> list[Row]:
        return await self._manager.call(self._statements[name], *params)

    async def insist(self, name: str, *params: str | None) -> list[Row]:
        return await self._manager.rows(self._statements[name], *params)

    async def close(self) -> None:
        """The pool's own lines are the pool's to close."""


def sync_database(url: str) -> peewee.Database:
    """A blocking peewee database for this address. Raises `ValueError` for an address that is none."""
    params = _parameters(url)
    name = params.pop("dbname", None) or params.get("user") or "postgres"
    kind = PostgresqlExtDatabase if url.startswith(AIOPG) else SyncPsycopg3Database
    extra = {"register_hstore": False} if url.startswith(AIOPG) else {}
    database: peewee.Database = kind(name, **params, **extra)
    return database

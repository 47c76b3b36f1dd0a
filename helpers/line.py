"""A connection of its own to PostgreSQL for a few statements asked all the time, one after the other.

This is a fast path. The pool's road - borrow, look after a transaction, compose, fetch, give back - takes some 250 µs
of a call, more than PostgreSQL needs to answer. Here the statements are prepared once, what goes out is written at
once, and what comes back wakes whoever asked: about 30 µs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import peewee
import psycopg
from psycopg import pq

CLOCKS_ARE_COARSE = 0.1
Row = tuple[str | None, ...]
Param = str | None


class Line(Protocol):
    """Who answers named statements."""

    async def ask(self, name: str, *params: Param) -> list[Row]:
        """Every row of the answer, in PostgreSQL's text form. Never asked twice: it may be done, though the line broke.

        Raises what peewee raises.
        """

    async def insist(self, name: str, *params: Param) -> list[Row]:
        """The same of what may be done twice: asked once more where the line broke, while there is time."""

    async def close(self) -> None:
        """Hang up."""


class DirectLine:
    """Statements with parameters `$1`, `$2` … asked of one server, over one connection made when it is first needed.

    One question at a time. Whoever is not answered within `answer_within` seconds hears that the line is lost.
    """

    def __init__(self, conninfo: str, statements: Mapping[str, str], *, answer_within: float) -> None:
        self._conninfo = conninfo
        self._statements = statements
        self._answer_within = answer_within
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._socket = -1
        self._answer: asyncio.Future[list[Row]] | None = None
        self._asked = False
        self._is_closed = False
        self._rows: list[Row] = []
        self._failed: psycopg.Error | None = None

    async def ask(self, name: str, *params: Param) -> list[Row]:
        """Every row of the answer, in PostgreSQL's text form."""
        return await self._ask_alone(name, params, tries=1)

    async def insist(self, name: str, *params: Param) -> list[Row]:
        """The same of what may be done twice. Both tries together take no longer than one may."""
        return await self._ask_alone(name, params, tries=2)

    async def _ask_alone(self, name: str, params: Sequence[Param], tries: int) -> list[Row]:
        if self._asked:
            raise RuntimeError("one question at a time")
        clock = asyncio.get_running_loop().time
        until = clock() + self._answer_within
        self._asked = True
        try:
            while True:
                tries -= 1
                try:
                    return await self._ask_within(until, name, params)
                except (peewee.OperationalError, peewee.InterfaceError):
                    # A line that broke is gone by now, and one that stood still has used up the time.
                    if not tries or self._connection is not None or clock() >= until - CLOCKS_ARE_COARSE:
                        raise
        finally:
            self._asked = False

    async def _ask_within(self, until: float, name: str, params: Sequence[Param]) -> list[Row]:
        with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
            if self._connection is None and not self._is_closed:
                await self._connect(until)
            if self._is_closed:
                # Asked by somebody who is late: a line made now would be nobody's to close.
                self._hang_up()
                raise psycopg.OperationalError("the line is closed")
            return await self._ask(name, params, until)

    async def close(self) -> None:
        """Hang up; whoever waits for an answer, or asks later, hears that the line is lost."""
        self._is_closed = True
        self._lose()

    async def _connect(self, until: float) -> None:
        try:
            async with asyncio.timeout_at(until), AsyncExitStack() as stack:
                connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
                stack.push_async_callback(connection.close)
                for name, statement in self._statements.items():
                    await connection.execute(f"PREPARE {name} AS {statement}".encode())
                stack.pop_all()
        except TimeoutError as error:
            raise psycopg.OperationalError("no connection was made in time") from error
        self._connection, self._socket = connection, connection.pgconn.socket
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    async def _ask(self, name: str, params: Sequence[Param], until: float) -> list[Row]:
        assert self._connection is not None
        values = [None if value is None else _text(value) for value in params]
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Row]] = loop.create_future()
        self._answer = answer
        clock = loop.call_at(until, self._lose)
        try:
            line = self._connection.pgconn
            line.send_query_prepared(name.encode(), values)
            if line.flush():
                loop.add_writer(self._socket, self._write)
            return await answer
        except (asyncio.CancelledError, psycopg.OperationalError):
            # An answer still to come belongs to nobody, and what broke once is not to be trusted.
            self._hang_up()
            raise
        finally:
            clock.cancel()

    def _write(self) -> None:
        assert self._connection is not None
        line = self._connection.pgconn
        try:
            if line.flush():
                return
        except psycopg.Error as error:
            self._settle(error)
        asyncio.get_running_loop().remove_writer(self._socket)

    def _read(self) -> None:
        assert self._connection is not None
        line = self._connection.pgconn
        try:
            line.consume_input()
            while not line.is_busy():
                result = line.get_result()
                if result is None:
                    self._settle(self._failed)
                    return
                self._take(result)
        except psycopg.Error as error:
            self._settle(error)
            self._hang_up()

    def _take(self, result: pq.abc.PGresult) -> None:
        if result.status == pq.ExecStatus.TUPLES_OK:
            columns = range(result.nfields)
            for row in range(result.ntuples):
                values = [result.get_value(row, column) for column in columns]
                self._rows.append(
                    tuple([None if value is None else bytes(value).decode() for value in values])
                )
        elif result.status != pq.ExecStatus.COMMAND_OK:
            self._failed = psycopg.errors.error_from_result(result)

    def _settle(self, error: psycopg.Error | None) -> None:
        answer, self._answer = self._answer, None
        rows, self._rows = self._rows, []
        self._failed = None
        if answer is None or answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(rows)

    def _lose(self) -> None:
        self._settle(psycopg.OperationalError("the line was given up"))
        self._hang_up()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Where the server hung up first, libpq has closed the socket: its number may soon be somebody else's.
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
            connection.pgconn.finish()


def _text(value: str) -> bytes:
    if "\0" in value:
        # It would end the value there, in silence.
        raise ValueError("PostgreSQL takes no NUL in text")
    return value.encode()

"""Tortoise's SQLite client with transactions that take the write lock at once.

The stock client begins with a plain ``BEGIN``: a read that later turns into a write then fails at once
when another process writes, whatever ``busy_timeout`` says (tortoise-orm issue 1675). ``BEGIN IMMEDIATE``
waits its turn instead. Named as ``engine`` in Tortoise's configuration.
"""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import NestedTransactionContext, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
)
from tortoise.backends.sqlite.executor import SqliteExecutor
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError

from hub.store.membership import FILTERS
from hub.store.moment import as_text

# In place of the one that Tortoise 1.1.9 has registered by now (tortoise/backends/sqlite/executor.py), which
# keeps the offset. It is what every statement's times go through, those of filters and updates too.
sqlite3.register_adapter(datetime, as_text)


class ListExecutor(SqliteExecutor):
    """Binds a list as one value."""

    FILTER_FUNC_OVERRIDE = SqliteExecutor.FILTER_FUNC_OVERRIDE | FILTERS


class ImmediateWrapper(SqliteTransactionWrapper):
    """A transaction that holds the write lock from its first statement."""

    executor_class = ListExecutor

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(ImmediateWrapper(self))

    async def begin(self) -> None:
        """Begins, waiting for the write lock as long as ``busy_timeout`` says."""
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error

    async def commit(self) -> None:
        """Commits; a full disk is told as an error, and the transaction is rolled back.

        The stock client lets sqlite3's own error through and leaves the transaction open.
        """
        try:
            await super().commit()
        except sqlite3.OperationalError as error:
            if self._connection.in_transaction:
                await self._connection.rollback()
            raise OperationalError(error) from error


class ImmediateContext(SqliteTransactionContext):
    """Puts everything back when the BEGIN itself fails.

    The stock context leaves its lock taken and its connection set when that happens, and every later
    request hangs.
    """

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            self.token = get_connections().set(self.connection_name, self.connection)
            try:
                await self.connection.begin()
            except BaseException:
                get_connections().reset(self.token)
                # The connection's thread carries a cancelled begin out all the same, once the lock is free.
                # It works in turn, so this comes after that; without a transaction it does nothing.
                await asyncio.shield(self.connection._connection.rollback())  # noqa: SLF001
                raise
        except BaseException:
            self._trxlock.release()
            raise
        client: TransactionalDBClient = self.connection
        return client


class ImmediateClient(SqliteClient):
    """The client Tortoise makes for the hub's SQLite file."""

    executor_class = ListExecutor

    def _in_transaction(self) -> TransactionContext:
        return ImmediateContext(ImmediateWrapper(self), self._lock)

    async def pragma(self, name: str) -> Any:
        """The present value of a pragma."""
        _, rows = await self.execute_query(f"PRAGMA {name}")
        return rows[0][0]


client_class = ImmediateClient

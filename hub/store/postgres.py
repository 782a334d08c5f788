"""Tortoise's PostgreSQL client that tells a lost database as Tortoise's errors, and leaks no connection.

The stock client (tortoise-orm 1.1.9) lets through what asyncpg raises when the server restarts, ends a
backend or takes no more of them, so that nobody who expects Tortoise's errors sees one. And a transaction
whose BEGIN fails never gives its connection back to the pool: a few restarts later every request hangs.
Named as ``engine`` in Tortoise's configuration.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.asyncpg.executor import AsyncpgExecutor
from tortoise.backends.base.client import (
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections
from tortoise.exceptions import BaseORMException, DBConnectionError, OperationalError

from hub.store.membership import FILTERS
from hub.store.moment import refuse_naive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BaseORMException:
        raise
    except OSError as error:  # a time-out is one too
        raise DBConnectionError(str(error) or type(error).__name__) from error
    # The last is what asyncpg says of a connection that went away at certain moments.
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise OperationalError(error) from error


class ListExecutor(AsyncpgExecutor):
    """Binds a list as one value."""

    FILTER_FUNC_OVERRIDE = AsyncpgExecutor.FILTER_FUNC_OVERRIDE | FILTERS


class TellingWrapper(TransactionWrapper):
    """A transaction that tells its errors as Tortoise's."""

    executor_class = ListExecutor

    async def _translate_exceptions(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_naive(args)
        with _translated():
            return await super()._translate_exceptions(func, *args, **kwargs)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(TellingWrapper(self))

    async def commit(self) -> None:
        """Commits. When the answer is lost nobody knows whether it did, so callers must bear both."""
        with _translated():
            await super().commit()

    async def rollback(self) -> None:
        """Rolls back."""
        with _translated():
            await super().rollback()


class SafeContext(TransactionContextPooled):
    """Gives the connection back to the pool and the task its own client again, whatever fails."""

    async def __aenter__(self) -> TransactionalDBClient:
        with _translated():
            await self.ensure_connection()
            self.client._connection = await self.client._parent._pool.acquire()  # noqa: SLF001
        try:
            await self.client.begin()
        except BaseException:
            await self._give_back()
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        get_connections().reset(self.token)
        try:
            if self.client._finalized:  # noqa: SLF001
                return
            if exc_type is None:
                await self.client.commit()
                return
            # On a lost connection PostgreSQL has rolled back already, and the first error tells more.
            with contextlib.suppress(BaseORMException):
                await self.client.rollback()
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        if pool := self.client._parent._pool:  # noqa: SLF001
            # One that cannot be made clean again is closed by the pool itself, which makes a new one.
            with contextlib.suppress(BaseORMException), _translated():
                await pool.release(self.client._connection)  # noqa: SLF001


class PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is not typed
    """A connection that goes back to the pool as it is.

    asyncpg would ask the server each time to undo locks, cursors, listening and settings of the session: one
    more statement for every statement. The hub has none of them, its locks end with their transaction, and a
    transaction left open is rolled back all the same.
    """

    def get_reset_query(self) -> str:
        """Nothing."""
        return ""


class TellingClient(AsyncpgDBClient):
    """The client Tortoise makes for the hub's PostgreSQL."""

    connection_class = PlainConnection
    executor_class = ListExecutor

    async def _translate_exceptions(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_naive(args)
        with _translated():
            return await super()._translate_exceptions(func, *args, **kwargs)

    def _in_transaction(self) -> TransactionContext:
        return SafeContext(TellingWrapper(self), self._pool_init_lock)


client_class = TellingClient

"""Procrastinate's connections to the hub's PostgreSQL, and what their errors mean.

Parts of its worker (3.10) do not outlive a restart of the server: the listener connects anew once, and when
that fails nobody listens any more; a heartbeat that cannot be said is the last one; a job whose end cannot be
said stays ``doing`` and keeps its connection locked. So they are given connections that do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import psycopg
import structlog
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException, ProcrastinateException
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from tortoise.exceptions import BaseORMException, DBConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from procrastinate.connector import Notify

LOST = (ProcrastinateException, PoolTimeout, BaseORMException, OSError)
"""What a database that went away shows itself as, and one that refuses a statement."""
AGAIN_S = 0.3
"""Until a server that is away is asked again."""
CONNECTED_WITHIN_S = 5.0
"""Longer than a server takes to restart. Then whoever wants a connection is told that there is none."""
SAID_FOR_S = 15.0
"""How long the end of a job or a heartbeat is said again. By then others take the worker for dead."""

log = structlog.get_logger()


class PatientConnection(psycopg.AsyncConnection[Any]):
    """A connection that is asked for again and again while its server restarts.

    The pool's own pauses double, so that a server that was away for 16 s is asked 15 s after it is back.
    """

    @classmethod
    async def connect(cls, *args: Any, **options: Any) -> Self:
        """Connects.

        Raises:
            psycopg.OperationalError: the server stays away.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + CONNECTED_WITHIN_S - 1  # a little before whoever waits for it gives up
        while True:
            try:
                return await super().connect(*args, **options)
            except psycopg.OperationalError:
                if loop.time() > end:
                    raise
            await asyncio.sleep(AGAIN_S)


class QuickPool(AsyncConnectionPool[psycopg.AsyncConnection[Any]]):
    """A pool that is opened within seconds or not at all, so that its owner may say so and begin anew."""

    async def open(self, wait: bool = False, timeout: float = CONNECTED_WITHIN_S) -> None:  # noqa: ASYNC109
        """Opens it.

        Raises:
            PoolTimeout: the server stays away; the pool is closed.
        """
        await super().open(wait, timeout)


class JobDatabase(PsycopgConnector):
    """Procrastinate's way to the database, which outlives a restart of it."""

    def __init__(self, url: str, connections: int) -> None:
        """Opens nothing yet.

        Args:
            url: as PostgreSQL's own tools take it.
            connections: so many at most.
        """
        super().__init__(
            pool_factory=QuickPool,
            connection_class=PatientConnection,
            conninfo=url,
            min_size=1,
            max_size=connections,
            # 30 s by default: no ring is worth that, since the sweep comes in a second.
            timeout=CONNECTED_WITHIN_S,
        )

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listens for rings for ever. What rings while nobody listens is found by looking."""
        is_told = False
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await super().listen_notify(on_notification, channels)
            except ConnectorException as error:
                is_told = is_told and asyncio.get_running_loop().time() - began < CONNECTED_WITHIN_S
                if not is_told:
                    log.warning("rings are not heard until the database is back", reason=reason_of(error))
                is_told = True
            await asyncio.sleep(AGAIN_S)

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Says that a job has ended or that the worker lives, again and again while the server restarts.

        Raises:
            ConnectorException: the server refuses it, or stays away.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + SAID_FOR_S
        while True:
            try:
                await super().execute_query_async(query, **arguments)
            except ConnectorException as error:
                if isinstance(error.__cause__, psycopg.errors.RaiseException):
                    # Procrastinate's own functions raise it only for a job that is not under way any more.
                    log.warning("somebody else ended this worker's job", reason=reason_of(error))
                elif not is_away(error) or loop.time() > end:
                    raise
                else:
                    await asyncio.sleep(AGAIN_S)
                    continue
            return


def is_away(error: Exception) -> bool:
    """True when the database cannot be reached at all, or breaks off."""
    if isinstance(error, ConnectorException):
        return isinstance(error.__cause__, psycopg.OperationalError)
    return isinstance(error, PoolTimeout | DBConnectionError | OSError)


def is_unknown_worker(error: Exception) -> bool:
    """True when a worker that was taken for dead, and is not registered any more, asks for a job."""
    return isinstance(error, ConnectorException) and isinstance(
        error.__cause__, psycopg.errors.ForeignKeyViolation
    )


def reason_of(error: Exception) -> str:
    """What the database says. Procrastinate's own errors say only that there was one."""
    told = error.__cause__ if isinstance(error, ConnectorException) and error.__cause__ else error
    # Without the statement, which may be a page long.
    primary = told.diag.message_primary if isinstance(told, psycopg.Error) else None
    return primary or str(told).strip() or type(told).__name__

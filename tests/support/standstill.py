"""Brings writers to a stand at one place until the test lets them go on, so that they meet there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELD_UP = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE datname = current_database() AND relation = $1::text::regclass AND NOT granted
"""
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query NOT LIKE '%SET "claim_expires_at"%'
"""
"""Without the beats of a claim, which may wait at any time."""


@dataclass(kw_only=True)
class Standstill:
    """A table of a PostgreSQL database that nobody can write to."""

    table: str
    watching: asyncpg.Connection
    holding: asyncpg.Connection

    async def until_held_up(self) -> None:
        """Returns once somebody waits to write to the table."""

        async def is_there() -> bool:
            return bool(await self.watching.fetchval(HELD_UP, self.table))

        await until(is_there)

    async def waiting(self) -> int:
        """How many transactions wait: for the table, or for one that waits for it."""
        return int(await self.watching.fetchval(WAITING))

    async def until_waiting(self, writers: int) -> None:
        """Returns once so many do."""

        async def are_there() -> bool:
            return await self.waiting() >= writers

        await until(are_there)

    async def end(self) -> None:
        """Lets them go on."""
        await self.holding.execute("ROLLBACK")


@asynccontextmanager
async def standstill(database_url: str, table: str) -> AsyncIterator[Standstill]:
    """Holds a table up from the beginning of the block; call :meth:`Standstill.end` in it.

    Args:
        database_url: PostgreSQL's.
        table: whoever writes to it waits; reading goes on.
    """
    async with _connected(database_url) as holding, _connected(database_url) as watching:
        await holding.execute(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE")
        # Within a transaction PostgreSQL goes on showing who waited when it was first asked.
        yield Standstill(table=table, watching=watching, holding=holding)


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()

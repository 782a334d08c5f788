"""What a PostgreSQL that goes away looks like to the hub's code."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tortoise.exceptions import BaseORMException

from hub.environment import Environment
from hub.errors import ConfigError
from hub.store.database import POSTGRES, client, in_transaction, open_database
from tests.support.postgres import delete_rows, end_backends
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MORE_THAN_THE_POOL_HAS = 12


@pytest.fixture
async def url(migrated_postgres: str) -> AsyncIterator[str]:
    await delete_rows(migrated_postgres)
    async with open_database(Environment(database_url=migrated_postgres)):
        yield migrated_postgres


async def lose_it_within_a_transaction(url: str, error: Exception | None = None) -> None:
    async with in_transaction():
        await client().execute_query("SELECT 1")
        end_backends(url)
        if error is not None:
            raise error


async def test_lost_connection_is_an_error_that_callers_expect(url: str) -> None:
    with pytest.raises(BaseORMException):
        await client().execute_query("SELECT pg_terminate_backend(pg_backend_pid())")
    _, rows = await client().execute_query("SELECT 1 AS one")
    assert rows[0]["one"] == 1


async def test_transactions_that_cannot_begin_or_end_leave_the_pool_whole(url: str) -> None:
    assert int(POSTGRES["maxsize"]) < MORE_THAN_THE_POOL_HAS
    async with asyncio.timeout(LONGEST_S):
        for _ in range(MORE_THAN_THE_POOL_HAS):
            # The first use after a loss may fail too: asyncpg learns of it late.
            with contextlib.suppress(BaseORMException):
                await client().execute_query("SELECT 1")
            await client().execute_query("SELECT 1")
            end_backends(url)
            with pytest.raises(BaseORMException):
                async with in_transaction():
                    pytest.fail("it began")
        for _ in range(MORE_THAN_THE_POOL_HAS):
            with contextlib.suppress(BaseORMException):
                await client().execute_query("SELECT 1")
            with pytest.raises(BaseORMException):
                await lose_it_within_a_transaction(url)
        with contextlib.suppress(BaseORMException):
            await client().execute_query("SELECT 1")
        async with in_transaction() as connection:
            _, rows = await connection.execute_query("SELECT 1 AS one")
    assert rows[0]["one"] == 1


async def test_first_error_of_a_transaction_is_the_one_that_is_told(url: str) -> None:
    with pytest.raises(ZeroDivisionError):
        await lose_it_within_a_transaction(url, ZeroDivisionError())


async def test_server_that_is_not_there_is_an_error_that_callers_expect() -> None:
    with pytest.raises(ConfigError, match="HUB_DATABASE_URL"):
        async with open_database(Environment(database_url="postgres://hub@127.0.0.1:1/hub")):
            pytest.fail("it opened")

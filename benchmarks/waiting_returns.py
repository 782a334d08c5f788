"""A PostgreSQL in which approved returns wait for many connections, each with a quota of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from benchmarks.copied_returns import copy_returns
from benchmarks.places import place
from hub.core import open_hub
from hub.engine.jobs import make_job_tables
from hub.merchant import connections, stores
from tests.support import documents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import OwnServer

RETURNS = 10_000
CONNECTIONS = 200
VALUES = {
    "username": "sandbox",
    "api_key": "sandbox-key",
    "base_url": "http://127.0.0.1:1/api",
    "look_up_orders": "off",
    "check_double_credit": "off",
    "poll_interval_s": "3600",
}
SPREAD = (
    f"""
    WITH place AS (SELECT id, row_number() OVER (ORDER BY rma_id) % {CONNECTIONS} AS n FROM delivery),
      account AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM connection)
    UPDATE delivery SET connection_id = account.id FROM place JOIN account USING (n)
    WHERE delivery.id = place.id
    """,  # noqa: S608 - our own number
    # Each connection stands for an account of its own, with a quota of its own.
    "UPDATE connection SET quota_key = id, is_paused = true",
    "VACUUM ANALYZE",
)


async def store_returns(server: OwnServer, home: Path) -> str:
    """Makes a database in which all returns wait and the connections are paused; gives its address."""
    url = await server.create()
    async with open_hub(place(home, url), should_migrate=True) as hub:
        await copy_returns(hub, VALUES, [documents.event(documents.rma("100000", order_name="#7"))], RETURNS)
        store = await stores.get()
        for number in range(1, CONNECTIONS):
            await connections.add(
                hub, store, "cin7_omni", f"erp-{number}", VALUES, should_check=False, is_second_allowed=True
            )
        await make_job_tables(hub.environment)
    connection = await asyncpg.connect(url)
    try:
        for statement in SPREAD:
            await connection.execute(statement)
    finally:
        await connection.close()
    return url

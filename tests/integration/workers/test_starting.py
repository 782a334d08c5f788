"""Processes that start at once on one PostgreSQL set it up once, also after one died in the middle of it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import asyncpg

from hub.environment import Environment
from hub.store.database import SETUP_LOCK, open_database, pending_migrations
from hub.store.models import Store
from hub.store.people import User
from tests.support.forked import Commands
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer

HELD = """
SELECT EXISTS (
  SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
  WHERE datname = current_database() AND locktype = 'advisory' AND objid = $1 AND granted
)
"""


async def test_two_inits_at_once_after_one_that_died_set_the_hub_up_once(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with postgres.database() as url:
        commands = Commands(home=tmp_path, variables={"HUB_DATABASE_URL": url})
        watching = await asyncpg.connect(url)
        dying = commands.start("init")
        try:
            await until(lambda: _is_held(watching))
            await dying.kill()
            assert await watching.fetchval("SELECT to_regclass('delivery')") is None
        finally:
            await watching.close()
        both = [commands.start("init"), commands.start("init")]
        ended = [await each.ended() for each in both]
        assert ended == [0, 0], commands.output.read_text(encoding="utf-8")
        environment = Environment(home=tmp_path, database_url=url)
        async with open_database(environment):
            assert await pending_migrations() == []
            assert (await Store.all().count(), await User.all().count()) == (1, 1)
    assert dying.process.exitcode == -signal.SIGKILL


async def _is_held(connection: asyncpg.Connection) -> bool:
    # PostgreSQL shows the lower half of a lock's number there.
    return bool(await connection.fetchval(HELD, SETUP_LOCK % 2**32))

"""What only SQLite needs: one file, several processes, one writer at a time."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import textwrap
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tortoise.exceptions import OperationalError

from hub.core import open_hub
from hub.store.database import client, in_transaction
from hub.store.models import Store
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.core import Hub
    from hub.environment import Environment

HOLD = textwrap.dedent("""
    import sqlite3, sys
    database = sqlite3.connect(sys.argv[1], isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE store SET url = 'from the other process'")
    print("held", flush=True)
    sys.stdin.read()
    database.execute("COMMIT")
""")


@pytest.fixture
async def lite(ready: Environment) -> AsyncIterator[Hub]:
    async with open_hub(ready) as hub:
        await Store.create(name="default", created_at=hub.clock.now())
        yield hub


@asynccontextmanager
async def writer(file: Path) -> AsyncIterator[None]:
    """Another process that holds the write lock for the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(file)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"held\n"
        yield
    finally:
        process.stdin.close()
        assert await process.wait() == 0


async def test_every_commit_reaches_the_disk(lite: Hub) -> None:
    _, rows = await client().execute_query("PRAGMA synchronous")
    assert rows[0][0] == 2
    assert lite.environment.is_sqlite


async def test_read_that_turns_into_a_write_waits_for_another_process(lite: Hub) -> None:
    async def read_and_write() -> None:
        async with in_transaction():
            store = await Store.get(name="default")
            assert store.url == "from the other process"
            await Store.filter(id=store.id).update(customer_support_url="ours")

    async with writer(lite.environment.database_file):
        ours = asyncio.create_task(read_and_write())
        await asyncio.sleep(0.2)  # SQLite does not tell that it waits
        assert not ours.done()
    await ours
    store = await Store.get(name="default")
    assert (store.url, store.customer_support_url) == ("from the other process", "ours")


async def test_client_is_usable_after_a_begin_that_failed(lite: Hub) -> None:
    await client().execute_script("PRAGMA busy_timeout = 50")
    async with writer(lite.environment.database_file):
        with pytest.raises(OperationalError, match="locked"):
            await _write("never")
        # Reads go on outside of any transaction, while the other still writes.
        assert (await asyncio.wait_for(Store.get(name="default"), LONGEST_S)).url == ""
    await asyncio.wait_for(_write("after"), LONGEST_S)
    assert (await Store.get(name="default")).url == "after"


async def test_client_is_usable_after_a_begin_that_was_cancelled(lite: Hub) -> None:
    async with writer(lite.environment.database_file):
        waiting = asyncio.create_task(_write("cancelled"))
        await asyncio.sleep(0.1)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(_write("after"), LONGEST_S)
    assert (await Store.get(name="default")).url == "after"
    with sqlite3.connect(lite.environment.database_file, timeout=LONGEST_S, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody holds the lock
        other.execute("ROLLBACK")
    other.close()


async def test_transaction_that_fails_leaves_nothing(lite: Hub) -> None:
    async def fail() -> None:
        async with in_transaction():
            await _write("half done")
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError):
        await fail()
    assert (await Store.get(name="default")).url == ""
    assert lite.environment.is_sqlite


async def _write(url: str) -> None:
    async with in_transaction():
        await Store.filter(name="default").update(url=url)

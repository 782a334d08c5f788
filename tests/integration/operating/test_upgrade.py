"""A database of every earlier schema, with rows in it, is brought up to date by `hub init` and works on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.dispatch.work import poll_now, work
from hub.errors import ConfigError
from hub.inbound.accept import accept
from hub.merchant import mappings, rmas, search
from hub.outcomes import Status
from hub.store import epochs
from hub.store.database import open_database
from hub.store.models import Delivery, Store
from tests.conftest import KEY
from tests.integration.operating.old_schema import SCHEMAS, fill, make, read_rows
from tests.support import documents
from tests.support.processes import Home
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.environment import Environment
    from tests.support.postgres import PostgresServer


@asynccontextmanager
async def empty_place(
    source: Environment, folder: Path, postgres: PostgresServer | None
) -> AsyncIterator[Environment]:
    """Another database of the source's kind, without a table."""
    if postgres is None:
        yield source.model_copy(update={"home": folder})
        return
    async with postgres.database() as url:
        yield source.model_copy(update={"home": folder, "database_url": url})


@pytest.mark.parametrize("schema", SCHEMAS[:-1])
async def test_an_earlier_schema_is_brought_up_to_date_and_nothing_is_lost(
    migrated: Environment, schema: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = None if migrated.is_sqlite else request.getfixturevalue("postgres")
    async with open_stage(migrated) as stage, empty_place(migrated, tmp_path / "old", server) as old:
        # Rows in every table that the first schema has: sent, waiting, and looked for in an epoch.
        await mappings.store(stage.hub, await stage.connection(), "{}", by="a person")
        await stage.submit(documents.rma("901", order_name="#901"))
        await epochs.begin(stage.hub.clock, "restored from a backup")
        await stage.settle()
        await stage.submit(documents.rma("902", order_name="#902"))
        rows = await read_rows()
        async with open_database(old):
            await make(old, schema)
            put = await fill(old, rows)
        if schema == SCHEMAS[0]:
            assert [table for table, given in put.items() if not given] == []
        with pytest.raises(ConfigError, match="older than this version"):
            async with open_hub(old):
                raise AssertionError("it was opened")

        variables = {"HUB_SECRET_KEY": KEY, "HUB_DATABASE_URL": old.database_url}
        home = Home(old.home, **{name: value for name, value in variables.items() if value})
        done = await asyncio.to_thread(home.run, "init")
        assert done.code == 0, done.err

        async with open_hub(old, clock=stage.time.clock) as hub:
            after = await read_rows()
            # What was not there before is new; what was there is as it was.
            for table, given in put.items():
                # What `hub init` adds, to the audit log, comes behind.
                kept = (
                    [{name: row[name] for name in given[0]} for row in after[table][: len(given)]]
                    if given
                    else []
                )
                assert kept == given, table
            store = await Store.get(name="default")
            found = await search.find(store, search.Wanted(text="901"), limit=5)
            assert [row.rma_id for row in found.rows] == ["901"]
            assert (await Delivery.get(rma__rma_id="901")).credited_at is not None
            again = await accept(
                hub.clock, store, documents.event(documents.rma("901", order_name="#901")), source="test"
            )
            assert again.duplicate
            assert await work(hub, stage.http, stage.connection_id, owner="test")
            assert await Delivery.filter(status=Status.DONE).count() == 2
            assert len(stage.notes) == 2
            stage.sandbox.receive(str(stage.notes[0]["id"]))
            await poll_now(hub, stage.http, stage.connection_id, owner="test")
            shown = await rmas.shown(store, await rmas.get(store, "901"))
            assert shown["validation"] == "full"

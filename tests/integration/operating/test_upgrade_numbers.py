"""A database from before each store had rows of its own: what one took is given back, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.core import open_hub
from hub.outcomes import Status
from hub.store.database import client, open_database
from hub.store.models import Attempt, Connection, Rma, RmaToFetch
from tests.integration.operating.old_schema import fill, make, read_rows
from tests.integration.operating.test_upgrade import empty_place
from tests.support.two_stores import open_two_stores

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from hub.environment import Environment

BEFORE = "0002_platform_and_kit"
REFUSED = "accept RMA 901 for store ours: store stranger has it already, and an RMA number is unique"


async def test_number_that_was_taken_is_credited_after_the_upgrade(
    migrated: Environment, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = None if migrated.is_sqlite else request.getfixturevalue("postgres")
    async with open_two_stores(migrated) as two, empty_place(migrated, tmp_path / "old", server) as old:
        await two.ours.show("902")
        await two.theirs.sign("901")
        await two.settle()
        two.ours.ask("901")
        two.ours.approve("901")
        now = two.time.now()
        await RmaToFetch.create(
            connection_id=two.ours.platform_id, rma_id="901", asked_at=now, due_at=now, reason=REFUSED
        )
        await Connection.filter(id=two.theirs.connection_id).update(account_key="held without proof")
        rows = await read_rows()
        # A number above all others was given out and its row is gone: it is not given twice.
        last = max(row["id"] for row in rows["rma"])
        async with open_database(old):
            await make(old, BEFORE)
            await fill(old, rows)
            if old.is_sqlite:
                await client().execute_query("UPDATE sqlite_sequence SET seq = 50 WHERE name = 'rma'")
        async with open_hub(old, clock=two.time.clock, should_migrate=True) as hub:
            after = await read_rows()
            for table in ("event", "rma", "delivery", "attempt", "timeline_entry", "search_term"):
                assert len(after[table]) == len(rows[table]), table
            by_number = {row.rma_id: row for row in await Rma.all()}
            assert by_number["902"].confirmed_at is not None
            assert by_number["901"].confirmed_at is None
            accounts = {row.id: row.account for row in await Connection.all()}
            for attempt in await Attempt.all().select_related("delivery"):
                assert attempt.account == accounts[attempt.delivery.connection_id or ""]
            assert (await Connection.get(id=two.ours.platform_id)).proved_at is not None
            assert (await RmaToFetch.get()).reason == ""
            if old.is_sqlite:
                _, broken = await client().execute_query("PRAGMA foreign_key_check")
                _, is_on = await client().execute_query("PRAGMA foreign_keys")
                assert (list(broken), is_on[0][0]) == ([], 1)
            ours, theirs = replace(two.ours, hub=hub), replace(two.theirs, hub=hub)
            await ours.poll()
            await two.settle()
            assert (await Rma.get(store_id=ours.store.id, rma_id="901")).id > (50 if old.is_sqlite else last)
            assert (await ours.status("901"), await theirs.status("901")) == (Status.DONE, Status.DONE)
            assert (two.made(ours, "901"), two.made(ours, "902"), two.made(theirs, "901")) == (1, 1, 1)
            assert theirs.store.name not in await ours.read()

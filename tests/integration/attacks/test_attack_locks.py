"""Two stores start the same return in one account: the second waits for the first to be written down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from hub.core import open_hub
from hub.dispatch.claims import claim
from hub.dispatch.opening import open_connection
from hub.dispatch.record import Recorder
from hub.outcomes import Status
from hub.store.database import in_transaction
from hub.store.models import Delivery
from tests.support.two_stores import open_two_stores
from tests.support.waiting import until

if TYPE_CHECKING:
    from hub.environment import Environment

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_second_start_waits_for_the_first(migrated: Environment) -> None:
    async with open_two_stores(migrated, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        await ours.sign()
        await theirs.sign()
        # Prepared, so that neither waits for a place in the account's quota first.
        await Delivery.all().update(request="{}", reference="R")

        async def beside() -> None:
            async with open_hub(migrated, clock=ours.hub.clock):
                await theirs.work()

        async with claim(ours.connection_id, "test", ours.hub.clock) as held:
            assert held is not None
            opened = open_connection(ours.hub, await ours.row(), ours.http, held)
            recorder = Recorder(ours.hub, opened, held)
            row = await Delivery.get(rma__store_id=ours.store.id)
            with psycopg.connect(migrated.database_url, autocommit=True) as watching:
                async with in_transaction():
                    assert await recorder.start([row]) == [row]
                    task = asyncio.create_task(beside())
                    await until(lambda: watching.execute(WAITING).fetchone() != (0,))
            await task
        assert (await ours.status(), await theirs.status()) == (Status.SENDING, Status.PENDING)
        assert two.made(ours) == 0

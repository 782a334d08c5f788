"""What is read before it is written over: another transaction comes in between, and nothing is lost by it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.errors import ConflictError
from hub.merchant import connections, deliveries
from hub.outcomes import Status
from tests.integration.desk.test_editing import written
from tests.support.documents import rma
from tests.support.stage import open_stage
from tests.support.standstill import standstill
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.stage import Stage
    from tests.support.standstill import Standstill

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
"""On SQLite a transaction is alone from its first statement on."""


@pytest.fixture
async def stage(migrated: Environment) -> AsyncIterator[Stage]:
    async with open_stage(migrated) as opened:
        yield opened


async def sent_for_nothing(stage: Stage) -> None:
    """RMA 901, whose one request never reached the ERP, and which may be sent again now."""
    stage.fault("drop_before_write:times=1,on=POST")
    await stage.submit(rma("901", order_name="#901"))
    await stage.work(most_batches=1)
    await look_until_it_may_be_sent_again(stage)


async def look_until_it_may_be_sent_again(stage: Stage) -> None:
    while (await stage.delivery("901")).status is Status.IN_DOUBT:
        stage.time.set_forward(timedelta(seconds=5))
        await stage.work(most_batches=1)
    assert (await stage.delivery("901")).status is Status.PENDING


async def meet(still: Standstill, second: asyncio.Task[object]) -> None:
    """Lets the first go on once the second waits for it, or is through."""

    async def is_there() -> bool:
        return second.done() or await still.waiting() > 1

    await until(is_there)
    await still.end()


async def test_connection_removed_while_a_return_is_handed_back_stays(stage: Stage) -> None:
    await sent_for_nothing(stage)
    await stage.submit(rma("901", order_name="#901", status="Canceled", updated="2026-03-02"))
    row = await stage.delivery("901")
    assert row.status is Status.SKIPPED
    await stage.submit(rma("901", order_name="#901", status="Received", updated="2026-03-03"))
    async with standstill(stage.hub.environment.database_url, "audit_entry") as still:
        retrying = asyncio.create_task(deliveries.retry(stage.hub.clock, await stage.delivery("901")))
        await still.until_held_up()
        removing = asyncio.create_task(connections.remove(stage.hub, await stage.connection()))
        await meet(still, removing)
        await retrying
        with pytest.raises(ConflictError, match="still wait"):
            await removing
    await stage.settle()
    assert len(stage.notes) == 1


async def test_connection_removed_while_a_return_is_approved_again_stays(stage: Stage) -> None:
    await sent_for_nothing(stage)
    await stage.submit(rma("901", order_name="#901", status="Canceled", updated="2026-03-02"))
    async with standstill(stage.hub.environment.database_url, "timeline_entry") as still:
        again = rma("901", order_name="#901", updated="2026-03-03")
        approving = asyncio.create_task(stage.submit(again))
        await still.until_held_up()
        removing = asyncio.create_task(connections.remove(stage.hub, await stage.connection()))
        await meet(still, removing)
        await approving
        with pytest.raises(ConflictError, match="still wait"):
            await removing
    await stage.settle()
    assert len(stage.notes) == 1


async def test_request_checked_against_settings_that_change_meanwhile_is_not_sent(stage: Stage) -> None:
    await connections.edit(stage.hub, await stage.connection(), {"look_up_orders": "required"})
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    row = await stage.delivery("901")
    async with standstill(stage.hub.environment.database_url, "audit_entry") as still:
        shadow = {"mode": "shadow"}
        changing = asyncio.create_task(connections.edit(stage.hub, await stage.connection(), shadow))
        await still.until_held_up()
        writing = asyncio.create_task(deliveries.edit(stage.hub, row, written()))
        await still.until_waiting(2)
        await still.end()
        await changing
        with pytest.raises(ConflictError, match="changed meanwhile"):
            await writing
    assert (await stage.delivery("901")).status is Status.ATTENTION


async def test_return_approved_again_while_it_is_withdrawn_is_credited(stage: Stage) -> None:
    stage.fault("drop_before_write:times=1,on=POST")
    await stage.submit(rma("901", order_name="#901"))
    await stage.work(most_batches=1)
    # In doubt, it is not withdrawn by the event but seen to be cancelled before it is sent again.
    await stage.submit(rma("901", order_name="#901", status="Canceled", updated="2026-03-02"))
    await look_until_it_may_be_sent_again(stage)
    async with standstill(stage.hub.environment.database_url, "event") as still:
        again = rma("901", order_name="#901", updated="2026-03-03")
        approving = asyncio.create_task(stage.submit(again))
        await still.until_held_up()
        working = asyncio.create_task(stage.work())
        await meet(still, working)
        await asyncio.gather(approving, working)
    await stage.settle()
    assert (await stage.delivery("901")).status is Status.DONE
    assert len(stage.notes) == 1

"""Attacks on how events are stored: beside a worker, beside each other, and while a person changes things."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from hub.inbound.accept import accept
from hub.inbound.intake import Intake
from hub.outcomes import Status
from tests.support.documents import event, rma, unit
from tests.support.stage import open_stage
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from hub.inbound.arriving import Accepted
    from tests.support.stage import Stage

WAITERS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"


class Holder:
    """Another process's transaction, that keeps rows until it commits."""

    def __init__(self, connection: asyncpg.Connection, watching: asyncpg.Connection) -> None:
        self.connection, self._watching = connection, watching

    async def until_waiting(self, count: int) -> None:
        """Until so many others wait for a lock."""

        async def are_waiting() -> bool:
            return int(await self._watching.fetchval(WAITERS)) >= count

        await until(are_waiting)


@asynccontextmanager
async def holding(url: str, statement: str) -> AsyncIterator[Holder]:
    connection, watching = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield Holder(connection, watching)
    finally:
        await connection.close()
        await watching.close()


@asynccontextmanager
async def stage_on(environment: Environment, url: str) -> AsyncIterator[Stage]:
    async with open_stage(environment.model_copy(update={"database_url": url})) as stage:
        yield stage


def changed() -> dict[str, object]:
    """RMA 900 with another price, later."""
    return rma("900", unit(90000, amount="7.00"), updated="2026-03-01T11:00:00+00:00")


async def take(stage: Stage, document: dict[str, object], event_id: str) -> Accepted:
    return await accept(stage.hub.clock, stage.store, event(document), source="test", event_id=event_id)


async def test_change_that_arrives_twice_at_once_is_accepted_once_and_a_duplicate_once(
    environment: Environment, emptied: str
) -> None:
    async with stage_on(environment, emptied) as stage:
        await take(stage, rma("900"), "first")
        async with holding(emptied, "SELECT FROM rma FOR UPDATE") as other:
            twice = asyncio.gather(*(take(stage, changed(), "second") for _ in range(2)))
            await other.until_waiting(2)
        assert sorted(each.duplicate for each in await twice) == [False, True]


async def test_change_that_arrives_while_its_delivery_is_recorded_hinders_nobody(
    environment: Environment, emptied: str
) -> None:
    async with stage_on(environment, emptied) as stage:
        await stage.submit(rma("900"))
        async with holding(emptied, "SELECT FROM rma FOR UPDATE") as other:
            change = asyncio.create_task(stage.submit(changed()))
            await other.until_waiting(1)
            work = asyncio.create_task(stage.work())
            await other.until_waiting(2)
        assert not (await change).is_stale
        await work
        await stage.settle()
        assert (len(stage.notes), len(stage.posts)) == (1, 1)


async def test_return_whose_method_has_an_endless_name_keeps_nobody_else_out(migrated: Environment) -> None:
    async with open_stage(migrated) as stage:
        endless = unit(90100)
        endless["returnMethod"]["name"] = "By pigeon " * 20
        intake = Intake(stage.hub.clock)
        documents = [rma("900"), rma("901", endless), rma("902")]
        await asyncio.gather(
            *(
                accept(stage.hub.clock, stage.store, event(each), source="test", intake=intake)
                for each in documents
            )
        )
        statuses = [(await stage.delivery(each)).status for each in ("900", "901", "902")]
        assert statuses == [Status.PENDING, Status.ATTENTION, Status.PENDING]


async def test_return_that_arrives_while_its_connection_is_removed_waits_for_nobody(
    environment: Environment, emptied: str
) -> None:
    async with stage_on(environment, emptied) as stage:
        intake = Intake(stage.hub.clock)
        async with holding(emptied, "SELECT FROM connection FOR UPDATE") as other:
            arriving = asyncio.create_task(
                accept(stage.hub.clock, stage.store, event(rma("900")), source="test", intake=intake)
            )
            await other.until_waiting(1)
            # As hub.merchant.connections.remove does, which holds the row all along.
            await other.connection.execute("UPDATE return_method SET connection_id = NULL")
            await other.connection.execute("UPDATE connection SET removed_at = now(), is_paused = TRUE")
        await arriving
        assert (await stage.delivery("900")).status is not Status.PENDING

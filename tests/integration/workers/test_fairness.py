"""A backlog of one connection holds up no other one, and no live return on its own."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.engine.embedded import running_engine
from hub.engine.workers import running_bell, running_worker
from hub.inbound.accept import accept
from hub.merchant import connections, methods, stores
from hub.outcomes import Status
from hub.registry import Registry
from hub.rma import MethodType
from hub.store.database import client
from hub.store.models import Connection, Delivery, Rma, RmaItem
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.support import documents
from tests.support.forked import QUICK
from tests.support.gate import Gate
from tests.support.postgres import delete_rows
from tests.support.slower import is_asked_for
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hub.core import Hub
    from hub.environment import Environment
    from hub.store.models import Store

WAITING = 10_000 if is_asked_for("chaos") else 2_000
BATCH = 10
SETTINGS = {"look_up_orders": "off", "check_double_credit": "off"}


async def connect(hub: Hub, store: Store, name: str, server: SandboxServer, sandbox: Cin7Sandbox) -> None:
    values = {**sandbox.settings(server.url), **sandbox.credentials, **SETTINGS}
    added = await connections.add(hub, store, QUICK.name, name, values, should_check=False)
    await methods.point_at(await methods.add(store, name, MethodType.PREPAID_LABEL), added.row, None)


async def submit(hub: Hub, store: Store, rma_id: str, method: str) -> None:
    unit = documents.unit(int(rma_id))
    unit["returnMethod"]["name"] = method
    document = documents.rma(rma_id, unit, order_name=f"#{rma_id}")
    await accept(hub.clock, store, documents.event(document), source="test")


async def fill(hub: Hub, store: Store) -> None:
    """A backfill on connection ``busy``, approved days ago; as rows, since accepting them takes minutes."""
    await submit(hub, store, "100000", "busy")
    first = await Delivery.get(rma__rma_id="100000").select_related("rma")
    long_ago = first.rma.received_at - timedelta(days=3)
    await Rma.filter(id=first.rma_id).update(approved_at=long_ago)
    for start in range(1, WAITING, 1000):
        ids = [str(100_000 + number) for number in range(start, min(start + 1000, WAITING))]
        await Rma.bulk_create(
            Rma(
                platform=first.rma.platform,
                rma_id=rma_id,
                store=store,
                status=first.rma.status,
                document=first.rma.document.replace("100000", rma_id),
                approved_document=first.rma.document.replace("100000", rma_id),
                approved_at=long_ago,
                received_at=first.rma.received_at,
            )
            for rma_id in ids
        )
        rows = await Rma.filter(rma_id__in=ids).order_by("rma_id").values_list("id", flat=True)
        await RmaItem.bulk_create(
            RmaItem(rma_id=row, position=0, returned_item_id=rma_id, sku="SKU-001", is_credited=True)
            for row, rma_id in zip(rows, ids, strict=True)
        )
        await Delivery.bulk_create(
            Delivery(
                id=hub.clock.new_id(),
                rma_id=row,
                connection_id=first.connection_id,
                status=Status.PENDING,
                next_attempt_at=first.next_attempt_at,
                created_at=first.created_at,
                updated_at=first.updated_at,
            )
            for row in rows
        )


@asynccontextmanager
async def engine(hub: Hub) -> AsyncIterator[Callable[[], None]]:
    """The engine of the database in use; a worker has one place only, for which connections compete."""
    async with AsyncExitStack() as stack:
        if hub.environment.is_sqlite:
            yield (await stack.enter_async_context(running_engine(hub))).ring
        else:
            await stack.enter_async_context(running_worker(hub, concurrency=1))
            yield (await stack.enter_async_context(running_bell(hub))).ring


@pytest.mark.chaos(has_short_form=True)
async def test_a_long_backlog_holds_up_nobody(migrated: Environment) -> None:
    busy, idle = Cin7Sandbox(1, quota=()), Cin7Sandbox(2, quota=())
    gate = Gate(busy, "POST")
    async with (
        SandboxServer(busy) as busy_server,
        SandboxServer(idle) as idle_server,
        open_hub(migrated, registry=Registry([QUICK])) as hub,
    ):
        await stores.ensure_default(hub.clock)
        store = await stores.get()
        await connect(hub, store, "busy", busy_server, busy)
        await connect(hub, store, "idle", idle_server, idle)
        await fill(hub, store)
        async with engine(hub) as ring:
            await until(lambda: gate.is_holding)
            before = len(busy.documents())
            await submit(hub, store, "200001", "idle")
            ring()

            def is_idle_served() -> bool:
                # A worker's only place comes free with the answer; the embedded engine has more than one.
                if gate.is_holding and not migrated.is_sqlite:
                    gate.open()
                return len(idle.documents()) == 1

            await until(is_idle_served)
            # What was on its way, and one batch more.
            assert len(busy.documents()) - before <= (0 if migrated.is_sqlite else 2 * BATCH)
            await until(lambda: gate.is_holding)
            before = len(busy.documents())
            await submit(hub, store, "200002", "busy")

            def is_busy_served() -> bool:
                if gate.is_holding:
                    gate.open()
                return any("200002" in note["reference"] for note in busy.documents())

            await until(is_busy_served)
            assert len(busy.documents()) - before <= 2 * BATCH
            # The rest is left alone: an engine that stops finishes what is under way.
            await connections.pause(await Connection.get(name="busy"), "seen enough")
            busy.clear_faults()


@pytest.mark.chaos(has_short_form=True)
async def test_a_long_backlog_does_not_keep_what_a_dead_worker_held(
    environment: Environment, migrated_postgres: str
) -> None:
    await delete_rows(migrated_postgres)
    place = environment.model_copy(update={"database_url": migrated_postgres})
    busy, idle = Cin7Sandbox(1, quota=()), Cin7Sandbox(2, quota=())
    # The backlog takes minutes: longer than it takes until somebody sees that the worker is dead.
    busy.inject(parse_fault("slow:seconds=0.5,on=POST,times=all"))
    async with (
        SandboxServer(busy) as busy_server,
        SandboxServer(idle) as idle_server,
        open_hub(place, registry=Registry([QUICK])) as hub,
    ):
        await stores.ensure_default(hub.clock)
        store = await stores.get()
        await connect(hub, store, "busy", busy_server, busy)
        await connect(hub, store, "idle", idle_server, idle)
        await fill(hub, store)
        async with engine(hub):
            await until(lambda: len(busy.documents()) >= BATCH)
            await submit(hub, store, "200001", "idle")
            left = (await Delivery.get(rma__rma_id="200001")).connection_id
            await client().execute_query(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status)"
                " VALUES ('connections', 'work', $1, 'doing')",
                [left],
            )
            await until(lambda: len(idle.documents()) == 1)
            assert len(busy.documents()) < WAITING

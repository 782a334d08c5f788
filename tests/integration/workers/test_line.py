"""Who stands in line first: what somebody waits for, then the polls that are due the longest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.engine import embedded, workers
from hub.engine.embedded import running_engine
from hub.engine.jobs import free_dead_jobs, job_app, make_job_tables, ring
from hub.engine.workers import ring_due
from hub.inbound.accept import accept
from hub.merchant import connections, methods, stores
from hub.rma import MethodType
from hub.store.database import client
from hub.store.models import Connection, Delivery
from hub.testing.serving import SandboxServer
from tests.support import documents
from tests.support.gate import Gate
from tests.support.postgres import delete_rows
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from procrastinate import App

    from hub.core import Hub
    from hub.environment import Environment

NOWHERE = {"username": "erp", "api_key": "key", "base_url": "http://127.0.0.1:9/api"}


async def add(hub: Hub, number: int, account: dict[str, str], *, due_for_s: int | None) -> str:
    """A connection with a method of its name; due to be polled for so long, or with nothing to poll."""
    store = await stores.get()
    added = await connections.add(
        hub, store, "cin7_omni", f"erp {number}", account, should_check=False, is_second_allowed=True
    )
    method = await methods.add(store, f"erp {number}", MethodType.PREPAID_LABEL)
    await methods.point_at(method, added.row, None)
    if due_for_s is not None:
        due_at = hub.clock.now() - timedelta(seconds=due_for_s)
        await Connection.filter(id=added.row.id).update(next_poll_at=due_at)
    return added.row.id


async def submit(hub: Hub, number: int) -> None:
    unit = documents.unit(number)
    unit["returnMethod"]["name"] = f"erp {number}"
    document = documents.rma(str(900 + number), unit, order_name=f"#{number}")
    await accept(hub.clock, await stores.get(), documents.event(document), source="test")


@dataclass(frozen=True, kw_only=True)
class Line:
    """Three connections due to be polled, the second the longest, and nobody who works."""

    hub: Hub
    app: App
    ids: list[str]

    async def ids_in_line(self) -> list[int]:
        """Which stand in line, in the order in which workers take them."""
        rows = await client().execute_query_dict(
            "SELECT lock FROM procrastinate_jobs WHERE status = 'todo' ORDER BY priority DESC, id"
        )
        return [self.ids.index(row["lock"]) for row in rows]


@pytest.fixture
async def line(ready: Environment, migrated_postgres: str) -> AsyncIterator[Line]:
    await delete_rows(migrated_postgres)
    environment = ready.model_copy(update={"database_url": migrated_postgres})
    async with open_hub(environment) as hub:
        await stores.ensure_default(hub.clock)
        await make_job_tables(environment)
        ids = [await add(hub, each, NOWHERE, due_for_s=due) for each, due in enumerate((10, 30, 20))]
        async with job_app(environment, 2).open_async() as app:
            yield Line(hub=hub, app=app, ids=ids)


async def test_sweep_rings_for_returns_before_polls(line: Line) -> None:
    await submit(line.hub, 2)
    await ring_due(line.app, line.hub.clock.now())
    first, *others = await line.ids_in_line()
    assert (first, sorted(others)) == (2, [0, 1])


async def test_return_overtakes_the_poll_that_its_connection_waits_for(line: Line) -> None:
    await ring_due(line.app, line.hub.clock.now())
    last = (await line.ids_in_line())[-1]
    await ring(line.app, [line.ids[last]], is_urgent=True)
    in_line = await line.ids_in_line()
    assert (in_line[0], len(in_line)) == (last, 3)


async def test_sweep_rings_for_the_polls_that_are_due_the_longest(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "POLLS_IN_LINE", 2)
    for _ in range(2):
        await ring_due(line.app, line.hub.clock.now())
        assert sorted(await line.ids_in_line()) == [1, 2], "the one due for 10 s comes later"


async def test_ring_for_many_passes_over_those_in_line(line: Line) -> None:
    await ring(line.app, [line.ids[1]])
    await ring(line.app, line.ids)
    assert sorted(await line.ids_in_line()) == [0, 1, 2]
    assert (await line.ids_in_line())[0] == 1


async def test_long_job_of_no_connection_is_left_to_its_living_worker(line: Line) -> None:
    """As deleting old calls is, where there are many connections; a turn never takes so long."""
    (worker,) = await client().execute_query_dict(
        "INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"
    )
    for lock in (None, line.ids[0]):
        await client().execute_query(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status, worker_id)"
            " VALUES ('sweep', 'tidy', $1, 'doing', $2)",
            [lock, worker["id"]],
        )
    await free_dead_jobs(line.app, line.hub.clock.now())
    left = await client().execute_query_dict("SELECT lock FROM procrastinate_jobs")
    assert [row["lock"] for row in left] == [None]


async def test_engine_polls_a_few_at_once_and_sends_meanwhile(
    ready: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "POLLS_AT_ONCE", 1)
    sandbox = Cin7Sandbox(7, quota=())
    async with SandboxServer(sandbox) as server, open_hub(ready) as hub:
        await stores.ensure_default(hub.clock)
        account = {**sandbox.settings(server.url), **sandbox.credentials}
        for number in range(3):
            await add(hub, number, account, due_for_s=10)
        await add(hub, 3, account, due_for_s=None)
        await submit(hub, 3)
        gate, at_once = Gate(sandbox, "GET"), 0
        async with running_engine(hub):

            async def has_polled_all() -> bool:
                nonlocal at_once
                if gate.is_holding:
                    polling = await Connection.filter(claim_token__isnull=False, name__not="erp 3").count()
                    at_once = max(at_once, polling)
                    gate.open()
                return await Connection.filter(polled_at__isnull=False).count() == 3

            await until(has_polled_all)
            assert await Delivery.filter(attempts=1).count() == 1
    assert at_once == 1

"""After a restart of PostgreSQL a worker is what it was: it hears rings, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from procrastinate.jobs import Status
from tortoise.exceptions import BaseORMException

from hub.engine import workers
from hub.engine.jobs import job_app, make_job_tables
from hub.engine.workers import running_bell, running_worker
from hub.environment import Environment
from hub.inbound.accept import accept
from hub.merchant import stores
from hub.store.database import client
from hub.testing.faults import parse_fault
from tests.integration.workers.fleet import open_fleet
from tests.support import documents
from tests.support.migrated import migrate_all, run_beside
from tests.support.postgres import delete_rows, own_postgres
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.integration.workers.fleet import Fleet
    from tests.support.postgres import OwnServer

NEVER_S = 3600.0
RETURNS = 5
SOON_S = 20.0
"""It takes a fifth of a second. One that begins anew waits 25 s for an ERP that does not answer."""
LISTENING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
)
WORKING = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'work'"
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s
"""


def count(url: str, question: str) -> int:
    with psycopg.connect(url) as connection:
        (number,) = connection.execute(question).fetchone() or (0,)
    return int(number)


async def first_byte_s(
    fleet: Fleet, send: Callable[[str], Awaitable[None]], first: int, erp: int = 0
) -> float:
    """How long after it is accepted the first byte about a return goes out: the middle one of several."""
    took = []
    for number in range(first, first + RETURNS):
        before = len(fleet.sandboxes[erp].calls())
        await send(str(number))
        accepted_at = time.monotonic()
        await until(lambda before=before: len(fleet.sandboxes[erp].calls()) > before, SOON_S)  # type: ignore[misc]
        took.append(time.monotonic() - accepted_at)
    return statistics.median(took)


@pytest.fixture(scope="module")
def hurt() -> Iterator[tuple[OwnServer, str]]:
    """A PostgreSQL that may be hurt, and the address of a migrated database on it."""
    with own_postgres() as server:
        url = run_beside(server.create())
        run_beside(migrate_all(Environment(database_url=url)))
        yield server, url


async def test_rings_are_heard_again(
    hurt: tuple[OwnServer, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = hurt
    # So nothing is found but what is heard.
    monkeypatch.setattr(workers, "FETCH_EVERY_S", NEVER_S)
    async with (
        open_fleet(tmp_path, url) as fleet,
        fleet.hub() as hub,
        running_worker(hub, concurrency=5),
        running_bell(hub) as bell,
    ):
        store = await stores.get()

        async def send(rma_id: str) -> None:
            # A turn that goes on takes the next return with it, and needs no ring.
            await until(lambda: count(url, WORKING) == 0)
            unit = documents.unit(int(rma_id))
            unit["returnMethod"]["name"] = "Method 0"
            document = documents.rma(rma_id, unit, order_name=f"#{rma_id}")
            await accept(hub.clock, store, documents.event(document), source="test")
            bell.ring()

        await until(lambda: count(url, LISTENING) == 1)
        before_s = await first_byte_s(fleet, send, 900)
        for mode in ("fast", "immediate"):
            await server.restart(mode)
            await until(lambda: count(url, LISTENING) == 1)
            # asyncpg learns of a loss when it uses the connection.
            while True:
                try:
                    await client().execute_query("SELECT 1")
                except BaseORMException:
                    continue
                break
            after_s = await first_byte_s(fleet, send, 910 if mode == "fast" else 920)
            shown = f"{before_s * 1000:.0f} ms before, {after_s * 1000:.0f} ms after a restart ({mode})"
            print(f"\naccepted to first byte: {shown}")  # noqa: T201 - the point


async def test_worker_goes_on_although_an_erp_keeps_it_waiting(
    hurt: tuple[OwnServer, str], tmp_path: Path
) -> None:
    server, url = hurt
    await delete_rows(url)
    async with open_fleet(tmp_path, url, erps=2) as fleet:
        await fleet.start([("serve", "--port", "0"), ("worker",)])
        before_s = await first_byte_s(fleet, lambda rma_id: fleet.submit(rma_id, erp=1), 900, erp=1)
        fleet.sandboxes[0].inject(parse_fault("hang:on=POST,times=1"))
        await fleet.submit("910", erp=0)
        await fleet.until(lambda: fleet.sandboxes[0].calls() != [])
        await server.restart("fast")
        after_s = await first_byte_s(fleet, lambda rma_id: fleet.submit(rma_id, erp=1), 920, erp=1)
        assert fleet.sandboxes[0].calls()[-1]["status"] is None, "it was to wait still"
        printed = fleet.commands.output.read_text(encoding="utf-8")
        assert "Side task" not in printed, printed
    shown = f"{before_s * 1000:.0f} ms before, {after_s * 1000:.0f} ms after a restart"
    print(f"\naccepted to first byte, while an ERP does not answer: {shown}")  # noqa: T201 - the point


async def test_heartbeat_that_was_cut_off_is_said_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "HEARTBEAT_S", 0.1)
    url = fleet.environment.database_url
    async with fleet.hub() as hub, running_worker(hub, concurrency=1):
        worker = "SELECT coalesce(max(id), 0) FROM procrastinate_workers"
        await until(lambda: count(url, worker) > 0)
        registered = count(url, worker)
        with psycopg.connect(url) as holding:
            holding.execute("LOCK TABLE procrastinate_workers IN EXCLUSIVE MODE")
            await until(lambda: was_cut_off(url, "%update_heartbeat%"))
        cut_off_at = count(url, "SELECT extract(epoch FROM clock_timestamp()) * 1000")
        beat_at = "SELECT extract(epoch FROM last_heartbeat) * 1000 FROM procrastinate_workers WHERE id = {}"
        await until(lambda: count(url, beat_at.format(registered)) > cut_off_at)


async def test_end_of_a_job_that_was_cut_off_is_said_again(fleet: Fleet) -> None:
    """Else the job looks under way, and its connection is locked until the sweep frees it, a minute later."""
    url = fleet.environment.database_url
    async with fleet.hub():
        await make_job_tables(fleet.environment)
        async with job_app(fleet.environment, 2).open_async() as app:
            (job,) = await client().execute_query_dict(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status)"
                " VALUES ('connections', 'work', 'x', 'doing') RETURNING id"
            )
            with psycopg.connect(url) as holding:
                holding.execute("SELECT FROM procrastinate_jobs FOR UPDATE")
                finish = app.job_manager.finish_job_by_id_async
                saying = asyncio.create_task(
                    finish(job_id=job["id"], status=Status.SUCCEEDED, delete_job=True)
                )
                await until(lambda: was_cut_off(url, "%finish_job%"))
            await saying
    assert count(url, WORKING) == 0


def was_cut_off(url: str, statement: str) -> bool:
    """Ends the connection of a statement that waits; False when none does yet."""
    with psycopg.connect(url, autocommit=True) as connection:
        return bool(connection.execute(CUT_OFF, [statement]).fetchall())

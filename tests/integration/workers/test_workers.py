"""`hub serve` and `hub worker` as processes on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from hub.environment import Environment
from tests.integration.workers.fleet import freeze
from tests.support.migrated import put_database
from tests.support.processes import Home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.workers.fleet import Fleet

TAKEN_OVER_WITHIN_S = 30.0


def posts(fleet: Fleet, erp: int = 0) -> list[dict[str, Any]]:
    return [call for call in fleet.sandboxes[erp].calls() if call["method"] == "POST"]


async def no_worker(fleet: Fleet) -> bool:
    """Whether `hub doctor` misses a worker."""
    home = Home(fleet.environment.home, HUB_DATABASE_URL=fleet.environment.database_url)
    found = await asyncio.to_thread(home.run, "doctor", "--json")
    return "no worker is running: nothing is sent until `hub worker` runs" in found.json["problems"]


async def test_return_goes_all_the_way_and_back(fleet: Fleet) -> None:
    await fleet.start([("serve", "--port", "0"), ("worker",)])
    for number in range(6):
        await fleet.submit(str(900 + number), erp=number % 2)
    await fleet.until(fleet.is_done)
    await fleet.check_one_each()
    for sandbox in fleet.sandboxes:
        for note in sandbox.documents():
            sandbox.receive(str(note["id"]))

    async def is_back() -> bool:
        return await fleet.rows("SELECT DISTINCT validation FROM rma") == [("full",)]

    await fleet.until(is_back)


async def test_serve_rings_for_what_it_takes_in_and_a_worker_sends_it(fleet: Fleet) -> None:
    """Without a worker, so that what rings is not a worker's sweep."""
    await fleet.serve()
    await fleet.submit("900", erp=1)

    async def waiting() -> list[tuple[Any, ...]]:
        return await fleet.rows("SELECT args, status FROM procrastinate_jobs")

    async def is_rung() -> bool:
        return await waiting() != []

    await fleet.until(is_rung)
    ((arguments, status),) = await waiting()
    assert (json.loads(arguments), status) == ({"connection_id": fleet.connection_ids[1]}, "todo")
    assert await no_worker(fleet)
    # As a worker leaves it that dies, or loses the database, at the wrong moment: it keeps others away.
    dead = f"'connections', 'work', '{fleet.connection_ids[1]}', 'doing'"
    await fleet.rows(
        f"INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status) VALUES ({dead})"  # noqa: S608
    )
    (worker,) = await fleet.work()
    await fleet.until(fleet.is_done)
    assert not await no_worker(fleet)
    freeze(worker, signal.SIGTERM)
    assert await worker.ended() == 0
    assert await no_worker(fleet)


async def test_two_workers_share_connections_and_finish_what_they_began(fleet: Fleet) -> None:
    fleet.fault("slow:seconds=1000,on=POST,times=all")
    alone = ("worker", "--concurrency", "1")
    _, *workers = await fleet.start([("serve", "--port", "0"), alone, alone])
    for number in range(2):
        await fleet.submit(str(900 + number), erp=number)

    async def are_both_sending() -> bool:
        owners = "SELECT count(DISTINCT claim_owner) FROM connection"
        sending = "SELECT count(*) FROM delivery WHERE status = 'sending'"
        return await fleet.rows(f"SELECT ({owners}), ({sending})") == [(2, 2)]

    await fleet.until(are_both_sending)
    for worker in workers:
        freeze(worker, signal.SIGTERM)
    fleet.clear_faults()
    assert [await worker.ended() for worker in workers] == [0, 0]
    assert await fleet.is_done(), await fleet.told()
    await fleet.check_one_each()
    assert await fleet.rows("SELECT DISTINCT verdict FROM delivery") == [("created",)]
    assert await fleet.rows("SELECT DISTINCT claim_owner FROM connection") == [(None,)]
    assert await fleet.rows("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'") == [(0,)]


async def test_worker_that_was_frozen_does_not_write_for_a_connection_given_away(fleet: Fleet) -> None:
    fleet.fault("slow:seconds=1000,on=GET,times=all")
    _, worker = await fleet.start([("serve", "--port", "0"), ("worker",)])
    await fleet.submit("900")
    await fleet.until(lambda: fleet.sandboxes[0].calls() != [])
    freeze(worker, signal.SIGSTOP)
    # As after its claim's end, which nobody wants to wait for here: another process has the connection.
    mine = f"WHERE id = '{fleet.connection_ids[0]}'"
    await fleet.rows(
        "UPDATE connection SET claim_token = 'other', claim_owner = 'other', "  # noqa: S608 - our own id
        f"claim_expires_at = now() + interval '20 seconds' {mine}"
    )
    freeze(worker, signal.SIGCONT)
    fleet.clear_faults()
    printed = fleet.commands.output
    await fleet.until(lambda: "claim lost" in printed.read_text(encoding="utf-8"))
    assert posts(fleet) == []
    assert await fleet.rows("SELECT status, attempts FROM delivery") == [("pending", 0)]
    await fleet.rows(f"UPDATE connection SET claim_token = NULL, claim_owner = NULL {mine}")  # noqa: S608
    await fleet.until(fleet.is_done)
    await fleet.check_one_each()


@pytest.mark.chaos  # it waits for a claim's end
async def test_what_a_killed_worker_was_sending_is_taken_over(fleet: Fleet) -> None:
    fleet.fault("slow:seconds=1,on=POST,times=1")
    _, worker = await fleet.start([("serve", "--port", "0"), ("worker",)])
    await fleet.submit("900")
    await fleet.until(lambda: posts(fleet) != [])
    await worker.kill()
    killed_at = time.monotonic()
    await fleet.work()
    await fleet.until(fleet.is_done)
    took = time.monotonic() - killed_at
    print(f"\nwhat a killed worker was sending was taken over {took:.1f} s after its end")  # noqa: T201
    assert took < TAKEN_OVER_WITHIN_S
    await fleet.check_one_each()
    assert await fleet.rows("SELECT verdict, attempts FROM delivery") == [("adopted", 1)]


def test_worker_refuses_sqlite(tmp_path: Path) -> None:
    home = Home(tmp_path)
    put_database(Environment(home=tmp_path))
    home.ok("init")
    refused = home.run("worker")
    assert refused.code == 3
    assert "this hub is on SQLite" in refused.err
    assert "run `hub serve`" in refused.err

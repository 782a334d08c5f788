"""What is measured at one size: a sweep, polls that are all due at once, and polls that come evenly."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import percentile
from benchmarks.processor import cpu_s
from benchmarks.scaling_working import LIVE_EVERY_S, arrive, work
from hub.engine.jobs import job_app, ring
from hub.engine.work import due_connections
from hub.engine.workers import ring_due, running_bell
from hub.store.database import client
from hub.store.models import Connection, Delivery, Exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from benchmarks.scaling_erp import SharedTime
    from hub.core import Hub
    from hub.environment import Environment

OPEN_FOR_HOURS = 168.0
"""A note is open for a week: so many are received, and as many returns arrive, in an hour."""
INTERVAL = timedelta(minutes=5)
ALL_DUE_S = 30.0
"""How long, at most, polls that are all due at once are watched."""
STARTING_S = 4.0
SYNCING_S = 1.0
_spawned = multiprocessing.get_context("spawn")

Found = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one size is measured on.

    Attributes:
        server_pid: of PostgreSQL; None on SQLite.
    """

    environment: Environment
    time_file: Path
    time: SharedTime
    connections: int
    documents: int
    server_pid: int | None
    erp_pid: int


def kept_waiting_s(pid: int) -> float:
    """Seconds that a process was ready to run and had no core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


def syncs_per_s(folder: Path) -> float:
    """What the disk bears: how often a small write reaches it in a second, one after the other."""
    with tempfile.TemporaryFile(dir=folder) as file:
        began, number = time.perf_counter(), 0
        while time.perf_counter() - began < SYNCING_S:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            number += 1
        return number / (time.perf_counter() - began)


@contextlib.contextmanager
def workers(stage: Stage, number: int) -> Iterator[tuple[list[int], Any]]:
    """So many processes work for the block; gives their ids and the count of their statements."""
    statements = _spawned.Value("Q", 0)
    given = (stage.environment, stage.time_file, statements, stage.connections)
    processes = [_spawned.Process(target=work, args=given) for _ in range(number)]
    for each in processes:
        each.start()
    try:
        time.sleep(STARTING_S)
        yield [each.pid for each in processes if each.pid], statements
    finally:
        for each in processes:
            each.terminate()
        for each in processes:
            each.join(60)


async def used(stage: Stage, pids: Sequence[int], statements: Any) -> Found:
    """Counters that only grow."""
    found = {
        "wall": time.monotonic(),
        "calls": float(await Exchange.filter(finished_at__isnull=False).count()),
        "worker_s": sum(map(cpu_s, pids)),
        "kept_waiting_s": sum(map(kept_waiting_s, pids)),
        "erp_s": cpu_s(stage.erp_pid),
        "statements": float(statements.value),
    }
    if stage.server_pid is not None:
        found["database_s"] = cpu_s(stage.server_pid)
        stats = await client().execute_query_dict(
            "SELECT xact_commit AS transactions, tup_inserted + tup_updated + tup_deleted AS rows_written,"
            " pg_current_wal_lsn() - '0/0'::pg_lsn AS wal_bytes FROM pg_stat_database"
            " WHERE datname = current_database()"
        )
        found |= {name: float(value) for name, value in stats[0].items()}
    return found


def per_poll(before: Found, after: Found, polls: int) -> Found:
    """What a poll cost, and how many there were in a second."""
    spent = {name: after[name] - before[name] for name in before}
    wall, kept_waiting = spent.pop("wall"), spent.pop("kept_waiting_s")
    found = {name: value / max(polls, 1) for name, value in spent.items()}
    return found | {
        "polls": polls,
        "polls_per_s": polls / wall,
        "busy": spent["worker_s"] / wall,
        "without_a_core": kept_waiting / wall,
    }


async def live(since: datetime) -> Found:
    """How long returns that arrived since then waited for their note, in seconds."""
    made = Delivery.filter(rma__received_at__gte=since)
    times = [
        (credited_at - received_at).total_seconds()
        for received_at, credited_at in await made.values_list("rma__received_at", "credited_at")
        if credited_at
    ]
    return {
        "live": await made.count(),
        "live_made": len(times),
        "live_p50": percentile(times or [0.0], 0.5),
        "live_max": max(times, default=0.0),
    }


# --- a sweep -----------------------------------------------------------------------------------------


async def set_due(stage: Stage, hub: Hub, share: float) -> None:
    """Makes a share of the connections due now and the others in five minutes."""
    now, last = hub.clock.now(), f"{int(stage.connections * share):016x}"
    await Connection.filter(id__lte=last).update(next_poll_at=now)
    await Connection.filter(id__gt=last).update(next_poll_at=now + INTERVAL)


async def sweeps(stage: Stage, hub: Hub) -> Found:
    """What a sweep costs in milliseconds while nobody works, with nothing, a tenth and everything due.

    PostgreSQL only. The second sweep finds its rings waiting; beside it, what it takes to ring for all.
    """
    found = {}
    async with job_app(hub.environment, 2).open_async() as app:

        async def sweep() -> None:
            await ring_due(app, hub.clock.now())

        async def ring_all() -> None:
            await ring(app, await due_connections(hub.clock.now()))

        for share in (0.0, 0.1, 1.0):
            await set_due(stage, hub, share)
            for name, do in (("sweep", sweep), ("sweep again", sweep), ("ring for all", ring_all)):
                found[f"{name}, {share:.0%} due, ms"] = await _milliseconds(do)
            await client().execute_script("DELETE FROM procrastinate_jobs")
    await set_due(stage, hub, 0.0)
    return found


async def _milliseconds(do: Any) -> float:
    began = time.perf_counter()
    await do()
    return (time.perf_counter() - began) * 1_000


# --- polls -------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def arriving(stage: Stage, hub: Hub, every_s: float) -> AsyncIterator[None]:
    """Returns arrive for the block as at a `hub serve`; on SQLite the working process takes them in."""
    if hub.environment.is_sqlite:
        yield
        return
    async with running_bell(hub) as bell:
        task = asyncio.create_task(arrive(hub, bell.ring, stage.connections, every_s))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def all_due(stage: Stage, hub: Hub, number: int) -> Found:
    """Every connection is due at once: what is polled in a second, and at what cost."""
    stage.time.run_at(1.0)
    await set_due(stage, hub, 0.0)
    with workers(stage, number) as (pids, statements):
        began_at = hub.clock.now()
        await set_due(stage, hub, 1.0)
        before = await used(stage, pids, statements)
        waiting = Connection.filter(next_poll_at__lte=hub.clock.now())
        async with arriving(stage, hub, LIVE_EVERY_S):
            end = before["wall"] + ALL_DUE_S
            while (left := await waiting.count()) and time.monotonic() < end:  # noqa: ASYNC110 - of processes
                await asyncio.sleep(0.25)
            after = await used(stage, pids, statements)
            found = per_poll(before, after, stage.connections - left) | await live(began_at)
    return found


async def evenly(stage: Stage, hub: Hub, number: int, speed: float, wall_s: float) -> Found:
    """Polls are due evenly over five simulated minutes: how late they come, in the wall's seconds."""
    stage.time.run_at(speed)
    await set_due(stage, hub, 0.0)
    with workers(stage, number) as (pids, statements):
        now = hub.clock.now()
        due = {
            row.id: now + INTERVAL * ((int(row.id, 16) * 0.618034) % 1)
            for row in await Connection.all().only("id")
        }
        mark = "?" if hub.environment.is_sqlite else "$"
        await client().execute_many(
            f"UPDATE connection SET next_poll_at = {mark}1 WHERE id = {mark}2",  # noqa: S608
            [[str(at) if hub.environment.is_sqlite else at, each] for each, at in due.items()],
        )
        before = await used(stage, pids, statements)
        every_s = OPEN_FOR_HOURS * 3_600 / stage.documents / speed
        async with arriving(stage, hub, every_s):
            await asyncio.sleep(wall_s)
            after = await used(stage, pids, statements)
            late = await lags(now, due)
            overdue = Connection.filter(next_poll_at__lt=hub.clock.now())
            found = per_poll(before, after, len(late))
            longest = [hub.clock.now() - row.next_poll_at for row in await overdue if row.next_poll_at]
    return {f"evenly: {name}": value for name, value in found.items()} | {
        "lag_p50": percentile(late, 0.5) / speed,
        "lag_p95": percentile(late, 0.95) / speed,
        "lag_max": max(late) / speed,
        "overdue": len(longest),
        "overdue_max": max(longest, default=timedelta(0)).total_seconds() / speed,
    }


async def lags(since: datetime, due: dict[str, datetime]) -> list[float]:
    """How many simulated seconds after its time each poll began: the request log tells."""
    polls = Exchange.filter(at__gte=since, url__contains="ModifiedDate", finished_at__isnull=False)
    late, next_due = [0.0], dict(due)
    for connection_id, at, finished_at in await polls.order_by("id").values_list(
        "connection_id", "at", "finished_at"
    ):
        late.append(max((at - next_due[connection_id]).total_seconds(), 0.0))
        next_due[connection_id] = finished_at + INTERVAL
    return late

"""Deliveries a second on PostgreSQL, with 1, 2 and 4 `hub worker`, beside Procrastinate running empty jobs.

Approved RMAs of 200 connections wait in a durable PostgreSQL. Measured is from the moment when the
connections may work, and are rung for, to the moment when the last note is stored as done.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import asyncpg

from benchmarks.empty_jobs import empty_jobs
from benchmarks.figures import Figure
from benchmarks.places import KEY, place
from benchmarks.processor import cpu_s, postmaster
from benchmarks.waiting_returns import CONNECTIONS, RETURNS, store_returns
from connectors.cin7_omni.marker import marked_rma
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.engine.jobs import job_app, ring
from hub.testing.serving import SandboxServer
from tests.support.postgres import own_postgres
from tests.support.processes import REPOSITORY
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from multiprocessing.connection import Connection as Pipe

    from hub.environment import Environment
    from tests.support.postgres import OwnServer

WORKERS = (1, 2, 4)
CONCURRENCY = 20
"""What `hub worker` works on at once by default; Procrastinate's workers get the same."""
TARGET = 4.0
LONGEST_S = 300.0


async def run() -> list[Figure]:
    """Measures both at each number of workers, one after the other, on the same server."""
    figures = []
    with own_postgres(is_durable=True) as server, tempfile.TemporaryDirectory() as folder:
        await _check_durable(server)
        waiting = await store_returns(server, Path(folder))
        for workers in WORKERS:
            beside = await empty_jobs(server, workers, CONCURRENCY)
            figures.append((workers, await _deliveries(server, waiting, Path(folder), workers), beside))
    best = max(beside for _, _, beside in figures)
    best_of_ours = max(ours.per_second for _, ours, _ in figures)
    return [
        Figure(
            what=f"deliveries on PostgreSQL, {workers} {'worker' if workers == 1 else 'workers'}",
            value=ours.per_second,
            unit="deliveries/s",
            beside=f"Procrastinate, empty jobs, {workers}",
            beside_value=beside,
            target=f"≥ {TARGET:g} times it",
            is_met=ours.per_second >= TARGET * beside,
            note=f"{RETURNS // CONNECTIONS} returns of each connection; {ours.costs}",
        )
        for workers, ours, beside in figures
    ] + [
        Figure(
            what="deliveries on PostgreSQL, the best of 1, 2 and 4 workers",
            value=best_of_ours,
            unit="deliveries/s",
            beside="Procrastinate, its best",
            beside_value=best,
            target=f"≥ {TARGET:g} times it",
            is_met=best_of_ours >= TARGET * best,
        )
    ]


async def _check_durable(server: OwnServer) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if await connection.fetchval(f"SHOW {setting}") != "on":
                raise SystemExit(f"PostgreSQL runs with {setting} off: what is measured would not be durable")
    finally:
        await connection.close()


# --- the hub -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What a run of the hub came to."""

    per_second: float
    costs: str


async def _deliveries(server: OwnServer, waiting: str, home: Path, workers: int) -> Delivered:
    """Runs so many workers on a copy of the database until every note is stored as done."""
    url = await server.create(copy_of=waiting)
    environment = place(home, url)
    try:
        with _sandbox() as erp:
            connection = await asyncpg.connect(url)
            await connection.execute(
                "UPDATE connection SET settings = replace(settings, 'http://127.0.0.1:1/', $1)", f"{erp.url}/"
            )
            ids = [row["id"] for row in await connection.fetch("SELECT id FROM connection ORDER BY id")]
            async with (
                _started(environment, workers) as processes,
                job_app(environment, 1).open_async() as app,
            ):
                before = _cpu_s(server, erp, processes)
                began = time.perf_counter()
                await connection.execute("UPDATE connection SET is_paused = false")
                await ring(app, ids)
                done = "SELECT count(*) FROM delivery WHERE status = 'done'"

                async def is_done() -> bool:
                    await asyncio.sleep(0.02)
                    return bool(await connection.fetchval(done) == RETURNS)

                await until(is_done, LONGEST_S)
                took = time.perf_counter() - began
                after = _cpu_s(server, erp, processes)
            await _check_one_each(connection, erp.url)
            await connection.close()
    finally:
        await server.drop(url)
    spent = ", ".join(f"{name} {(after[name] - before[name]) / RETURNS * 1000:.2f}" for name in before)
    return Delivered(per_second=RETURNS / took, costs=f"CPU ms for each delivery: {spent}")


@asynccontextmanager
async def _started(environment: Environment, workers: int) -> AsyncIterator[list[int]]:
    """Real workers, ready; gives their process ids."""
    seen = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    seen |= {
        "HUB_HOME": str(environment.home),
        "HUB_DATABASE_URL": environment.database_url,
        "HUB_SECRET_KEY": KEY,
        "HUB_EGRESS_ALLOW": "127.0.0.0/8",
    }
    command = (sys.executable, "-m", "cli", "worker", "--concurrency", str(CONCURRENCY))
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    started = []
    try:
        for _ in range(workers):
            process = await asyncio.create_subprocess_exec(
                *command, cwd=REPOSITORY, env=seen, stdout=pipe, stderr=nowhere
            )
            started.append(process)
        for process in started:
            if process.stdout is None or not await asyncio.wait_for(process.stdout.readline(), LONGEST_S):
                raise SystemExit("hub worker ended before it was ready")
        # The line is printed a moment before the worker asks for its first job.
        await asyncio.sleep(1)
        yield [process.pid for process in started]
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*[process.wait() for process in started])


async def _check_one_each(connection: asyncpg.Connection, erp_url: str) -> None:
    """Every RMA has exactly one note, and its delivery knows that one."""
    async with aiohttp.ClientSession() as http, http.get(f"{erp_url}/_sandbox/documents") as answer:
        notes = await answer.json()
    known = await connection.fetch(
        "SELECT rma.rma_id, document_id FROM delivery JOIN rma ON rma.id = delivery.rma_id "
        "WHERE delivery.status = 'done'"
    )
    made = Counter((marked_rma(note["raw"]["internalComments"]), str(note["id"])) for note in notes)
    if made != Counter(tuple(row) for row in known) or len(made) != RETURNS:
        raise SystemExit(f"{len(notes)} notes were made for {RETURNS} returns")


# --- the ERP -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Erp:
    """A sandbox in a process of its own."""

    url: str
    pid: int


@contextmanager
def _sandbox() -> Iterator[Erp]:
    """A sandbox of Cin7 Omni without a quota, for the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Erp(url=ours.recv(), pid=process.pid or 0)
    finally:
        process.kill()
        process.join()


def _serve(told: Pipe) -> None:
    async def serve() -> None:
        async with SandboxServer(Cin7Sandbox(quota=())) as server:
            told.send(server.url)
            await asyncio.Event().wait()

    asyncio.run(serve())


# --- what it costs -------------------------------------------------------------------------------------


def _cpu_s(server: OwnServer, erp: Erp, workers: list[int]) -> dict[str, float]:
    """Seconds of CPU that each party has used so far; PostgreSQL with the backends that have ended."""
    return {
        "workers": sum(map(cpu_s, workers)),
        "PostgreSQL": cpu_s(postmaster(server.url)),
        "sandbox": cpu_s(erp.pid),
    }

"""Procrastinate alone: how many jobs a second its workers run that do nothing. The peer in `workers.py`."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import asyncpg
from procrastinate import App, PsycopgConnector

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import OwnServer

LONGEST_S = 300.0
JOBS = 2_000
"""Its pace does not rise with more of them."""


async def empty_jobs(server: OwnServer, workers: int, concurrency: int) -> float:
    """Jobs a second that so many workers of Procrastinate run, each of which does nothing.

    Storing the jobs is not counted; the workers wait for them, warm.
    """
    async with server.database() as url:
        app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=4))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            job = app.configure_task("empty", queue="empty")
            connection = await asyncpg.connect(url)
            with ExitStack() as stack:
                for _ in range(workers):
                    stack.enter_context(_worker(url, concurrency))
                await _until(connection, "SELECT count(*) = $1 FROM procrastinate_workers", workers)
                await asyncio.sleep(0.5)
                await job.batch_defer_async(*[{} for _ in range(JOBS)])
                began = time.perf_counter()
                await _until(connection, "SELECT count(*) = $1 FROM procrastinate_jobs", 0)
                took = time.perf_counter() - began
            await connection.close()
    return JOBS / took


async def _until(connection: asyncpg.Connection, statement: str, number: int) -> None:
    async def is_so() -> bool:
        await asyncio.sleep(0.01)
        return bool(await connection.fetchval(statement, number))

    await until(is_so, LONGEST_S)


@contextmanager
def _worker(url: str, concurrency: int) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(url, concurrency), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _run(url: str, concurrency: int) -> None:
    app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=concurrency))

    @app.task(name="empty", queue="empty")
    async def empty() -> None:
        """Nothing."""

    async def work() -> None:
        async with app.open_async():
            await app.run_worker_async(
                queues=["empty"],
                concurrency=concurrency,
                delete_jobs="always",
                install_signal_handlers=False,
            )

    asyncio.run(work())

"""The engine on PostgreSQL: any number of workers, woken by Procrastinate on the same database.

The rows are the truth and a job is only the ring of a doorbell: it names a connection, and whoever runs it
does what the rows say is due, under the connection's claim. So a lost job loses nothing, for the sweep rings
again, and a repeated one does nothing twice.

What was learnt by trying procrastinate 3.10 and holds here: commit first, then ring. That a ring waits
already is success. A job never raises, never asks to be run again and is never put off: a job with a time in
the future would swallow every ring until then, and waiting is the rows' business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from hub.dispatch.http import client_session
from hub.dispatch.retention import forget_calls
from hub.engine.job_database import LOST, reason_of
from hub.engine.jobs import (
    LIVING,
    QUEUE,
    SWEEP,
    SWEEPING,
    free_dead_jobs,
    job_app,
    make_job_tables,
    others_wait,
    ring,
)
from hub.engine.supervision import again_and_again
from hub.engine.ticks import tick
from hub.engine.work import due_connections, unpolled_connections, waiting_connections
from hub.engine.working import Workshop
from hub.errors import ConfigError
from hub.store.database import client
from hub.store.server import check_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import datetime

    import aiohttp
    from procrastinate import App

    from hub.core import Hub

NEW_YEAR = "0 0 1 1 *"
HEARTBEAT_S = 3.0
BATCHES_AT_ONCE = 1
"""Then a connection makes way for another one that waits, so that a long backlog holds nobody up."""
TURN_S = 5.0
"""And after so long in any case: a worker that has to begin anew waits for its jobs."""
POLLS_IN_LINE = 100
"""For each worker, more than it makes until the next sweep. Thousands may be due after an outage: in line
they would slow each other down, and the sweep would ring for all of them every second."""
FETCH_EVERY_S = 0.5
"""A job that waited for another of its connection is not notified when that ends, but found by this."""
DRAIN_S = 25.0

log = structlog.get_logger()


class Bell:
    """Rings for a process that stores and does not work itself: ``hub serve``."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Says that rows have changed; safe to call at any time."""
        self._rung.set()

    async def run(self) -> None:
        """Rings for ever. A database that is away is no harm: the workers sweep when it is back."""
        await again_and_again(self._open_and_ring, "the bell")

    async def _open_and_ring(self) -> None:
        await check_server()
        async with job_app(self._hub.environment, 2).open_async() as app:
            while True:
                await self._rung.wait()
                self._rung.clear()
                try:
                    # Polls are the sweep's.
                    await ring(app, await waiting_connections(self._hub.clock.now()), is_urgent=True)
                except BaseException:
                    self._rung.set()
                    raise


@asynccontextmanager
async def running_bell(hub: Hub) -> AsyncIterator[Bell]:
    """Rings for the block."""
    await make_job_tables(hub.environment)
    bell = Bell(hub)
    task = asyncio.create_task(bell.run())
    try:
        yield bell
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def ring_due(app: App, now: datetime) -> None:
    """Rings for what is due and held by nobody: all that somebody waits for, and the next polls."""
    await ring(app, await waiting_connections(now, unclaimed=True), is_urgent=True)
    most = POLLS_IN_LINE * max(await living_workers(), 1)
    await ring(app, await unpolled_connections(now, unclaimed=True, most=most))


class Worker:
    """Works until it is stopped, whatever becomes of the database meanwhile."""

    def __init__(self, hub: Hub, http: aiohttp.ClientSession, *, concurrency: int) -> None:
        self._hub = hub
        self._concurrency = concurrency
        owner = f"worker {socket.gethostname()} {os.getpid()}"
        self._workshop = Workshop(hub, http, owner=owner, most_batches=BATCHES_AT_ONCE)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Starts nothing new, and lets what is under way come to its end."""
        self._stopping.set()

    async def run(self) -> None:
        """Works, and opens everything anew when the database was away."""
        await again_and_again(self._run_once, "the worker", self._stopping)

    async def _run_once(self) -> None:
        """Until it is stopped, or Procrastinate gives up, as when the database stays away."""
        await check_server()
        # Each running job needs one of Procrastinate's connections only when it ends.
        async with job_app(self._hub.environment, 4).open_async() as app:
            self._add_tasks(app)
            running = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE, SWEEP],
                    concurrency=self._concurrency,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=LIVING.total_seconds(),
                    shutdown_graceful_timeout=DRAIN_S,
                    fetch_job_polling_interval=FETCH_EVERY_S,
                )
            )
            besides = [
                asyncio.create_task(self._stopping.wait()),
                asyncio.create_task(tick(app, self._hub.clock)),
            ]
            try:
                ended, _ = await asyncio.wait([running, *besides], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in besides:
                    task.cancel()
                await asyncio.gather(*besides, return_exceptions=True)
                # Its way of being told to finish what it began.
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
            for task in ended:
                await task  # tells why it ended

    async def _take_turn(self, app: App, connection_id: str) -> None:
        """Works batch after batch, until nothing is due any more or others wait: then it stands in line."""
        end = asyncio.get_running_loop().time() + TURN_S
        while True:
            await self._workshop.work(connection_id)
            if self._workshop.rests(connection_id):
                return
            if not await due_connections(self._hub.clock.now(), only=connection_id):
                return
            is_over = self._stopping.is_set() or asyncio.get_running_loop().time() > end
            if is_over or await others_wait():
                waits = await waiting_connections(self._hub.clock.now(), only=connection_id)
                await ring(app, [connection_id], is_urgent=bool(waits))
                return

    # No task has a lock besides the one that names a connection: it would be held by a job whose worker died.
    def _add_tasks(self, app: App) -> None:
        @app.task(name="work", queue=QUEUE)
        async def work(connection_id: str) -> None:
            if self._workshop.rests(connection_id):
                return
            with _told("a turn"):
                await self._take_turn(app, connection_id)

        @app.task(name="sweep", queue=SWEEP, queueing_lock="sweep", priority=SWEEPING)
        async def sweep(timestamp: int) -> None:
            del timestamp
            with _told("the sweep"):
                await free_dead_jobs(app, self._hub.clock.now())
                await ring_due(app, self._hub.clock.now())

        # Procrastinate 3.10 looks after its worker's heartbeat only while some task is periodic: without one
        # the part that defers them ends at once, and with the first part that ends the watch is over
        # (procrastinate/worker.py, _monitor_side_tasks). It goes by the wall clock, so this one is rare.
        @app.periodic(cron=NEW_YEAR)
        @app.task(name="tidy", queue=SWEEP, queueing_lock="tidy")
        async def tidy(timestamp: int) -> None:
            del timestamp
            with _told("deleting old calls"):
                await forget_calls(self._hub)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """A job never raises: what fails is told, and comes again with the next one."""
    try:
        yield
    except LOST as error:
        log.warning("a job failed", job=what, reason=reason_of(error))
    except Exception:
        log.exception("a job broke off", job=what)


@asynccontextmanager
async def running_worker(hub: Hub, *, concurrency: int) -> AsyncIterator[Worker]:
    """Runs a worker for the block; at its end what is under way is finished.

    Raises:
        ConfigError: the hub is on SQLite.
    """
    if hub.environment.is_sqlite:
        raise ConfigError(
            "start a worker: this hub is on SQLite",
            why="one process works on a SQLite file, and that is `hub serve`",
            fix="run `hub serve`, or set HUB_DATABASE_URL to a PostgreSQL database",
        )
    await make_job_tables(hub.environment)
    async with client_session(allowed=hub.environment.egress_allow) as http:
        worker = Worker(hub, http, concurrency=concurrency)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await task


async def work_until_told(hub: Hub, *, concurrency: int, on_ready: Callable[[], None]) -> None:
    """Works until SIGTERM or SIGINT, then finishes what is under way.

    Raises:
        ConfigError: the hub is on SQLite.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_worker(hub, concurrency=concurrency):
        on_ready()
        await stop.wait()


async def living_workers() -> int:
    """How many workers have been heard of lately. PostgreSQL only."""
    _, rows = await client().execute_query("SELECT to_regclass('procrastinate_workers') AS there")
    if rows[0]["there"] is None:
        return 0
    _, rows = await client().execute_query(
        "SELECT count(*) AS living FROM procrastinate_workers WHERE last_heartbeat > now() - $1::interval",
        [LIVING],
    )
    return int(rows[0]["living"])

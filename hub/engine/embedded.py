"""The embedded engine: one asyncio task that rings every connection with due work.

The rows are the truth and the engine is only the doorbell: forget a ring, and the next look at the rows
finds the work all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from filelock import FileLock, Timeout
from tortoise.exceptions import BaseORMException

from hub.clock import BESIDE
from hub.dispatch.claims import release_of
from hub.dispatch.http import client_session
from hub.dispatch.retention import forget_calls
from hub.engine.work import unpolled_connections, waiting_connections
from hub.engine.working import Workshop
from hub.errors import ConflictError
from hub.store import epochs
from hub.store.database import client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from hub.core import Hub
    from hub.environment import Environment

OWNER = "serve"
LISTEN_S = 0.1
"""How often the SQLite file is asked whether another process wrote to it."""
LOOK_S = 1.0
"""How often the rows are looked at without any ring: time passes, and things fall due."""
REST_S = 0.02
"""Between two looks: while events stream in, each rings, and one look reads what many of them stored."""
POLLS_AT_ONCE = 20
"""Polls start while less than this is under way: after an outage thousands may be due, and together they
would hold up each other and every return. What somebody waits for starts at once all the same."""
DRAIN_S = 25.0
TIDY_EVERY_S = 3600.0
"""How often calls are deleted that were kept for long enough."""

log = structlog.get_logger()


class Engine:
    """Runs the work of every connection of one hub, several connections at once."""

    def __init__(self, hub: Hub, http: aiohttp.ClientSession) -> None:
        self._hub = hub
        self._ring = asyncio.Event()
        self._stopping = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._polls: deque[str] = deque()
        """Due at the last look, and not started yet."""
        self._workshop = Workshop(hub, http, owner=f"{OWNER} {os.getpid()}")

    def ring(self) -> None:
        """Says that rows have changed; safe to call at any time."""
        self._ring.set()

    async def run(self) -> None:
        """Works until :meth:`stop`, then lets what is under way come to its end."""
        besides = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._tidy(), name=f"{BESIDE}the engine: tidying"),
        ]
        try:
            while not self._stopping:
                self._ring.clear()
                try:
                    await self._start_due()
                except (OSError, BaseORMException) as error:
                    log.exception("the rows could not be read", error=str(error))
                await asyncio.sleep(REST_S)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ring.wait(), LOOK_S)
        finally:
            for task in besides:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            if self._running:
                await asyncio.wait(self._running.values(), timeout=DRAIN_S)
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def stop(self) -> None:
        """Starts nothing new."""
        self._stopping = True
        self._ring.set()

    async def _start_due(self) -> None:
        """Starts all that somebody waits for, and polls as far as there is room."""
        now = self._hub.clock.now()
        for connection_id in await waiting_connections(now):
            self._start(connection_id)
        self._polls = deque(await unpolled_connections(now))
        self._start_polls()

    def _start(self, connection_id: str) -> None:
        if connection_id in self._running or self._workshop.rests(connection_id):
            return
        self._running[connection_id] = asyncio.create_task(self._work(connection_id))

    def _start_polls(self) -> None:
        while self._polls and len(self._running) < POLLS_AT_ONCE:
            self._start(self._polls.popleft())

    async def _work(self, connection_id: str) -> None:
        try:
            await self._workshop.work(connection_id)
        finally:
            del self._running[connection_id]
            if not self._stopping:
                self._start_polls()
            # While polls wait, the rows are looked at every second only: one look reads all that are due.
            if not self._polls:
                self._ring.set()

    async def _listen(self) -> None:
        """Rings when another process has written to the SQLite file: a `hub` command, say."""
        if not self._hub.environment.is_sqlite:
            return
        seen = None
        while True:
            # A file that cannot be read now is the engine's to tell; here the next look is soon.
            with contextlib.suppress(OSError, BaseORMException):
                _, rows = await client().execute_query("PRAGMA data_version")
                if seen != (seen := rows[0][0]):
                    self._ring.set()
            await asyncio.sleep(LISTEN_S)

    async def _tidy(self) -> None:
        while True:
            try:
                if deleted := await forget_calls(self._hub):
                    log.info("old calls deleted from the request log", calls=deleted)
            except (OSError, BaseORMException) as error:
                # What is not deleted now is deleted next time.
                log.warning("old calls could not be deleted", reason=str(error))
            await self._hub.clock.sleep(TIDY_EVERY_S)


def engine_lock(environment: Environment) -> FileLock:
    """The lock that keeps one engine to a SQLite file."""
    return FileLock(f"{environment.database_file}.engine.lock", timeout=0, mode=0o600)


def is_engine_running(environment: Environment) -> bool:
    """True when some process runs the engine on this SQLite file."""
    lock = engine_lock(environment)
    try:
        with lock:
            return False
    except Timeout:
        return True


@asynccontextmanager
async def running_engine(hub: Hub) -> AsyncIterator[Engine]:
    """Runs the engine for the block; at its end what is under way is finished.

    Raises:
        ConflictError: another engine runs on this database file.
    """
    lock = engine_lock(hub.environment)
    try:
        lock.acquire()
    except Timeout:
        raise ConflictError(
            "start the engine: another one runs on this database",
            why=f"{lock.lock_file} is held",
            fix="use the `hub serve` that is running, or stop it first; commands work beside it",
        ) from None
    try:
        # We hold the lock, so whoever held claims as the engine is dead.
        await release_of(OWNER)
        await epochs.check(hub.clock, hub.environment.database_file)
        async with client_session(allowed=hub.environment.egress_allow) as http:
            engine = Engine(hub, http)
            task = asyncio.create_task(engine.run())
            try:
                yield engine
            finally:
                engine.stop()
                await task
    finally:
        lock.release()

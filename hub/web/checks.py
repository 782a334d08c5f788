"""Checks of connections that run while a page shows how far they are.

A check makes several calls, spaced by the ERP's quota: nobody should wait for an answer that long. What it
found is kept on the connection's row (:mod:`hub.merchant.reports`); why it failed, here.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from hub.errors import HubError
from hub.merchant import connections
from hub.store.models import Connection

if TYPE_CHECKING:
    from datetime import datetime

    from hub.core import Hub

MOST_KEPT = 200
"""Errors of checks are kept for so many connections, the latest."""

log = structlog.get_logger()


class Checks:
    """The checks of one process.

    Args:
        hub: the hub.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._running: dict[str, tuple[datetime, asyncio.Task[None]]] = {}
        self._errors: dict[str, HubError] = {}

    def start(self, row: Connection) -> None:
        """Begins to check a connection; one that is being checked goes on, also with what is changed now."""
        if row.id in self._running:
            return
        self._errors.pop(row.id, None)
        task = asyncio.create_task(self._check(row), name=f"check {row.name}")
        self._running[row.id] = (self._hub.clock.now(), task)

    def running_since(self, row: Connection) -> datetime | None:
        """When its check began; None when none runs."""
        running = self._running.get(row.id)
        return running[0] if running else None

    def error(self, row: Connection) -> HubError | None:
        """Why its last check failed; None when it went well, or when that was before this process began."""
        return self._errors.get(row.id)

    async def wait(self) -> None:
        """Until every check that runs has ended."""
        await asyncio.gather(*(task for _, task in self._running.values()))

    async def close(self, _: web.Application) -> None:
        """Breaks off what runs; whoever looks at the connection next sees that it was not checked."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _check(self, row: Connection) -> None:
        try:
            problem, changed = await self._once(row)
            while changed is not None:
                problem, changed = await self._once(changed)
            if problem is not None:
                self._keep(row, problem)
        except Exception as error:
            log.exception("a check broke off", connection=row.name)
            self._keep(row, HubError(f"check {row.name}", why=f"the hub failed unexpectedly: {error}"))
        finally:
            del self._running[row.id]

    async def _once(self, row: Connection) -> tuple[HubError | None, Connection | None]:
        """What a check finds, and the connection as it is now when a person has changed it meanwhile."""
        problem = None
        try:
            await connections.check(self._hub, row)
        except HubError as error:
            problem = error
        now_is = await Connection.get_or_none(id=row.id, removed_at__isnull=True)
        if now_is is None or (now_is.settings, now_is.credentials) == (row.settings, row.credentials):
            return problem, None
        return problem, now_is

    def _keep(self, row: Connection, error: HubError) -> None:
        while len(self._errors) >= MOST_KEPT:
            del self._errors[next(iter(self._errors))]
        self._errors[row.id] = error


CHECKS = web.AppKey("checks", Checks)

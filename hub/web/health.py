"""``/healthz`` and ``/readyz``: whether the process runs, and whether its database answers and is current."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import web
from tortoise.exceptions import BaseORMException

from hub.errors import ConfigError
from hub.store.database import client, pending_migrations
from hub.web.guard import Need, add_routes
from hub.web.tally import TALLY

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.web.tally import Tally

FRESH_S = 1.0
"""How old an answer about the database may be: anybody may ask, and each look at it takes the time of ten
pages."""


def add_to(app: web.Application, hub: Hub) -> None:
    """Adds the routes. Neither tells anything about a store, so both are open."""
    readiness = Readiness(hub, app[TALLY])

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        reason = await readiness.why_not()
        if reason:
            return web.json_response({"status": "unready", "reason": reason}, status=503)
        return web.json_response({"status": "ready"})

    add_routes(app, Need.OPEN, [web.get("/healthz", healthz), web.get("/readyz", readyz)])


class Readiness:
    """Looks at the database for whoever asks, one look for all who ask at one time."""

    def __init__(self, hub: Hub, tally: Tally) -> None:
        self._hub = hub
        self._tally = tally
        self._turn = asyncio.Lock()
        self._found = ""
        self._found_at = -math.inf

    async def why_not(self) -> str:
        """Why nothing can be done now; empty when all is well."""
        async with self._turn:
            if monotonic() - self._found_at >= FRESH_S:
                self._found = await self._look()
                self._found_at = monotonic()
        return self._found

    async def _look(self) -> str:
        try:
            await client().execute_query("SELECT 1")
            pending = await pending_migrations()
        except (BaseORMException, OSError) as error:
            # Why is for the log: this is open, and an error may name hosts and users.
            self._tally.warn("the database does not answer", {"error": str(error)})
            return "the database does not answer; the log says why"
        except ConfigError as error:
            # Another version of the hub has brought the database further than this one knows.
            return error.what
        return "migrations are missing" if pending else ""

"""The HTTP API: thin handlers over :mod:`hub.merchant`, as the commands are.

What a route takes and answers stands in its :class:`~hub.web.api.routing.Route`. ``/openapi.json`` is made
from there. ``/v1/events`` is :mod:`hub.web.events`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from aiohttp import web

from hub.web import guard
from hub.web.api import connections, connectors, deliveries, mappings, methods, platforms, rmas, webhooks
from hub.web.api.description import describe
from hub.web.api.reading import JSON
from hub.web.api.routing import handler_of
from hub.web.guard import Need

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTES = (
    *rmas.ROUTES,
    *connections.ROUTES,
    *mappings.ROUTES,
    *methods.ROUTES,
    *deliveries.ROUTES,
    *platforms.ROUTES,
    *webhooks.ROUTES,
    *connectors.ROUTES,
)


def add_to(app: web.Application, ring: Callable[[], None]) -> None:
    """Adds the routes.

    Args:
        app: an application that the guard stands before.
        ring: tells the engine of this process that rows have changed.
    """
    for route in ROUTES:
        handler = handler_of(route, ring)
        if route.is_change:
            guard.add_routes(app, route.need, [web.route(route.method, route.path, handler)])
        else:
            guard.add_routes(app, route.need, [web.get(route.path, handler)])

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(text=_description(), content_type=JSON)

    guard.add_routes(app, Need.OPEN, [web.get("/openapi.json", openapi)])


@cache
def _description() -> str:
    """Made when it is first asked for: a tenth of a second that no start has to wait for."""
    return json.dumps(describe(ROUTES))

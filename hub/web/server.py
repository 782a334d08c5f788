"""`hub serve`: health answers, events and, on SQLite, the engine, until a signal says stop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
from typing import TYPE_CHECKING

from aiohttp import web

from hub.engine.embedded import running_engine
from hub.errors import ConflictError
from hub.inbound.event import MAX_BYTES
from hub.web import accounts, api, events, guard, health, hints, pages
from hub.web.guard import Need, guarded
from hub.web.listener import Listener, descriptors, most_connections
from hub.web.metrics import CONTENT_TYPE, Metrics
from hub.web.pages import areas, errors_as_pages
from hub.web.problems import errors_as_problems
from hub.web.tally import TALLY, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core import Hub

SHUTDOWN_S = 25.0
"""How long requests that are under way may still take; each has an end of its own before that."""


def is_loopback(host: str) -> bool:
    """True when only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_app(hub: Hub, *, is_local: bool, ring: Callable[[], None] = lambda: None) -> web.Application:
    """The web application.

    ``/healthz`` answers while the process runs. ``/readyz`` answers 200 when the database answers and its
    schema is current, else 503. Neither tells anything about a store, so both are open. ``/metrics`` names
    stores and connections, so it answers programs on this machine and tokens. ``/v1/events`` takes signed
    events. What each route needs of whoever asks is stated where it is added (:mod:`hub.web.guard`). Errors
    are problem documents (:mod:`hub.web.problems`), and pages for people (:mod:`hub.web.pages`).

    Args:
        hub: the hub.
        is_local: True when it listens on a loopback address.
        ring: tells the engine of this process that rows have changed; does nothing where there is none.
    """
    figures = Metrics(hub)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await figures.text(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application(
        middlewares=[errors_as_pages, errors_as_problems, guarded], client_max_size=MAX_BYTES
    )
    app[TALLY] = Tally()
    app.on_cleanup.append(_tell_the_rest)
    guard.install(app, hub, is_local=is_local)
    pages.install(app, ring)
    health.add_to(app, hub)
    guard.add_routes(app, Need.METRICS, [web.get("/metrics", metrics)])
    incoming = events.Events(hub, ring)
    guard.add_routes(app, Need.OPEN, [web.post(events.PATH, figures.timed(incoming.post))])
    guard.add_routes(app, Need.OPEN, [web.post(hints.ROUTE, hints.Hints(hub, ring).post)])
    app.on_cleanup.append(incoming.close)
    api.add_to(app, ring)
    accounts.add_to(app)
    areas.add_to(app)
    return app


async def serve(hub: Hub, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT; then takes nothing new and finishes what is under way.

    Args:
        hub: the hub.
        host: address to listen on.
        port: port; 0 for any free one.
        on_ready: called once with the address, when requests are answered and the engine runs.

    Raises:
        ConflictError: the port is taken, or another engine runs on the database file.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        ring: Callable[[], None] = lambda: None  # noqa: E731
        if hub.environment.is_sqlite:
            ring = (await stack.enter_async_context(running_engine(hub))).ring
        else:
            # Heavy to import, and needed here only.
            from hub.engine.workers import running_bell  # noqa: PLC0415

            ring = (await stack.enter_async_context(running_bell(hub))).ring
        app = make_app(hub, is_local=is_loopback(host), ring=ring)
        # Requests end before the engine: what they store is still rung for.
        runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        listener = Listener(runner, app[TALLY], most=most_connections(descriptors()))
        stack.push_async_callback(listener.close)
        on_ready(await _listen(listener, host, port))
        await stop.wait()


async def _tell_the_rest(app: web.Application) -> None:
    app[TALLY].flush()


async def _listen(listener: Listener, host: str, port: int) -> str:
    try:
        bound = await listener.start(host, port)
    except OSError as error:
        raise ConflictError(
            f"listen on {host}:{port}",
            why=error.strerror or str(error),
            fix="stop what uses the port, or choose another with --port",
        ) from error
    return f"http://{host}:{bound}"

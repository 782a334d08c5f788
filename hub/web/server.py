"""`hub serve`: health answers and, on SQLite, the engine, until a signal says stop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
from typing import TYPE_CHECKING

from aiohttp import web
from tortoise.exceptions import BaseORMException

from hub.engine.embedded import running_engine
from hub.errors import ConflictError
from hub.store.database import client, pending_migrations
from hub.web.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core import Hub


def is_loopback(host: str) -> bool:
    """True when only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_app(hub: Hub, *, is_local: bool) -> web.Application:
    """The web application.

    ``/healthz`` answers while the process runs. ``/readyz`` answers 200 when the database answers and its
    schema is current, else 503. Neither tells anything about a store, so both are open. ``/metrics`` names
    stores and connections, so it answers only where nobody but this machine can ask.

    Args:
        hub: the hub.
        is_local: True when it listens on a loopback address.
    """
    figures = Metrics(hub)

    async def metrics(_: web.Request) -> web.Response:
        if not is_local:
            why = "metrics are served on a loopback address only; run `hub serve` with --host 127.0.0.1\n"
            return web.Response(text=why, status=403)
        return web.Response(body=await figures.text(), headers={"Content-Type": CONTENT_TYPE})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        try:
            await client().execute_query("SELECT 1")
            pending = await pending_migrations(hub.environment)
        except (BaseORMException, OSError) as error:
            return web.json_response(
                {"status": "unready", "reason": f"the database does not answer: {error}"}, status=503
            )
        if pending:
            return web.json_response({"status": "unready", "reason": "migrations are missing"}, status=503)
        return web.json_response({"status": "ready"})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
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
    runner = web.AppRunner(make_app(hub, is_local=is_loopback(host)), access_log=None)
    await runner.setup()
    try:
        async with contextlib.AsyncExitStack() as stack:
            if hub.environment.is_sqlite:
                await stack.enter_async_context(running_engine(hub))
            on_ready(await _listen(runner, host, port))
            await stop.wait()
            await runner.shutdown()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        raise ConflictError(
            f"listen on {host}:{port}",
            why=error.strerror or str(error),
            fix="stop what uses the port, or choose another with --port",
        ) from error
    bound = runner.addresses[0][1]
    return f"http://{host}:{bound}"

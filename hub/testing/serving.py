"""Serves a sandbox over real HTTP, with its control routes beside it. For any connector."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Self

from aiohttp import web

from hub.errors import ConfigError
from hub.testing.control import PREFIX, make_control_app
from hub.testing.faults import parse_fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from hub.sandbox import Sandbox, StandIn

__all__ = ["SandboxServer", "parse_fault"]

_SECONDS_TO_SHUT_DOWN = 0.5
"""How long a call that is still being answered may take when the server stops."""


class SandboxServer:
    """A sandbox, served; an async context manager.

    A sandbox with an attribute ``on_refuse`` gets it set to :meth:`refuse`. The sandbox's app can be served
    once: it belongs to this server from here on.

    Args:
        sandbox: its ``app`` answers every path outside ``/_sandbox/``.
        host: to listen on.
        port: 0 for any free one.

    Raises:
        ConfigError: the sandbox's app has middlewares, which would see the control calls too.
    """

    def __init__(self, sandbox: Sandbox | StandIn, host: str = "127.0.0.1", port: int = 0) -> None:
        if sandbox.app.middlewares:
            raise ConfigError(
                "the sandbox's app has middlewares",
                why="they would see the control calls too",
                fix="do their work in the sandbox's handlers",
            )
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            sandbox.app, access_log=None, shutdown_timeout=_SECONDS_TO_SHUT_DOWN, handle_signals=False
        )
        self._listener: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._outage: asyncio.Task[None] | None = None
        self._busy: set[asyncio.BaseProtocol] = set()
        sandbox.app.add_subapp(PREFIX, make_control_app(sandbox, lambda: self.url))
        sandbox.app.middlewares.append(self._watch())
        if hasattr(sandbox, "on_refuse"):
            sandbox.on_refuse = self.refuse

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end; once started."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listens.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        try:
            self._held = self._bind()
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {self._host}:{self._port}",
                why=error.strerror or str(error),
                fix="choose another port, or 0 for any free one",
            ) from error
        self._port = self._held.getsockname()[1]
        await self._runner.setup()
        await self._listen()

    async def stop(self) -> None:
        """Stops listening, lets go of hanging calls, closes every connection. Safe to repeat."""
        await self._end_outage()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._runner.cleanup()
        if self._held is not None:
            self._held.close()
            self._held = None

    async def __aenter__(self) -> Self:
        """Starts."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        await self.stop()

    def refuse(self, seconds: float) -> None:
        """Refuses connections from now on, for that long; 0 takes them again.

        Calls that are being answered get their answer; idle connections are closed.

        Raises:
            ConfigError: it is not running, so that there is nothing to close.
        """
        server = self._runner.server
        if server is None and seconds > 0:
            raise ConfigError("the sandbox is not served", fix="start it before ordering it to refuse")
        if server is None or (seconds <= 0 and self._listener is not None):
            return
        if self._outage is not None:
            self._outage.cancel()
        if self._held is not None:
            if seconds <= 0:
                self._held.listen()  # who connects before the loop takes connections waits for it
            else:
                self._held.close()
                self._held = self._bind()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            # Bound and not listening: connections are refused, and nobody else gets the port meanwhile.
            self._held = self._bind()
            for connection in server.connections:
                if connection in self._busy:
                    connection.close()
                else:
                    connection.force_close()
        self._outage = asyncio.create_task(self._listen_after(seconds))

    async def _listen_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._listener is None:
            await self._listen()

    async def _end_outage(self) -> None:
        if self._outage is not None:
            self._outage.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._outage
            self._outage = None

    def _bind(self) -> socket.socket:
        bound = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._host, self._port))
        except OSError:
            bound.close()
            raise
        bound.setblocking(False)
        return bound

    async def _listen(self) -> None:
        server = self._runner.server
        if server is not None and self._held is not None:
            loop = asyncio.get_running_loop()
            # Known here before it serves, so that whoever closes it meanwhile finds it.
            self._listener = await loop.create_server(server, sock=self._held, start_serving=False)
            self._held = None
            await self._listener.start_serving()

    def _watch(self) -> Callable[..., Awaitable[web.StreamResponse]]:
        """Keeps note of the connections that have a call in hand."""

        @web.middleware
        async def watch(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self._busy.add(request.protocol)
            try:
                response = await handler(request)
                if self._listener is None:
                    response.force_close()  # tells the client that this connection is no use any more
                return response
            finally:
                self._busy.discard(request.protocol)

        return watch

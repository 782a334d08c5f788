"""A small application behind the hub's listener, and strangers who connect to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from hub.web import body, peer
from hub.web.listener import Listener
from hub.web.problems import errors_as_problems
from hub.web.tally import TALLY, Tally

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"
WITHIN_S = 20.0
"""The slowest machine is faster."""
LARGE = b"x" * 32_000_000
"""Several times what the kernel takes for somebody who reads nothing."""


@dataclass(kw_only=True)
class Line:
    """One connection of a stranger."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, text: bytes) -> None:
        self.writer.write(text)

    def ask(self, path: str, content: bytes = b"", *, length: int | None = None) -> None:
        """Sends a request, or its head and a part of its body."""
        long = len(content) if length is None else length
        method = "POST" if long else "GET"
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {long}\r\n\r\n"
        self.say(head.encode() + content)

    async def status(self) -> int:
        """The status of the next answer, which is read to its end."""
        async with asyncio.timeout(WITHIN_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            (length,) = [each.split(":")[1] for each in head.lower().splitlines() if "content-length" in each]
            await self.reader.readexactly(int(length))
        return int(head.split(" ")[1])

    async def ended(self) -> None:
        """Waits until the hub has ended it."""
        async with asyncio.timeout(WITHIN_S):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                return


@dataclass(kw_only=True)
class Place:
    """What is served.

    ``/`` answers, ``/known`` answers whom it knows, ``/body`` and ``/form`` read, ``/busy`` waits.
    """

    listener: Listener
    tally: Tally
    port: int
    server: web.Server
    free: asyncio.Event = field(default_factory=asyncio.Event)
    busy: int = 0
    known: int = 0
    lines: list[Line] = field(default_factory=list)

    async def connect(self, line: socket.socket | None = None) -> Line:
        """Connects, or takes a socket that is connected."""
        to = {"sock": line} if line else {"host": HOST, "port": self.port}
        reader, writer = await asyncio.open_connection(**to)
        self.lines.append(Line(reader=reader, writer=writer))
        return self.lines[-1]


@asynccontextmanager
async def open_place(most: int) -> AsyncIterator[Place]:
    """Serves with so many connections at most."""
    place: Place

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="yes")

    async def known(request: web.Request) -> web.Response:
        peer.prove(request)
        place.known += 1
        await body.read(request, "read")
        return web.Response(text="yes")

    async def read(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await body.read(request, "read"))))

    async def form(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await body.read_form(request, may_bring_files=False))))

    async def wait(_: web.Request) -> web.Response:
        place.busy += 1
        await place.free.wait()
        return web.Response(text="yes")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=LARGE)

    app = web.Application(middlewares=[errors_as_problems], client_max_size=10_000_000)
    app[TALLY] = tally = Tally()
    app.router.add_get("/", answer)
    app.router.add_get("/busy", wait)
    app.router.add_get("/large", large)
    app.router.add_post("/body", read)
    app.router.add_post("/form", form)
    app.router.add_route("*", "/known", known)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listener = Listener(runner, tally, most=most)
    port = await listener.start(HOST, 0)
    assert runner.server is not None
    place = Place(listener=listener, tally=tally, port=port, server=runner.server)
    try:
        yield place
    finally:
        for each in place.lines:
            each.writer.transport.abort()
        await listener.close()
        await runner.cleanup()

"""The line between the hub and everybody else: calls without sockets, with delays and failures of its own.

What stands at the far end answers requests of our own making, so every fault of a sandbox is the sandbox's.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict

from hub.dispatch.http import READ_TIMEOUT_S
from tests.simulator.loop import PROCESS, Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import web
    from yarl import URL

    from tests.simulator.process import SimulatedProcess
    from tests.simulator.world import World

LINE_S = 0.15
"""Longest delay of an ordinary call, each way."""


class Remote:
    """Somebody at the far end.

    Args:
        world: gives time and dice.
        name: of its dice.

    Attributes:
        is_down: True refuses every connection.
        slowest_s: longest delay of a call, each way; most are much shorter.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.process = Process()
        self.is_down = False
        self.slowest_s = LINE_S
        self.dice = world.dice(name)

    def clear_faults(self) -> None:
        """Behaves well from now on; what is under way goes its way."""
        raise NotImplementedError

    def hear(self, method: str, body: bytes) -> None:
        """A call is on the line."""

    async def answer(self, request: Request) -> web.StreamResponse:
        """Answers one call."""
        raise NotImplementedError

    def cuts(self, _request: Request) -> bool:
        """Whether the line breaks off in the middle of the answer."""
        return False

    def carry(self, request: Request) -> asyncio.Future[_Answer]:
        """Takes a call from the line; it goes its way whether or not the caller still lives."""
        answer: asyncio.Future[_Answer] = self.world.loop.create_future()

        async def go() -> None:
            await asyncio.sleep(self._delay())
            response = await self.answer(request)
            is_cut = self.cuts(request)
            await asyncio.sleep(self._delay())
            if not answer.done():
                answer.set_result(_Answer(response, is_lost=request.is_aborted, is_cut=is_cut))

        token = PROCESS.set(self.process)
        try:
            self.world.loop.create_task(go())
        finally:
            PROCESS.reset(token)
        return answer

    def _delay(self) -> float:
        if self.dice.random() < 0.1:
            return self.dice.random() * self.slowest_s
        return self.dice.random() * LINE_S


class Request:
    """What a sandbox's application reads of a request."""

    def __init__(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.path = url.path
        self.query = url.query
        self.query_string = url.query_string
        self.rel_url = url.relative()
        self.headers = CIMultiDict(headers)
        self.transport = self
        self.is_aborted = False
        self._body = body

    rel_url: Any

    async def read(self) -> bytes:
        return self._body

    def abort(self) -> None:
        self.is_aborted = True


class _Answer:
    """What comes back over the line."""

    def __init__(self, response: web.StreamResponse, *, is_lost: bool, is_cut: bool) -> None:
        self.status = response.status
        self.headers = response.headers
        self.is_lost = is_lost
        body: bytes = getattr(response, "body", None) or b""
        self.body = body[: len(body) // 2] if is_cut else body
        self.is_cut = is_cut


class _Content:
    """The body as aiohttp gives it: in pieces, or with an error where the line was cut."""

    def __init__(self, process: SimulatedProcess, answer: _Answer) -> None:
        self._process = process
        self._answer = answer
        self._is_read = False

    async def read(self, _most: int) -> bytes:
        await self._process.effect("READ")
        if self._answer.is_cut:
            raise aiohttp.ClientPayloadError("not enough data to satisfy content length header")
        if self._is_read:
            return b""
        self._is_read = True
        return self._answer.body

    async def iter_any(self) -> AsyncIterator[bytes]:
        while part := await self.read(0):
            yield part


class _Response:
    """What the hub reads of a response."""

    def __init__(self, process: SimulatedProcess, answer: _Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.content = _Content(process, answer)


class Session:
    """Stands where the hub's aiohttp session stands."""

    def __init__(self, process: SimulatedProcess, answer_within_s: float = READ_TIMEOUT_S) -> None:
        self.timeout = aiohttp.ClientTimeout(total=answer_within_s)
        self._process = process

    @asynccontextmanager
    async def request(
        self, method: str, url: URL, *, headers: Mapping[str, str], data: bytes | None, allow_redirects: bool
    ) -> AsyncIterator[_Response]:
        """One call.

        Raises:
            aiohttp.ClientError, TimeoutError: as the real one.
        """
        assert not allow_redirects
        # A worker that stands still between its last check and the first byte cannot be closed out
        # (DESIGN, "Exactly one document", 8), so nobody stalls here.
        await self._process.effect(f"{method} {url.path}", can_stall=False)
        remote = self._process.world.remotes[url.host or ""]
        if remote.is_down:
            key = ConnectionKey("erp", 443, True, True, None, None, None, None)
            raise aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))
        remote.hear(method, data or b"")
        answer = remote.carry(Request(method, url, headers, data or b""))
        async with asyncio.timeout(self.timeout.total):
            got = await answer
        await self._process.effect("ANSWER")
        if got.is_lost:
            raise aiohttp.ServerDisconnectedError
        yield _Response(self._process, got)


class SubscriberSession(Session):
    """The one of a process that calls subscribers; the hub opens it anew for each of them."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

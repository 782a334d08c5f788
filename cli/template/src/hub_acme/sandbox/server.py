"""The stand-in over real HTTP: logs each call, then answers it, or misbehaves as ordered."""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub_acme.sandbox.books import WAREHOUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.sandbox import Fault

    from hub_acme.sandbox.books import Books
    from hub_acme.sandbox.faults import FaultBox

CALLS_PER_SECOND = 20
MAX_BATCH = 20
DEFAULT_SECONDS = {"apply_late_after_drop": 2.0, "slow": 2.0, "too_many_requests": 1.0}

Answer = tuple[int, Any]


class Server:
    """The HTTP application and the log of its calls."""

    def __init__(self, books: Books, faults: FaultBox, api_key: str, clock: Callable[[], datetime]) -> None:
        self.calls: list[dict[str, Any]] = []
        self._books = books
        self._faults = faults
        self._api_key = api_key
        self._clock = clock
        self._recent: deque[datetime] = deque()
        self._is_closing = asyncio.Event()
        self._late: set[asyncio.Task[None]] = set()
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self.app.on_shutdown.append(self._shut_down)

    async def _shut_down(self, _app: web.Application) -> None:
        self._is_closing.set()
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = {
            "at": self._clock().isoformat(),
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "status": None,
            "is_write": request.method != "GET",
        }
        self.calls.append(call)
        if not self._has_room():
            return _send(call, 429, {"error": "too many calls"}, {"Retry-After": "1"})
        is_duplicate_allowed = self._faults.draw_switch(request.method)
        fault = self._faults.draw(request.method)
        if fault is not None:
            return await self._misbehave(fault, request, body, call, is_duplicate_allowed)
        return _send(call, *self._answer(request, body, is_duplicate_allowed))

    def _has_room(self) -> bool:
        now = self._clock()
        while self._recent and now - self._recent[0] >= timedelta(seconds=1):
            self._recent.popleft()
        self._recent.append(now)
        return len(self._recent) <= CALLS_PER_SECOND

    def _answer(
        self, request: web.Request, body: bytes, is_duplicate_allowed: bool, *, is_partial: bool = False
    ) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return 401, {"error": "no such API key"}
        match request.method, request.path:
            case "GET", "/account":
                return 200, {"permissions": ["memos:read", "memos:create"], "warehouses": WAREHOUSES}
            case "GET", "/memos":
                return 200, {"memos": self._books.select(list(request.query.items()))}
            case "POST", "/memos":
                return self._create(body, is_duplicate_allowed, is_partial)
        return 404, {"error": "no such path"}

    def _create(self, body: bytes, is_duplicate_allowed: bool, is_partial: bool) -> Answer:
        try:
            records = json.loads(body)
        except ValueError:
            records = None
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            return 400, {"error": "send a list of memos"}
        if not 0 < len(records) <= MAX_BATCH:
            return 400, {"error": f"send 1 to {MAX_BATCH} memos"}
        count = math.ceil(len(records) / 2) if is_partial else len(records)
        return 200, {
            "results": [
                self._books.create(each, is_duplicate_allowed=is_duplicate_allowed)
                for each in records[:count]
            ]
        }

    async def _misbehave(
        self,
        fault: Fault,
        request: web.Request,
        body: bytes,
        call: dict[str, Any],
        is_duplicate_allowed: bool,
    ) -> web.StreamResponse:
        seconds = DEFAULT_SECONDS.get(fault.name) if fault.seconds is None else fault.seconds
        match fault.name:
            case "unavailable" | "unauthorized" | "forbidden":
                status = {"unavailable": 503, "unauthorized": 401, "forbidden": 403}[fault.name]
                return _send(call, status, {"error": fault.name})
            case "too_many_requests":
                return _send(call, 429, {"error": "slow down"}, {"Retry-After": str(math.ceil(seconds or 0))})
            case "server_error_html":
                call["status"] = 500
                return web.Response(status=500, text="<html>Server Error</html>", content_type="text/html")
            case "hang":
                await self._wait(seconds)
                return _drop(request)
            case "drop_before_write":
                return _drop(request)
            case "apply_late_after_drop":
                self._apply_later(request, body, seconds or 0.0, is_duplicate_allowed)
                return _drop(request)
        is_partial = fault.name == "apply_partly_then_drop"
        status, value = self._answer(request, body, is_duplicate_allowed, is_partial=is_partial)
        match fault.name:
            case "drop_after_write" | "apply_partly_then_drop":
                return _drop(request)
            case "cut_off_body":
                return await _send_half(request, call, status, value)
            case "empty_200":
                call["status"] = 200
                return web.Response(status=200)
            case "slow":
                await self._wait(seconds)
            case "wrong_order" if "results" in value:
                value["results"].reverse()
            case "missing_result" if "results" in value:
                del value["results"][0]
        return _send(call, status, value)

    async def _wait(self, seconds: float | None) -> None:
        """Waits that long, or for ever when None; the server's end cuts it short."""
        try:
            await asyncio.wait_for(self._is_closing.wait(), seconds)
        except TimeoutError:
            return

    def _apply_later(
        self, request: web.Request, body: bytes, seconds: float, is_duplicate_allowed: bool
    ) -> None:
        async def wait_and_apply() -> None:
            await asyncio.sleep(seconds)
            self._answer(request, body, is_duplicate_allowed)

        task = asyncio.create_task(wait_and_apply())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def _send(
    call: dict[str, Any], status: int, value: Any, headers: dict[str, str] | None = None
) -> web.Response:
    call["status"] = status
    return web.json_response(value, status=status, headers=headers)


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # aiohttp wants one; there is no connection left to send it on


async def _send_half(
    request: web.Request, call: dict[str, Any], status: int, value: Any
) -> web.StreamResponse:
    body = json.dumps(value).encode()
    response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    call["status"] = status
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response

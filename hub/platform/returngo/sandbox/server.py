"""The stand-in over real HTTP: logs and counts each call, then answers it, or misbehaves as ordered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub.platform.returngo.sandbox.books import BadRequestError
from hub.platform.returngo.sandbox.faults import DEFAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from hub.hookspecs import QuotaWindow
    from hub.platform.returngo.sandbox.books import Books, Document
    from hub.platform.returngo.sandbox.faults import FaultBox
    from hub.platform.returngo.sandbox.hooks import Hooks
    from hub.sandbox import Fault

_HTML = "<!DOCTYPE html><html><head><title>Error</title></head><body>Bad gateway</body></html>"
_REFUSALS = {"server_error_html": 500, "unavailable": 503, "unauthorized": 401, "forbidden": 403}


class Quota:
    """Counts calls in sliding windows (that they slide is assumed, U); refused ones count too."""

    def __init__(self, windows: Iterable[QuotaWindow]) -> None:
        self._windows = tuple(windows)
        self._calls: deque[datetime] = deque()

    def admits(self, now: datetime) -> bool:
        """Counts one call and tells whether every window had room for it."""
        if not self._windows:
            return True
        longest = max(window.per for window in self._windows)
        while self._calls and now - self._calls[0] >= longest:
            self._calls.popleft()
        has_room = all(
            sum(1 for at in self._calls if now - at < window.per) < window.calls for window in self._windows
        )
        self._calls.append(now)
        return has_room


class Server:
    """The HTTP application.

    Args:
        headers: what every call must carry.

    Attributes:
        calls: every call, in the order they came.
    """

    def __init__(
        self,
        books: Books,
        hooks: Hooks,
        faults: FaultBox,
        quota: Quota,
        *,
        headers: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self.calls: list[dict[str, Any]] = []
        self._books = books
        self._hooks = hooks
        self._faults = faults
        self._quota = quota
        self._headers = headers
        self._clock = clock
        self._is_lifted = asyncio.Event()
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self.app.on_shutdown.append(self._shut_down)

    def lift(self) -> None:
        """Answers now what is slow."""
        self._is_lifted.set()
        self._is_lifted = asyncio.Event()

    async def _shut_down(self, _app: web.Application) -> None:
        self.lift()
        await self._hooks.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        now = self._clock()
        call: dict[str, Any] = {"at": now.isoformat(), "method": request.method, "path": request.path}
        call |= {"query": request.query_string, "status": None, "is_write": request.method != "GET"}
        self.calls.append(call)
        if not self._quota.admits(now):
            return _say(call, 429, "Too many requests")
        fault = self._faults.of_call(request.method, request.path.strip("/").partition("/")[0])
        name = fault.name if fault else ""
        if fault is not None and (refusal := _refusal(fault)) is not None:
            call["status"] = refusal.status
            return refusal
        if name == "drop_before_write":
            return _drop(request)
        status, answer = self._answer(request, body, now)
        if name == "drop_after_write":
            return _drop(request)
        if name == "slow" and fault is not None:
            seconds = DEFAULT_SECONDS["slow"] if fault.seconds is None else fault.seconds
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_lifted.wait(), seconds)
        text = "" if name == "empty_200" else json.dumps(answer)
        call["status"] = status
        if name == "cut_off_body":
            return await _send_half(request, status, text.encode())
        return web.Response(status=status, text=text, content_type="application/json")

    def _answer(self, request: web.Request, body: bytes, now: datetime) -> tuple[int, Any]:
        if any(request.headers.get(name) != value for name, value in self._headers.items()):
            return 401, {"message": "Unauthorized"}
        path = [part for part in request.path.split("/") if part]
        try:
            given = json.loads(body) if body else {}
            if not isinstance(given, dict):
                return 400, {"message": "Invalid body"}
            return self._route(request, path, given, now)
        except BadRequestError as error:
            return 400, {"message": str(error)}
        except ValueError:
            return 400, {"message": "Invalid JSON"}

    def _route(
        self, request: web.Request, path: list[str], given: dict[str, Any], now: datetime
    ) -> tuple[int, Any]:
        match request.method, path:
            case "GET", ["rmas"]:
                return 200, self._books.list(dict(request.query))
            case "GET", ["rma", rma_id]:
                rma = self._books.get(rma_id)
                return (200, rma) if rma else (404, {"message": "RMA not found"})
            case "POST", ["rma", rma_id, "comment"]:
                return self._comment(rma_id, given, now)
            case "PUT", ["shipment", shipment_id]:
                moved = self._books.move_shipment(shipment_id, given, now)
                return self._told(moved, "SHIPMENT_STATUS_UPDATED", "Shipment not found")
            case "GET", ["webhooks"]:
                return 200, [{"id": key, "url": url} for key, url in self._hooks.urls.items()]
            case "POST", ["webhook"] if isinstance(given.get("url"), str):
                return 200, {"id": self._hooks.add(given["url"])}
            case "DELETE", ["webhook", hook_id]:
                gone = self._hooks.urls.pop(hook_id, None)
                return (200, {}) if gone else (404, {"message": "Webhook not found"})
            case _:
                return 404, {"message": "Not found"}

    def _comment(self, rma_id: str, given: dict[str, Any], now: datetime) -> tuple[int, Any]:
        text = given.get("comment")
        if not isinstance(text, str) or not text.strip():
            return 400, {"message": "comment is required"}
        if self._books.get(rma_id) is None:
            return 404, {"message": "RMA not found"}
        return self._told(self._books.comment(rma_id, text, now), "", "")

    def _told(self, rma: Document | None, event_name: str, missing: str) -> tuple[int, Any]:
        if rma is None:
            return 404, {"message": missing}
        if event_name:
            self._hooks.tell(event_name, str(rma["rmaSummary"]["rmaId"]))
        return 200, {"success": True}


def _refusal(fault: Fault) -> web.Response | None:
    """The answer of a fault that applies nothing and says so; None for any other."""
    if fault.name == "too_many_requests":
        seconds = DEFAULT_SECONDS["too_many_requests"] if fault.seconds is None else fault.seconds
        headers = {"Retry-After": str(math.ceil(seconds))}
        return web.json_response({"message": "Too many requests"}, status=429, headers=headers)
    status = _REFUSALS.get(fault.name)
    if status is None:
        return None
    is_html = fault.name == "server_error_html"
    text = _HTML if is_html else json.dumps({"message": "refused by an ordered fault"})
    return web.Response(status=status, text=text, content_type="text/html" if is_html else "application/json")


def _say(call: dict[str, Any], status: int, message: str) -> web.Response:
    call["status"] = status
    return web.json_response({"message": message}, status=status)


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    # aiohttp wants a response; there is no connection left to send it on.
    return web.Response()


async def _send_half(request: web.Request, status: int, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response

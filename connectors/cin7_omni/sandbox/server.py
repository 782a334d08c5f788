"""The stand-in over real HTTP: logs and counts each call, then answers it, or misbehaves as ordered."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from aiohttp import web

from connectors.cin7_omni.sandbox import front, json_text
from connectors.cin7_omni.sandbox.faults import DEFAULT_SECONDS
from connectors.cin7_omni.sandbox.fields import format_time
from connectors.cin7_omni.sandbox.front import Asked, Reply, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random

    from connectors.cin7_omni.sandbox.faults import FaultBox
    from connectors.cin7_omni.sandbox.front import Front
    from connectors.cin7_omni.sandbox.quota import Quota
    from hub.sandbox import Fault

_LARGEST_BODY = 32 * 2**20
_HTML = "<!DOCTYPE html><html><head><title>Runtime Error</title></head><body>Server Error</body></html>"

Call = dict[str, Any]


class Server:
    """The HTTP application.

    Args:
        dice: chooses which result ``missing_result`` leaves out.
        seconds_to_answer: how long every good answer takes.

    Attributes:
        app: answers any path.
        calls: every call, in the order they came.
    """

    def __init__(
        self,
        front_desk: Front,
        quota: Quota,
        faults: FaultBox,
        *,
        clock: Callable[[], datetime],
        dice: Random,
        seconds_to_answer: float,
    ) -> None:
        self.calls: list[Call] = []
        self._front = front_desk
        self._quota = quota
        self._faults = faults
        self._clock = clock
        self._dice = dice
        self._seconds_to_answer = seconds_to_answer
        self._is_closing = asyncio.Event()
        self._is_lifted = asyncio.Event()
        self._late: set[asyncio.Task[None]] = set()
        self.app = web.Application(client_max_size=_LARGEST_BODY)
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self.app.on_shutdown.append(self._shut_down)

    def lift(self) -> None:
        """Applies now what was to be applied later, then answers what is slow."""
        self._is_lifted.set()
        self._is_lifted = asyncio.Event()

    async def _shut_down(self, _app: web.Application) -> None:
        """Lets go of hanging and slow calls, and of what was to be applied later."""
        self._is_closing.set()
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        self.lift()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        # Read before anything goes wrong, so that the client has surely sent all of it.
        body = await request.read()
        asked = Asked(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            raw_query=request.rel_url.raw_query_string,
            authorization=request.headers.get("Authorization", ""),
            body=body,
        )
        now = self._clock()
        call: Call = {"at": format_time(now), "method": asked.method, "path": asked.path}
        call |= {"query": unquote_plus(asked.raw_query), "status": None, "fault": None}
        call["is_write"] = asked.method != "GET"
        self.calls.append(call)
        if not self._quota.admits(now):
            # Seen live as bare text rather than as a JSON string.
            return _send(Reply(status=429, body=self._quota.refusal, content_type="text/plain"), call)
        resource = asked.resource.name if asked.resource else ""
        is_duplicate_allowed = self._faults.draw_switch(asked.method, resource)
        fault = self._faults.draw(asked.method, resource)
        if fault is None:
            reply = self._apply(asked, is_duplicate_allowed=is_duplicate_allowed)
            await asyncio.sleep(self._seconds_to_answer)
            return _send(reply, call)
        call["fault"] = fault.name
        return await self._misbehave(fault, asked, request, call, is_duplicate_allowed=is_duplicate_allowed)

    def _apply(self, asked: Asked, *, is_duplicate_allowed: bool, is_partial: bool = False) -> Reply:
        return self._front.answer(
            asked, self._clock(), is_partial=is_partial, is_duplicate_allowed=is_duplicate_allowed
        )

    async def _misbehave(
        self, fault: Fault, asked: Asked, request: web.Request, call: Call, *, is_duplicate_allowed: bool
    ) -> web.StreamResponse:
        seconds = DEFAULT_SECONDS.get(fault.name) if fault.seconds is None else fault.seconds
        refusal = _refusal(fault.name, seconds)
        if refusal is not None:
            return _send(refusal, call)
        match fault.name:
            case "hang":
                await _wait(self._is_closing, seconds)
                return _drop(request)
            case "drop_before_write":
                return _drop(request)
            case "apply_late_after_drop":
                self._apply_later(asked, seconds or 0.0, is_duplicate_allowed=is_duplicate_allowed)
                return _drop(request)
        is_partial = fault.name == "apply_partly_then_drop"
        reply = self._apply(asked, is_duplicate_allowed=is_duplicate_allowed, is_partial=is_partial)
        if fault.name in {"apply_partly_then_drop", "drop_after_write"}:
            return _drop(request)
        if fault.name == "cut_off_body":
            return await _send_half(request, reply, call)
        if fault.name == "slow":
            await _wait(self._is_lifted, seconds)
        return _send(self._spoil(fault.name, reply), call)

    def _apply_later(self, asked: Asked, seconds: float, *, is_duplicate_allowed: bool) -> None:
        async def wait_and_apply() -> None:
            await _wait(self._is_lifted, seconds)
            self._apply(asked, is_duplicate_allowed=is_duplicate_allowed)

        task = asyncio.create_task(wait_and_apply())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _spoil(self, name: str, reply: Reply) -> Reply:
        if name == "empty_200":
            return Reply(status=200, body="")
        if name not in {"wrong_order", "missing_result"} or reply.status != 200:  # noqa: PLR2004 - HTTP's OK
            return reply
        results = json_text.parse(reply.body)
        if name == "wrong_order":
            results.reverse()
        else:
            del results[self._dice.randrange(len(results))]
        return Reply(status=200, body=json_text.dump(results))


async def _wait(is_over: asyncio.Event, seconds: float | None) -> None:
    """Waits that long, or for ever when None; the event cuts it short."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(is_over.wait(), seconds)


def _refusal(name: str, seconds: float | None) -> Reply | None:
    """The answer of a fault that applies nothing and says so; None for any other fault."""
    refusals = {
        "server_error_html": Reply(status=500, body=_HTML, content_type="text/html"),
        "unavailable": say(503, front.UNAVAILABLE),
        "unauthorized": say(401, front.UNAUTHORIZED),
        "forbidden": say(403, front.FORBIDDEN),
        "too_many_requests": Reply(
            status=429,
            body=json_text.dump("Rate limit exceeded. Retry after some time."),
            headers={"Retry-After": str(math.ceil(seconds or 0))},
        ),
    }
    return refusals.get(name)


def _send(reply: Reply, call: Call) -> web.Response:
    call["status"] = reply.status
    return web.Response(
        status=reply.status, text=reply.body, content_type=reply.content_type, headers=dict(reply.headers)
    )


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    # aiohttp wants a response; there is no connection left to send it on.
    return web.Response()


async def _send_half(request: web.Request, reply: Reply, call: Call) -> web.StreamResponse:
    body = reply.body.encode()
    response = web.StreamResponse(status=reply.status, headers={"Content-Type": reply.content_type})
    response.content_length = len(body)
    call["status"] = reply.status
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response

"""A Peoplevox to try the connector on: strict, over real HTTP, and breakable on demand.

It has the shapes of ``peoplevox/REFERENCE.md``. What that leaves open is chosen here: the columns, the texts
of errors, that a save under a known number changes what stands there, that one bad row refuses the whole CSV.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from aiohttp import web

from connectors.peoplevox_stub import wire
from connectors.peoplevox_stub.receiving import PAGE
from connectors.peoplevox_stub.rows import ITEMS
from connectors.peoplevox_stub.sandbox.account import CLIENT, PASSWORD, REPORT, USER, Account, RefusedError
from hub.errors import ConfigError
from hub.sandbox import STANDARD_FAULTS, SandboxSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from hub.sandbox import Fault

FAULTS = {
    name: text
    for name, text in STANDARD_FAULTS.items()
    # A save has no results row by row, and its number is the key, so that there are no duplicates.
    if name not in {"allow_duplicate_references", "wrong_order", "missing_result"}
}
FAULTS["error_in_200"] = "Applies nothing and answers 200 with ResponseId -1."
_STATUSES = {
    "server_error_html": 500,
    "unavailable": 503,
    "unauthorized": 401,
    "forbidden": 403,
    "too_many_requests": 429,
}
_OF_WRITES = frozenset(
    {"drop_before_write", "drop_after_write", "apply_partly_then_drop", "apply_late_after_drop"}
)
_HTML = "<html><head><title>Runtime Error</title></head><body>Server Error</body></html>"


class PeoplevoxSandbox(Account):
    """The account behind its service; implements :class:`hub.sandbox.Sandbox`.

    Every call is a POST, so a fault's ``on`` takes the contract's meaning of the words: ``POST`` is the save
    that makes documents (the items'), ``GET`` any read; or an action's or a template's name.

    Args:
        seed: of sessions and of the faults' chances.
        clock: aware UTC; the report's dates are in it.

    Attributes:
        on_refuse: closes the listening socket for that many seconds, or with 0 opens it; set by whoever
            serves the app.
    """

    def __init__(self, seed: int, clock: Callable[[], datetime]) -> None:
        super().__init__(random.Random(seed), clock)  # noqa: S311 - repeatable, not secret
        self.credentials: Mapping[str, str] = {"client_id": CLIENT, "username": USER, "password": PASSWORD}
        self.faults: Mapping[str, str] = FAULTS
        self.page_size = PAGE
        self.on_refuse: Callable[[float], None] | None = None
        self._ordered: list[Fault] = []
        self._calls: list[dict[str, Any]] = []
        self._is_closing = asyncio.Event()
        self._is_lifted = asyncio.Event()
        self.app = web.Application(client_max_size=2**24)
        self.app.router.add_route("*", "/{path:.*}", self._handle)
        self.app.on_shutdown.append(self._shut_down)

    def settings(self, url: str) -> Mapping[str, str]:
        """See :meth:`hub.sandbox.Sandbox.settings`."""
        return {"base_url": url.rstrip("/"), "returns_report": REPORT}

    def inject(self, fault: Fault) -> None:
        """See :meth:`hub.sandbox.Sandbox.inject`. ``refuse`` acts at once and needs a server that can."""
        if fault.name not in FAULTS or (fault.name == "refuse" and self.on_refuse is None):
            raise ConfigError(f"there is no fault {fault.name} here", fix=f"use one of {', '.join(FAULTS)}")
        if fault.name == "refuse" and self.on_refuse is not None:
            self.on_refuse(2.0 if fault.seconds is None else fault.seconds)
        else:
            self._ordered.append(fault)

    def clear_faults(self) -> None:
        """See :meth:`hub.sandbox.Sandbox.clear_faults`. Answers what is slow; what hangs keeps hanging."""
        self._ordered.clear()
        self._lift()
        if self.on_refuse is not None:
            self.on_refuse(0)

    def calls(self) -> list[dict[str, Any]]:
        """See :meth:`hub.sandbox.Sandbox.calls`. ``path`` ends in the action and its template."""
        return [dict(call) for call in self._calls]

    async def _shut_down(self, _app: web.Application) -> None:
        self._is_closing.set()
        self._lift()

    def _lift(self) -> None:
        self._is_lifted.set()
        self._is_lifted = asyncio.Event()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        action, given = _read(request, await request.read())
        template = given.get("TemplateName", "")
        fault = self._draw(action, template)
        name, seconds = (fault.name, fault.seconds) if fault is not None else ("", None)
        call: dict[str, Any] = {"at": self._clock().isoformat(), "method": request.method, "query": ""}
        call |= {"path": "/".join(filter(None, [request.path, action, template])), "status": None}
        call |= {"fault": name or None, "is_write": action == "SaveData"}
        self._calls.append(call)
        if name in _STATUSES:
            after = {"Retry-After": str(math.ceil(1 if seconds is None else seconds))}
            text = _HTML if name == "server_error_html" else "not now"
            return _send(call, text, _STATUSES[name], after if name == "too_many_requests" else None)
        if name == "hang":
            await _wait(self._is_closing, seconds)
        if name == "apply_late_after_drop":
            late = 2.0 if seconds is None else seconds
            asyncio.get_running_loop().call_later(late, self._reply, action, given, "")
        if name in {"hang", "drop_before_write", "apply_late_after_drop"}:
            return _drop(request)
        reply = self._reply(action, given, name)
        if name in {"drop_after_write", "apply_partly_then_drop"}:
            return _drop(request)
        if name == "cut_off_body":
            return await _send_half(request, call, reply)
        if name == "slow":
            await _wait(self._is_lifted, 2.0 if seconds is None else seconds)
        return _send(call, "" if name == "empty_200" else reply)

    def _draw(self, action: str, template: str) -> Fault | None:
        """The oldest order that hits this call, counted as used."""
        kind = "POST" if (action, template) == ("SaveData", ITEMS) else "" if action == "SaveData" else "GET"
        names = {each.casefold() for each in (action, template, kind)}
        for position, fault in enumerate(self._ordered):
            on = fault.on or ("POST" if fault.name in _OF_WRITES else None)
            if on is not None and on.casefold() not in names:
                continue
            if fault.chance < 1 and self._dice.random() >= fault.chance:
                continue
            if fault.times is not None:
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self._ordered[position : position + 1] = left
            return fault
        return None

    def _reply(self, action: str, given: Mapping[str, str], fault: str) -> str:
        code, total = 0, 0
        try:
            if fault == "error_in_200":
                raise RefusedError("The request could not be processed")  # noqa: TRY301 - as any refusal
            detail, total = self.answer(action, given, is_partial=fault == "apply_partly_then_drop")
        except RefusedError as error:
            code, detail = -1, str(error)
        texts = {"ResponseId": str(code), "TotalCount": str(total), "Detail": detail}
        result = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in texts.items())
        inner = f"<{action}Result>{result}</{action}Result>"
        inner = f'<{action}Response xmlns="{wire.NAMESPACE}">{inner}</{action}Response>'
        return f'<soap:Envelope xmlns:soap="{wire.SOAP}"><soap:Body>{inner}</soap:Body></soap:Envelope>'


def _read(request: web.Request, body: bytes) -> tuple[str, dict[str, str]]:
    """The action and every text by its element's name; what is not as it must be names no action."""
    try:
        root = wire.parse(body)
    except ParseError:
        return "Unreadable", {}
    inner = next(iter(root.find(f"{{{wire.SOAP}}}Body") or ()), root)
    space, _, action = inner.tag.rpartition("}")
    is_right = request.headers.get("SOAPAction") == f'"{wire.NAMESPACE}{action}"' == f'"{space[1:]}{action}"'
    if not is_right or request.path != f"/{CLIENT}/Resources/IntegrationServicev4.asmx":
        return "Unreadable", {}
    return action, {each.tag.rpartition("}")[2]: each.text or "" for each in root.iter()}


def _send(
    call: dict[str, Any], text: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    call["status"] = status
    return web.Response(status=status, text=text, content_type="text/xml", headers=headers)


async def _wait(is_over: asyncio.Event, seconds: float | None) -> None:
    """Waits that long, or for ever when None; the event cuts it short."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(is_over.wait(), seconds)


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    # aiohttp wants a response; there is no connection left to send it on.
    return web.Response()


async def _send_half(request: web.Request, call: dict[str, Any], text: str) -> web.StreamResponse:
    call["status"], body = 200, text.encode()
    response = web.StreamResponse(headers={"Content-Type": "text/xml"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def spec() -> SandboxSpec:
    """How the hub makes one."""
    return SandboxSpec(make=PeoplevoxSandbox)

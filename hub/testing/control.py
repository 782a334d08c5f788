"""The control routes of a sandbox, under ``/_sandbox/``: what a person would do in the ERP, over HTTP.

JSON both ways; amounts and quantities are decimal strings. An error is ``{"error": …, "fix": …}``. None of
these calls appears in the sandbox's own log or counts toward its quota.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub.errors import ConflictError, HubError, NotFoundError, UsageError
from hub.inbound.event import read_event
from hub.sandbox import StandIn
from hub.testing.faults import read_fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hub.sandbox import Sandbox

PREFIX = "/_sandbox/"

_STATUSES: dict[type[HubError], int] = {NotFoundError: 404, ConflictError: 409}


def make_control_app(sandbox: Sandbox | StandIn, url: Callable[[], str]) -> web.Application:
    """The application to mount at :data:`PREFIX`.

    Args:
        sandbox: what it controls.
        url: gives the address the sandbox is served under.
    """
    app = web.Application(middlewares=[_answer_errors])
    control = _Control(sandbox, url)
    app.router.add_get("/documents", control.documents)
    app.router.add_get("/calls", control.calls)
    app.router.add_get("/info", control.info)
    if isinstance(sandbox, StandIn):
        for name, door in sandbox.doors.items():
            app.router.add_post(f"/{name}", _opened(door))
    else:
        warehouse = _Warehouse(sandbox)
        app.router.add_post("/receive", warehouse.receive)
        app.router.add_post("/void", warehouse.void)
        app.router.add_post("/sell", warehouse.sell)
    app.router.add_post("/faults", control.add_fault)
    app.router.add_delete("/faults", control.clear_faults)
    app.router.add_route("*", "/{path:.*}", control.unknown)
    return app


class _Control:
    def __init__(self, sandbox: Sandbox | StandIn, url: Callable[[], str]) -> None:
        self._sandbox = sandbox
        self._url = url

    async def documents(self, _request: web.Request) -> web.Response:
        return _reply(self._sandbox.documents())

    async def calls(self, _request: web.Request) -> web.Response:
        return _reply(self._sandbox.calls())

    async def info(self, _request: web.Request) -> web.Response:
        url = self._url()
        return _reply(
            {
                "url": url,
                "credentials": dict(self._sandbox.credentials),
                "settings": dict(self._sandbox.settings(url)),
                "faults": dict(self._sandbox.faults),
            }
        )

    async def add_fault(self, request: web.Request) -> web.Response:
        given = await _read_object(request, {"name", "times", "on", "chance", "seconds"})
        fault = read_fault(given, self._sandbox.faults)
        self._sandbox.inject(fault)
        return _reply({"name": fault.name, "does": self._sandbox.faults[fault.name]})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._sandbox.clear_faults()
        return _reply({})

    async def unknown(self, request: web.Request) -> web.Response:
        raise NotFoundError(
            f"there is no {request.method} {request.path}",
            fix="use GET documents, calls or info; POST faults or what its help names; or DELETE faults",
        )


class _Warehouse:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def receive(self, request: web.Request) -> web.Response:
        given = await _read_object(request, {"document", "quantities", "is_complete", "is_quantity_known"})
        document = self._sandbox.receive(
            _read_document(given),
            _read_quantities(given.get("quantities")),
            is_complete=_read_flag(given, "is_complete"),
            is_quantity_known=_read_flag(given, "is_quantity_known"),
        )
        return _reply(document)

    async def void(self, request: web.Request) -> web.Response:
        given = await _read_object(request, {"document"})
        return _reply(self._sandbox.void(_read_document(given)))

    async def sell(self, request: web.Request) -> web.Response:
        return _reply(self._sandbox.sell(read_event(await request.read()).rma))


def _opened(door: Callable[[Mapping[str, Any]], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            given = json.loads(await request.read())
        except ValueError as error:
            raise UsageError("the body is no JSON", why=str(error), fix="send a JSON object") from error
        if not isinstance(given, dict):
            raise UsageError("the body is no object", fix="send a JSON object")
        return _reply(door(given))

    return answer


@web.middleware
async def _answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except HubError as error:
        status = next((number for kind, number in _STATUSES.items() if isinstance(error, kind)), 400)
        return _reply({"error": str(error), "fix": error.fix}, status=status)


def _reply(value: object, status: int = 200) -> web.Response:
    return web.json_response(text=json.dumps(value, default=_as_text), status=status)


def _as_text(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


async def _read_object(request: web.Request, known: set[str]) -> dict[str, Any]:
    try:
        given = json.loads(await request.read(), parse_float=Decimal)
    except ValueError as error:
        raise UsageError("the body is no JSON", why=str(error), fix="send a JSON object") from error
    if not isinstance(given, dict) or not set(given) <= known:
        raise UsageError(
            "the body is not what was expected", fix=f"send an object of {', '.join(sorted(known))}"
        )
    return given


def _read_document(given: Mapping[str, Any]) -> str:
    document = given.get("document")
    if isinstance(document, bool) or not isinstance(document, str | int) or document == "":
        raise UsageError("document is missing", fix="name a document by its id or its reference")
    return str(document)


def _read_flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, True)
    if not isinstance(value, bool):
        raise UsageError(f"{name} is neither true nor false", fix="send true or false, or leave it out")
    return value


def _read_quantities(value: object) -> dict[str, Decimal] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise UsageError("quantities is no object", fix='send {"SKU": "1"}, or null for everything')
    quantities = {}
    for sku, units in value.items():
        try:
            quantities[sku] = Decimal(str(units))
        except InvalidOperation as error:
            raise UsageError(
                f"quantity of {sku} is no number", fix='send a decimal string such as "1"'
            ) from error
    return quantities

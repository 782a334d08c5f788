"""Add product or service: choose, credentials, connect, mapping, return methods, review, on.

A half-made connection is kept and paused: nothing is sent before it is switched on, and whoever was called
away goes on where they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.errors import HubError, UsageError
from hub.merchant import connections, integrations, mappings, methods, platforms, reports, samples
from hub.platform.returngo.config import SCHEMA as RETURNGO
from hub.rma import MethodType
from hub.web import guard
from hub.web.checks import CHECKS
from hub.web.guard import HUB, Need, principal, store_of
from hub.web.pages import done, fields, show
from hub.web.pages.integrations import PLACE, connection_of, place_of
from hub.web.pages.sources import place_of as place_of_source
from hub.web.pages.words import counted
from hub.web.problems import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.merchant.connections import Form as Schema
    from hub.store.models import Connection, ReturnMethod, Store

METHOD_TYPES = (
    (MethodType.PREPAID_LABEL, "Ship with prepaid label"),
    (MethodType.ANY_CARRIER, "Ship with any carrier"),
    (MethodType.DROP_OFF, "Return to drop-off location"),
    (MethodType.NO_SHIPMENT_REQUIRED, "No shipment required"),
)


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get("/integrations/add", choose),
            web.get("/integrations/add/{connector}", show_form),
            web.post("/integrations/add/{connector}", add),
            web.get(f"{PLACE}/methods", show_methods),
            web.post(f"{PLACE}/methods", set_methods),
            web.post(f"{PLACE}/methods/add", add_method),
            web.get(f"{PLACE}/on", show_review),
            web.post(f"{PLACE}/on", switch_on),
        ],
    )


async def choose(request: web.Request) -> web.Response:
    """Which product or service."""
    found = await integrations.products(request.app[HUB])
    return await show(
        request,
        "integrations/choose.html",
        products=[each for each in found if not each.why_not],
        others=[each for each in found if each.why_not],
        platform=RETURNGO,
    )


def _schema(request: web.Request) -> Schema:
    name = request.match_info["connector"]
    return RETURNGO if name == RETURNGO.name else request.app[HUB].registry.get(name).schema


async def show_form(request: web.Request) -> web.Response:
    """The form for a new connection's credentials and settings."""
    schema, store = _schema(request), await store_of(request)
    return await _form(request, schema, {"name": await _free_name(store, schema)})


async def _free_name(store: Store, schema: Schema) -> str:
    if schema is RETURNGO:
        taken, first = {each.name.casefold() for each in await platforms.every(store)}, "shop"
    else:
        taken, first = {each.name.casefold() for each in await connections.every(store)}, "main"
    names = [first, *(f"{schema.name}-{number}" for number in range(1, len(taken) + 2))]
    return next(name for name in names if name not in taken)


async def _form(
    request: web.Request,
    schema: Schema,
    values: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    error: HubError | None = None,
) -> web.Response:
    has_sandbox = schema is RETURNGO or request.app[HUB].registry.get(schema.name).sandbox() is not None
    # A merchant may connect nothing on this machine.
    is_local_allowed = principal(request).store_id is None
    return await show(
        request,
        "integrations/add.html",
        status=422 if wrong else status_of(error) if error else 200,
        schema=schema,
        is_platform=schema is RETURNGO,
        fields=fields.fields_of(schema),
        values=values,
        wrong=wrong or {},
        error=error,
        sandbox=f"hub sandbox {schema.name}" if has_sandbox and is_local_allowed else "",
    )


async def add(request: web.Request) -> web.Response:
    """Keeps a new connection, paused, and begins to check it; a platform is checked at once."""
    schema, store, form = _schema(request), await store_of(request), await request.post()
    name = str(form.get("name", "")).strip()
    typed = fields.read(fields.fields_of(schema), form)
    again = {**typed.values, "name": name}
    if wrong := fields.wrong_in(schema, typed.values) | _wrong_name(name):
        return await _form(request, schema, again, wrong=wrong)
    try:
        if schema is RETURNGO:
            row = await platforms.add(request.app[HUB], store, name, typed.values)
            return done(request, place_of_source(row), f"{row.name} is connected.")
        added = await connections.add(
            request.app[HUB], store, schema.name, name, typed.values, should_check=False, is_draft=True
        )
    except HubError as error:
        return await _form(request, schema, again, error=error)
    request.app[CHECKS].start(added.row)
    said = f"Blanks around {' and '.join(typed.trimmed)} were removed." if typed.trimmed else ""
    return done(request, place_of(added.row, "check"), said)


def _wrong_name(name: str) -> dict[str, str]:
    if not name:
        return {"name": "this is needed"}
    # Its page would stand where the wizard's is.
    return {"name": "choose another one: the hub's own pages use this word"} if name.lower() == "add" else {}


async def show_methods(request: web.Request) -> web.Response:
    """Which return methods use a connection."""
    return await _methods_form(request, await connection_of(request))


async def _methods_form(
    request: web.Request, row: Connection, error: HubError | None = None, typed: str = ""
) -> web.Response:
    store = await store_of(request)
    every = await methods.every(store)
    seen = await samples.unknown_methods(store)
    return await show(
        request,
        "integrations/methods.html",
        status=status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        schema=request.app[HUB].registry.get(row.connector).schema,
        is_draft=integrations.is_draft(row),
        methods=[each for each in every if each.type != MethodType.NO_SHIPMENT_REQUIRED],
        locations=_locations(row),
        seen=[each for each in seen if each.kind is not MethodType.NO_SHIPMENT_REQUIRED],
        types=METHOD_TYPES[:-1],
        error=error,
        typed=typed,
    )


def _locations(row: Connection) -> Sequence[tuple[str, str]]:
    report = reports.last(row)
    return [(each.location_id, each.name) for each in report.locations if each.is_active] if report else []


async def set_methods(request: web.Request) -> web.Response:
    """Points the ticked return methods at a connection, and those that were unticked at nothing."""
    row, form = await connection_of(request), await request.post()
    here = 0
    try:
        for each in await methods.every(await store_of(request)):
            location = str(form.get(f"location-{each.id}", "")) or None
            if f"use-{each.id}" in form:
                here += 1
                if (each.connection_id, each.location_id) != (row.id, location):
                    await methods.point_at(each, row, location)
            elif each.connection_id == row.id:
                await methods.do_not_update(each, only_from=row)
    except HubError as error:
        return await _methods_form(request, row, error)
    next_page = "on" if integrations.is_draft(row) else ""
    return done(
        request,
        place_of(row, next_page),
        f"{counted(here, 'return method')} now {'uses' if here == 1 else 'use'} {row.name}.",
    )


async def add_method(request: web.Request) -> web.Response:
    """Adds a return method and points it at a connection."""
    row, form = await connection_of(request), await request.post()
    name = str(form.get("method", ""))
    try:
        method: ReturnMethod = await methods.add(await store_of(request), name, method_type(form.get("type")))
        await methods.point_at(method, row, str(form.get("location", "")) or None)
    except HubError as error:
        return await _methods_form(request, row, error, typed=name)
    return done(request, place_of(row, "methods"), f"Returns by {method.name} use {row.name}.")


def method_type(text: object) -> MethodType:
    """The type that a form names.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return MethodType(str(text or ""))
    except ValueError:
        raise UsageError(
            "add the return method: its type is missing", fix="choose one of the types"
        ) from None


async def show_review(request: web.Request) -> web.Response:
    """Everything once more, before it is switched on."""
    return await _review(request, await connection_of(request))


async def _review(request: web.Request, row: Connection, error: HubError | None = None) -> web.Response:
    hub = request.app[HUB]
    newest = await mappings.current(row)
    return await show(
        request,
        "integrations/on.html",
        status=status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        schema=hub.registry.get(row.connector).schema,
        is_draft=integrations.is_draft(row),
        report=reports.last(row),
        mapping=newest.version if newest else 0,
        methods=[
            each for each in await methods.every(await store_of(request)) if each.connection_id == row.id
        ],
        where=reports.location_name,
        waiting=await integrations.waiting(row),
        has_source=bool(await platforms.every(await store_of(request))),
        error=error,
    )


async def switch_on(request: web.Request) -> web.Response:
    """Switches a connection on: from now on it sends."""
    row = await connection_of(request)
    try:
        count = await integrations.switch_on(row)
    except HubError as error:
        return await _review(request, row, error)
    waits = (
        f" {counted(count, 'return')} that waited {'is' if count == 1 else 'are'} on the way."
        if count
        else ""
    )
    return done(request, place_of(row), f"{row.name} is on.{waits}")

"""Settings, Return methods: what happens to the returns of each one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.errors import HubError, UsageError
from hub.merchant import connections, methods, reports, samples
from hub.rma import MethodType
from hub.web import guard
from hub.web.guard import HUB, Need, see_other, store_of
from hub.web.pages import done, link_of, show
from hub.web.pages.wizard import METHOD_TYPES, method_type
from hub.web.problems import status_of
from hub.web.segments import segment

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Connection, ReturnMethod, Store

ALL = "/settings/methods"


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get("/settings", show_first),
            web.get(ALL, show_all),
            web.post(ALL, add),
            web.get(f"{ALL}/{{name}}", show_one),
            web.post(f"{ALL}/{{name}}", change),
            web.post(f"{ALL}/{{name}}/remove", remove),
        ],
    )


def _place_of(row: ReturnMethod) -> str:
    return f"{ALL}/{segment(row.name)}"


async def show_first(request: web.Request) -> web.Response:
    """Settings begin with the return methods."""
    return see_other(link_of(request, ALL))


async def show_all(request: web.Request) -> web.Response:
    """Every return method, and what happens to its returns."""
    return await _all(request)


async def _all(
    request: web.Request, error: HubError | None = None, typed: str = "", kind: str = ""
) -> web.Response:
    store = await store_of(request)
    rows = await methods.every(store)
    seen = await samples.unknown_methods(store)
    return await show(
        request,
        "settings/methods.html",
        status=status_of(error) if error else 200,
        rows=rows,
        words=dict(METHOD_TYPES),
        seen=seen,
        types=METHOD_TYPES,
        effects={each.id: effect(request.app[HUB], each) for each in rows},
        error=error,
        typed=typed,
        kind=kind,
    )


def effect(hub: Hub, row: ReturnMethod) -> str:
    """What happens to the returns of a method, in a sentence."""
    if row.type == MethodType.NO_SHIPMENT_REQUIRED:
        return "The customer keeps the goods, so they are on no credit note."
    if row.connection is None:
        return "Nothing is made for its returns."
    schema = next(
        (each.schema for each in hub.registry.connectors if each.name == row.connection.connector), None
    )
    made = f"one {schema.document_noun} in {schema.title}" if schema else "one document"
    where = reports.location_name(row.connection, row.location_id)
    restocked = f", restocked at {where}" if where else ""
    waits = "; it waits while the connection is paused" if row.connection.is_paused else ""
    return f"Each approved return makes {made} over {row.connection.name}{restocked}{waits}."


async def add(request: web.Request) -> web.Response:
    """Adds a return method, set to do nothing, and goes on to its page."""
    form = await request.post()
    name, kind = str(form.get("method", "")), str(form.get("type", ""))
    try:
        row = await methods.add(await store_of(request), name, method_type(kind))
    except HubError as error:
        return await _all(request, error, name, kind)
    return done(request, _place_of(row), "It is added. Choose what happens to its returns.")


async def _method(request: web.Request) -> ReturnMethod:
    return await methods.get(await store_of(request), request.match_info["name"])


async def show_one(request: web.Request) -> web.Response:
    """One return method: where its returns go."""
    return await _one(request, await _method(request))


async def _one(request: web.Request, row: ReturnMethod, error: HubError | None = None) -> web.Response:
    store = await store_of(request)
    groups = [(each, choices(each, row)) for each in await connections.every(store)]
    return await show(
        request,
        "settings/method.html",
        status=status_of(error) if error else 200,
        row=row,
        place=_place_of(row),
        kind=dict(METHOD_TYPES).get(MethodType(row.type), row.type),
        is_kept=row.type == MethodType.NO_SHIPMENT_REQUIRED,
        effect=effect(request.app[HUB], row),
        groups=groups,
        chosen=f"{row.connection_id}:{row.location_id or ''}" if row.connection_id else "",
        error=error,
    )


def choices(connection: Connection, row: ReturnMethod) -> list[tuple[str, str]]:
    """Where a method's returns can go over one connection: its default, and each location it has."""
    report = reports.last(connection)
    known = {each.location_id: each.name for each in report.locations if each.is_active} if report else {}
    if row.connection_id == connection.id and row.location_id:
        known.setdefault(row.location_id, f"{row.location_id} (not in the last check)")
    places = [(f"{connection.id}:", f"{connection.name}: its default place")]
    return places + [(f"{connection.id}:{key}", f"{connection.name}: {name}") for key, name in known.items()]


async def change(request: web.Request) -> web.Response:
    """Points a return method at a connection, or at nothing."""
    row = await _method(request)
    to = str((await request.post()).get("to", ""))
    try:
        if to:
            connection_id, _, location = to.partition(":")
            connection = await _by_id(await store_of(request), connection_id)
            await methods.point_at(row, connection, location or None)
        else:
            await methods.do_not_update(row)
    except HubError as error:
        return await _one(request, row, error)
    row = await _method(request)
    return done(request, ALL, f"{row.name}: {effect(request.app[HUB], row)}")


async def _by_id(store: Store, connection_id: str) -> Connection:
    for each in await connections.every(store):
        if each.id == connection_id:
            return each
    raise UsageError("change the return method: that connection is gone", fix="choose another one")


async def remove(request: web.Request) -> web.Response:
    """Forgets a return method."""
    row = await _method(request)
    await methods.remove(row)
    return done(request, ALL, f"{row.name} is forgotten. Returns that name it need you from now on.")

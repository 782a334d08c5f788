"""Returns platforms: where a store's returns come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.dispatch.http import client_session
from hub.errors import HubError
from hub.merchant import connections, platforms
from hub.platform.returngo import work
from hub.platform.returngo.config import SCHEMA
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import done, fields, show
from hub.web.pages.integrations import PAUSED_BY_PERSON, check_typed
from hub.web.pages.words import counted
from hub.web.problems import status_of
from hub.web.segments import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.store.models import Connection

PLACE = "/sources/{name}"


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get(PLACE, show_one),
            web.post(f"{PLACE}/check", check),
            web.post(f"{PLACE}/poll", poll),
            web.post(f"{PLACE}/pause", pause),
            web.post(f"{PLACE}/resume", resume),
            web.get(f"{PLACE}/edit", show_edit),
            web.post(f"{PLACE}/edit", edit),
            web.get(f"{PLACE}/remove", show_remove),
            web.post(f"{PLACE}/remove", remove),
        ],
    )


def place_of(row: Connection, page: str = "") -> str:
    """The address of a platform's page, or of a page under it."""
    return f"/sources/{segment(row.name)}{page and '/'}{page}"


async def _source(request: web.Request) -> Connection:
    return await platforms.get(await store_of(request), request.match_info["name"])


async def show_one(request: web.Request) -> web.Response:
    """One platform: how it is, and what can be done with it."""
    return await _shown(request, await _source(request))


async def _shown(request: web.Request, row: Connection, error: HubError | None = None) -> web.Response:
    hub = request.app[HUB]
    settings, credentials = connections.shown_values(SCHEMA, row, hub)
    return await show(
        request,
        "integrations/source.html",
        live="integrations/source_live.html",
        status=status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        health=await platforms.health(hub, row),
        title=SCHEMA.title,
        error=error,
        hint=platforms.hint_path(hub, row),
        described=[
            (field.label, fields.shown({**settings, **credentials}.get(field.name)))
            for field in fields.fields_of(SCHEMA)
        ],
    )


async def check(request: web.Request) -> web.Response:
    """Proves a platform's key with one call."""
    row = await _source(request)
    try:
        await platforms.check(request.app[HUB], row)
    except HubError as error:
        return await _shown(request, await _source(request), error)
    return done(request, place_of(row), f"{SCHEMA.title} accepts the key.")


async def poll(request: web.Request) -> web.Response:
    """Asks now what was approved."""
    row, hub = await _source(request), request.app[HUB]
    try:
        async with client_session(allowed=hub.environment.egress_allow) as http:
            report = await work.poll_now(hub, http, row.id, owner="page")
    except HubError as error:
        return await _shown(request, await _source(request), error)
    news = f"News for {counted(len(report.news), 'return')}." if report.news else "No news for any return."
    return done(request, place_of(row), news)


async def pause(request: web.Request) -> web.Response:
    """Stops reading from it and telling it."""
    row = await _source(request)
    await connections.pause(row, PAUSED_BY_PERSON)
    return done(request, place_of(row), f"{row.name} is paused. What comes meanwhile waits.")


async def resume(request: web.Request) -> web.Response:
    """Goes on with what has piled up."""
    row = await _source(request)
    await connections.resume(row)
    return done(request, place_of(row), f"{row.name} goes on.")


async def show_edit(request: web.Request) -> web.Response:
    """The form with everything that a platform is set to."""
    row = await _source(request)
    settings, credentials = connections.shown_values(SCHEMA, row, request.app[HUB])
    values = {name: fields.shown(value) for name, value in {**settings, **credentials}.items()}
    return await _edit_form(request, row, values)


async def _edit_form(
    request: web.Request,
    row: Connection,
    values: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    error: HubError | None = None,
) -> web.Response:
    return await show(
        request,
        "integrations/source_edit.html",
        status=422 if wrong else status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        fields=fields.fields_of(SCHEMA),
        values=values,
        wrong=wrong or {},
        error=error,
    )


async def edit(request: web.Request) -> web.Response:
    """Changes a platform, and checks it."""
    row, hub = await _source(request), request.app[HUB]
    typed = fields.read(fields.fields_of(SCHEMA), await request.post())
    if wrong := fields.wrong_in(SCHEMA, typed.values, keeps_secrets=True):
        return await _edit_form(request, row, typed.values, wrong=wrong)
    try:
        await platforms.edit(hub, row, typed.values)
    except HubError as error:
        return await _edit_form(request, row, typed.values, error=error)
    try:
        await platforms.check(hub, row)
    except HubError as error:
        return await _shown(request, await _source(request), error)
    return done(request, place_of(row), f"It is changed, and {SCHEMA.title} accepts the key.")


async def show_remove(request: web.Request) -> web.Response:
    """What would be left behind, before anything is removed."""
    return await _remove_form(request, await _source(request))


async def _remove_form(request: web.Request, row: Connection, error: HubError | None = None) -> web.Response:
    return await show(
        request,
        "integrations/source_remove.html",
        status=status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        health=await platforms.health(request.app[HUB], row),
        error=error,
    )


async def remove(request: web.Request) -> web.Response:
    """Removes a platform whose name was typed."""
    row = await _source(request)
    try:
        check_typed((await request.post()).get("typed"), row.name)
        await platforms.remove(request.app[HUB], row)
    except HubError as error:
        return await _remove_form(request, row, error)
    return done(request, "/integrations", f"{row.name} is removed.")

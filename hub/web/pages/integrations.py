"""Integrations: the connections of a store, how each is, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.dispatch import work
from hub.dispatch.http import client_session
from hub.errors import HubError, UsageError
from hub.merchant import connections, integrations, reports, trial
from hub.web import guard
from hub.web.checks import CHECKS
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import done, fields, show
from hub.web.pages.words import counted
from hub.web.problems import status_of
from hub.web.segments import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.merchant.connections import Form as Schema
    from hub.store.models import Connection

PLACE = "/integrations/{name}"
PAUSED_BY_PERSON = "a person paused it"


def add_to(app: web.Application) -> None:
    """Adds the routes; those of the wizard come first, since one of them stands where a name could."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get("/integrations", show_all),
            web.get(PLACE, show_one),
            web.get(f"{PLACE}/edit", show_edit),
            web.post(f"{PLACE}/edit", edit),
            web.post(f"{PLACE}/key", enter_key),
            web.post(f"{PLACE}/pause", pause),
            web.post(f"{PLACE}/resume", resume),
            web.post(f"{PLACE}/poll", poll),
            web.post(f"{PLACE}/trial", try_it),
            web.get(f"{PLACE}/remove", show_remove),
            web.post(f"{PLACE}/remove", remove),
        ],
    )


def place_of(row: Connection, page: str = "") -> str:
    """The address of a connection's page, or of a page under it."""
    return f"/integrations/{segment(row.name)}{page and '/'}{page}"


async def connection_of(request: web.Request) -> Connection:
    """The connection that the address names.

    Raises:
        NotFoundError: the store has none of that name.
    """
    return await connections.get(await store_of(request), request.match_info["name"])


async def show_all(request: web.Request) -> web.Response:
    """Every connection and every returns platform."""
    hub, store = request.app[HUB], await store_of(request)
    return await show(
        request,
        "integrations/all.html",
        live="integrations/all_live.html",
        connected=await integrations.every(hub, store),
        sources=await integrations.sources(hub, store),
    )


async def show_one(request: web.Request) -> web.Response:
    """One connection: how it is, and everything that can be done with it."""
    return await _shown(request, await connection_of(request))


async def _shown(request: web.Request, row: Connection, error: HubError | None = None) -> web.Response:
    hub = request.app[HUB]
    found = await integrations.one(hub, row)
    schema = None if found.product.why_not else hub.registry.get(row.connector).schema
    settings, credentials = connections.shown_values(schema, row, hub) if schema else ({}, {})
    return await show(
        request,
        "integrations/one.html",
        live="integrations/one_live.html",
        status=status_of(error) if error else 200,
        found=found,
        row=row,
        error=error,
        place=place_of(row),
        report=reports.last(row),
        waiting=await integrations.waiting(row),
        is_unused=await trial.is_unused(row),
        is_sandbox=trial.is_sandbox(row),
        described=[
            (field.label, fields.shown({**settings, **credentials}.get(field.name)))
            for field in (fields.fields_of(schema) if schema else ())
        ],
        secrets=_secrets(schema) if schema else [],
    )


def _secrets(schema: Schema) -> list[fields.Field]:
    return [each for each in fields.fields_of(schema) if each.kind == "secret"]


async def show_edit(request: web.Request) -> web.Response:
    """The form with everything that a connection is set to."""
    row = await connection_of(request)
    hub = request.app[HUB]
    schema = hub.registry.get(row.connector).schema
    settings, credentials = connections.shown_values(schema, row, hub)
    values = {name: fields.shown(value) for name, value in {**settings, **credentials}.items()}
    return await _edit_form(request, row, schema, values)


async def _edit_form(
    request: web.Request,
    row: Connection,
    schema: Schema,
    values: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    error: HubError | None = None,
) -> web.Response:
    return await show(
        request,
        "integrations/edit.html",
        status=422 if wrong else status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        is_draft=integrations.is_draft(row),
        fields=fields.fields_of(schema),
        values=values,
        wrong=wrong or {},
        error=error,
    )


async def edit(request: web.Request) -> web.Response:
    """Changes a connection; credentials that are entered anew are checked at once."""
    row = await connection_of(request)
    hub = request.app[HUB]
    schema = hub.registry.get(row.connector).schema
    typed = fields.read(fields.fields_of(schema), await request.post())
    if wrong := fields.wrong_in(schema, typed.values, keeps_secrets=True):
        return await _edit_form(request, row, schema, typed.values, wrong=wrong)
    try:
        await connections.edit(hub, row, typed.values)
    except HubError as error:
        return await _edit_form(request, row, schema, typed.values, error=error)
    request.app[CHECKS].start(row)
    return done(request, place_of(row, "check"), _said("It is changed.", typed.trimmed))


async def enter_key(request: web.Request) -> web.Response:
    """Takes the secrets anew, after a 401 say, and checks them."""
    row = await connection_of(request)
    hub = request.app[HUB]
    schema = hub.registry.get(row.connector).schema
    typed = fields.read(_secrets(schema), await request.post())
    try:
        if not typed.values:
            raise UsageError("take the new key: nothing was typed", fix="paste it and try again")
        await connections.edit(hub, row, typed.values)
    except HubError as error:
        return await _shown(request, row, error)
    request.app[CHECKS].start(row)
    return done(request, place_of(row, "check"), _said("The new key is kept.", typed.trimmed))


def _said(text: str, trimmed: tuple[str, ...]) -> str:
    return f"{text} Blanks around {' and '.join(trimmed)} were removed." if trimmed else text


async def pause(request: web.Request) -> web.Response:
    """Stops sending and asking until a person resumes it."""
    row = await connection_of(request)
    await connections.pause(row, PAUSED_BY_PERSON)
    return done(request, place_of(row), f"{row.name} is paused. What comes meanwhile waits.")


async def resume(request: web.Request) -> web.Response:
    """Goes on with what has piled up."""
    row = await connection_of(request)
    if integrations.is_draft(row):
        return done(request, place_of(row, "on"))
    count = await connections.resume(row)
    waits = (
        f" {counted(count, 'return')} that waited {'is' if count == 1 else 'are'} on the way."
        if count
        else ""
    )
    return done(request, place_of(row), f"{row.name} goes on.{waits}")


async def poll(request: web.Request) -> web.Response:
    """Asks now what the warehouse has received."""
    row = await connection_of(request)
    hub = request.app[HUB]
    try:
        async with client_session(allowed=hub.environment.egress_allow) as http:
            report = await work.poll_now(hub, http, row.id, owner="page")
    except HubError as error:
        return await _shown(request, await connection_of(request), error)
    news = f"News for {counted(len(report.rmas), 'return')}." if report.rmas else "No news for any return."
    return done(request, place_of(row), news)


async def try_it(request: web.Request) -> web.Response:
    """Sends an invented return to a sandbox, and goes to its story."""
    row = await connection_of(request)
    try:
        rma_id = await trial.send_trial(request.app[HUB], await store_of(request), row)
    except HubError as error:
        return await _shown(request, row, error)
    return done(
        request, f"/returns/{segment(rma_id)}", "An invented return was approved. Watch what becomes of it."
    )


async def show_remove(request: web.Request) -> web.Response:
    """What would be left behind, before anything is removed."""
    return await _remove_form(request, await connection_of(request))


async def _remove_form(request: web.Request, row: Connection, error: HubError | None = None) -> web.Response:
    return await show(
        request,
        "integrations/remove.html",
        status=status_of(error) if error else 200,
        row=row,
        place=place_of(row),
        left=await integrations.removal(row),
        error=error,
    )


async def remove(request: web.Request) -> web.Response:
    """Removes a connection whose name was typed."""
    row = await connection_of(request)
    try:
        check_typed((await request.post()).get("typed"), row.name)
        await connections.remove(request.app[HUB], row)
    except HubError as error:
        return await _remove_form(request, row, error)
    return done(request, "/integrations", f"{row.name} is removed.")


def check_typed(typed: object, name: str) -> None:
    """Makes sure that somebody typed the name of what they are about to destroy.

    Raises:
        UsageError: they did not.
    """
    if str(typed or "").strip().casefold() != name.casefold():
        raise UsageError(f"remove {name}: its name was not typed", fix=f"type {name} to remove it")

"""Checking a connection: the page that shows how far it is, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.merchant import integrations, reports
from hub.outcomes import PermissionState
from hub.web import guard
from hub.web.checks import CHECKS, Checks
from hub.web.guard import HUB, Need
from hub.web.pages import done, show
from hub.web.pages.integrations import PLACE, connection_of, place_of

if TYPE_CHECKING:
    from hub.outcomes import ConnectReport, Permission


def add_to(app: web.Application) -> None:
    """Adds the routes, and what runs the checks."""
    app[CHECKS] = Checks(app[HUB])
    app.on_cleanup.append(app[CHECKS].close)
    routes = [web.get(f"{PLACE}/check", show_check), web.post(f"{PLACE}/check", start_check)]
    guard.add_routes(app, Need.PAGE, routes)


async def start_check(request: web.Request) -> web.Response:
    """Begins to check a connection."""
    row = await connection_of(request)
    request.app[CHECKS].start(row)
    return done(request, place_of(row, "check"))


async def show_check(request: web.Request) -> web.Response:
    """How far a check is, or what the last one found."""
    row = await connection_of(request)
    hub, checks = request.app[HUB], request.app[CHECKS]
    since, report = checks.running_since(row), reports.last(row)
    schema = hub.registry.get(row.connector).schema
    return await show(
        request,
        "integrations/check.html",
        live="integrations/check_live.html",
        row=row,
        place=place_of(row),
        schema=schema,
        is_draft=integrations.is_draft(row),
        since=since,
        calls=await integrations.calls_since(row, since) if since else (),
        error=checks.error(row),
        report=report,
        granted=_granted(report) if report else {},
        waiting=await integrations.waiting(row),
    )


def _granted(report: ConnectReport) -> dict[str, list[Permission]]:
    """The permissions by resource, those that are missing first."""
    by_resource: dict[str, list[Permission]] = {}
    for each in report.permissions:
        by_resource.setdefault(each.resource, []).append(each)
    missing = {each.resource for each in report.permissions if each.state is PermissionState.MISSING}
    return dict(sorted(by_resource.items(), key=lambda each: each[0] not in missing))

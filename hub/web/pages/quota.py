"""A connection's quota and backlog, and comparing what the hub holds with what the ERP holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from hub.dispatch.http import client_session
from hub.errors import HubError
from hub.merchant import connections, health
from hub.merchant.reconcile import LOOK_BACK, reconcile
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import done, jobs, show
from hub.web.pages.returns import day_of
from hub.web.problems import status_of
from hub.web.segments import segment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.models import Connection
    from hub.web.pages.jobs import Job

HOURS = 24
MOST_CALLS = 50_000
HOUR = timedelta(hours=1)


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get("/quota/{name}", show_quota),
            web.get("/reconcile/{name}", show_reconcile),
            web.post("/reconcile/{name}", start_reconcile),
        ],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One hour of the chart, in its own units: 960 wide and 200 high.

    Attributes:
        text: what it says to those who cannot see it.
    """

    x: int
    y: int
    height: int
    calls: int
    text: str
    hour: str


async def show_quota(request: web.Request) -> web.Response:
    """How full each window is, the calls of the last day, and when what waits will be through."""
    row = await connections.get(await store_of(request), request.match_info["name"])
    now = request.app[HUB].clock.now()
    begin = now.replace(minute=0, second=0, microsecond=0) - (HOURS - 1) * HOUR
    bars = _bars(begin, await health.recent_calls(row, begin, most=MOST_CALLS))
    return await show(
        request,
        "quota/quota.html",
        live="quota/live.html",
        row=row,
        health=await health.health(request.app[HUB], row),
        bars=bars,
        highest=max((bar.calls for bar in bars), default=0),
    )


def _bars(begin: datetime, calls: Sequence[datetime]) -> list[Bar]:
    counts = [0] * HOURS
    for at in calls:
        counts[min(HOURS - 1, int((at - begin) / HOUR))] += 1
    highest = max(counts) or 1
    bars = []
    for number, count in enumerate(counts):
        hour = f"{begin + number * HOUR:%H:00}"
        height = round(180 * count / highest)
        text = f"{hour} UTC: {count:,} {'call' if count == 1 else 'calls'}"
        bars.append(Bar(x=number * 40, y=200 - height, height=height, calls=count, text=text, hour=hour))
    return bars


async def show_reconcile(request: web.Request) -> web.Response:
    """Before a comparison: what it does, and from when on."""
    row = await connections.get(await store_of(request), request.match_info["name"])
    return await _reconcile_page(request, row, "")


async def _reconcile_page(
    request: web.Request, row: Connection, since: str, error: HubError | None = None
) -> web.Response:
    return await show(
        request,
        "quota/reconcile.html",
        status=status_of(error) if error else 200,
        row=row,
        since=since or (request.app[HUB].clock.now() - LOOK_BACK).date().isoformat(),
        error=error,
    )


async def start_reconcile(request: web.Request) -> web.Response:
    """Starts a comparison."""
    hub, store = request.app[HUB], await store_of(request)
    row = await connections.get(store, request.match_info["name"])
    text = str((await request.post()).get("since", ""))
    try:
        since = day_of(text)
    except HubError as error:
        return await _reconcile_page(request, row, text, error)

    async def work(job: Job) -> None:
        async with client_session(allowed=hub.environment.egress_allow) as http:
            job.result = await reconcile(hub, http, row, since=since, owner="reconcile page")

    job = jobs.start(
        request,
        store,
        work,
        title=f"Compare {row.name} with the hub",
        template="jobs/reconcile.html",
        back=(f"/reconcile/{segment(row.name)}", "Compare again"),
    )
    return done(request, f"/jobs/{job.id}")

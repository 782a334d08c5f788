"""The first page: is anything wrong, what waits, and the latest returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hub.merchant.integrations import is_draft
from hub.merchant.overview import MOST, overview
from hub.merchant.search import Wanted, find
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import show

if TYPE_CHECKING:
    from hub.merchant.overview import Overview

LATEST = 8


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(app, Need.PAGE, [web.get("/", show_home)])


async def show_home(request: web.Request) -> web.Response:
    """How everything is."""
    store = await store_of(request)
    now_is = await overview(request.app[HUB], store)
    latest = await find(store, Wanted(), limit=LATEST)
    return await show(
        request,
        "home/home.html",
        live="home/live.html",
        now_is=now_is,
        most=MOST,
        headline=_headline(now_is),
        latest=latest.rows,
        is_draft=is_draft,
        store=store,
    )


def _headline(now_is: Overview) -> str:
    """How everything is, in one sentence."""
    count = now_is.needs_person
    if count >= MOST:
        return f"More than {MOST - 1:,} returns need you."
    if count:
        return "1 return needs you." if count == 1 else f"{count:,} returns need you."
    if troubled := [each.row.name for each in now_is.strips if each.problems and not is_draft(each.row)]:
        return f"Look at the connection {troubled[0]}."
    if now_is.in_doubt:
        return "Nothing needs you. The hub is checking a lost answer."
    if now_is.waiting:
        return "Everything is on its way."
    if drafts := [each.row.name for each in now_is.strips if is_draft(each.row)]:
        return f"Go on setting up {drafts[0]}."
    return "All is well." if now_is.has_returns else "Ready for the first return."

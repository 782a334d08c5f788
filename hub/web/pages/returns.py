"""Returns: search, the list, one return with its story, and what a person can do about it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub.errors import HubError, NotFoundError, UsageError
from hub.merchant import asking, connections, deliveries, journal, methods, rmas, search
from hub.merchant.documents import risk_of_none
from hub.merchant.search import NEEDS_PERSON, Wanted
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import done, show
from hub.web.pages.standing import standing
from hub.web.pages.words import pretty
from hub.web.problems import status_of
from hub.web.segments import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.store.models import Delivery, Rma

PER_PAGE = 50
STATUSES = (
    ("", "All"),
    (NEEDS_PERSON, "Needs you"),
    ("in_doubt", "Being checked"),
    ("pending", "Waiting"),
    ("done", "Credited"),
    ("skipped", "Not credited"),
)
GOODS = (
    ("", "Any"),
    ("none", "No goods yet"),
    ("partial", "Partly received"),
    ("full", "Goods received"),
    ("flagged", "Goods need you"),
)


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.get("/returns", show_list),
            web.get("/returns/{rma_id}", show_return),
            web.get("/returns/{rma_id}/calls/{id}", show_call),
            web.post("/returns/{rma_id}/retry", retry),
            web.post("/returns/{rma_id}/resolve", resolve),
            web.post("/returns/{rma_id}/ask", ask),
            web.get("/returns/{rma_id}/edit", show_edit),
            web.post("/returns/{rma_id}/edit", edit),
        ],
    )


async def show_list(request: web.Request) -> web.Response:
    """Returns, searched and filtered by the address."""
    store, query = await store_of(request), request.query
    error, page = None, search.Page(rows=[], cursor=None)
    wanted = Wanted(text=query.get("q", ""), status=query.get("status", ""))
    try:
        wanted = wanted_of(query)
        page = await search.find(store, wanted, cursor=query.get("cursor"), limit=PER_PAGE)
    except UsageError as refused:
        error = refused
    return await show(
        request,
        "returns/list.html",
        live="returns/list_live.html",
        status=status_of(error) if error else 200,
        error=error,
        wanted=wanted,
        asked={name: query.get(name, "") for name in ("since", "until")},
        rows=page.rows,
        page=page,
        statuses=STATUSES,
        goods=GOODS,
        connections=await connections.names_ever(store),
        methods=await methods.every(store),
        is_first=not query.get("cursor"),
    )


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What an address asks for.

    Raises:
        UsageError: a date is none.
    """
    since, until = day_of(query.get("since", "")), day_of(query.get("until", ""))
    return Wanted(
        text=query.get("q", "").strip(),
        status=query.get("status", ""),
        connection=query.get("connection", ""),
        method=query.get("method", ""),
        validation=query.get("goods", ""),
        since=since,
        until=until + timedelta(days=1) if until else None,
    )


def day_of(text: str) -> datetime | None:
    """The beginning of a day in UTC; None for no text.

    Raises:
        UsageError: it is no day.
    """
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError as error:
        raise UsageError(f"read the date {text[:20]!r}", fix="write it like 2026-03-01") from error


async def show_return(request: web.Request) -> web.Response:
    """One return: where it stands, its story, its items and what was sent."""
    return await _page(request, await _found(request))


async def _found(request: web.Request) -> Rma:
    return await rmas.get(await store_of(request), request.match_info["rma_id"])


async def _page(
    request: web.Request, rma: Rma, *, error: HubError | None = None, typed: Mapping[str, str] | None = None
) -> web.Response:
    delivery = await deliveries.of_rma(rma)
    return await show(
        request,
        "returns/return.html",
        live="returns/return_live.html",
        status=status_of(error) if error else 200,
        error=error,
        typed={"note": "", "document": ""} | dict(typed or {}),
        rma=rma,
        delivery=delivery,
        stands=standing(rma, delivery),
        risk=risk_of_none(delivery) if delivery else None,
        items=await rmas.items(rma),
        steps=await journal.story(rma, delivery),
        told=await journal.told(rma),
        fields=_fields(delivery) if delivery else [],
        request_text=pretty(delivery.request) if delivery and delivery.request else "",
        original_text=pretty(delivery.original_request) if delivery and delivery.original_request else "",
        warnings=json.loads(delivery.warnings) if delivery else [],
    )


def _fields(delivery: Delivery) -> list[tuple[str, str, str]]:
    """Name, value and origin of each field of the frozen request that has one."""
    if delivery.request is None:
        return []
    origins: dict[str, str] = json.loads(delivery.origins)
    leaves = dict(_leaves(json.loads(delivery.request, parse_float=Decimal)))
    return [(name, leaves.get(name, ""), origin) for name, origin in origins.items()]


def _leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [
            leaf for key, each in value.items() for leaf in _leaves(each, f"{name}.{key}" if name else key)
        ]
    if isinstance(value, list):
        return [leaf for number, each in enumerate(value) for leaf in _leaves(each, f"{name}[{number}]")]
    return [(name, "" if value is None else str(value))]


async def show_call(request: web.Request) -> web.Response:
    """One HTTP exchange behind a step of the story."""
    rma = await _found(request)
    number = request.match_info["id"]
    call = await journal.exchange(await deliveries.of_rma(rma), int(number) if number.isdecimal() else 0)
    return await show(
        request,
        "returns/call.html",
        live="returns/call_live.html",
        rma=rma,
        call=call,
        sent=pretty(call.request_body),
        got=pretty(call.reply_body),
    )


async def retry(request: web.Request) -> web.Response:
    """Hands the delivery back to the hub."""
    rma = await _found(request)
    form = await request.post()
    try:
        row = await _as_seen(rma, form)
        now_is = await deliveries.retry(
            request.app[HUB].clock, row, prepare_anew="anew" in form, is_gone="gone" in form
        )
    except HubError as error:
        return await _page(request, rma, error=error)
    return done(request, _path(rma), f"{now_is[:1].upper()}{now_is[1:]}.")


async def resolve(request: web.Request) -> web.Response:
    """Closes what a person has dealt with."""
    rma = await _found(request)
    form = await request.post()
    typed = {name: str(form.get(name, "")) for name in ("note", "document")}
    try:
        row = await _as_seen(rma, form)
        document = typed["document"].strip() or None
        is_certain = "without_document" in form
        await deliveries.resolve(
            request.app[HUB].clock, row, typed["note"], document, is_without_document=is_certain
        )
    except HubError as error:
        return await _page(request, rma, error=error, typed=typed)
    return done(request, _path(rma), "Closed, with your note in the story.")


async def ask(request: web.Request) -> web.Response:
    """Looks in the ERP now."""
    rma = await _found(request)
    try:
        found = await asking.ask(request.app[HUB], await _as_seen(rma, {}))
    except HubError as error:
        return await _page(request, rma, error=error)
    return done(request, _path(rma), found)


async def show_edit(request: web.Request) -> web.Response:
    """The request as text, to be changed by hand."""
    rma = await _found(request)
    row = await _as_seen(rma, {})
    return await _edit_page(request, rma, row, pretty(row.request or "{}"))


async def _edit_page(
    request: web.Request, rma: Rma, row: Delivery, text: str, error: HubError | None = None
) -> web.Response:
    return await show(
        request,
        "returns/edit.html",
        status=status_of(error) if error else 200,
        rma=rma,
        delivery=row,
        text=text,
        error=error,
        fields=_fields(row),
    )


async def edit(request: web.Request) -> web.Response:
    """Sends a request written by hand in place of the frozen one."""
    rma = await _found(request)
    form = await request.post()
    text = str(form.get("request", ""))
    row = await _as_seen(rma, form)
    try:
        now_is = await deliveries.edit(request.app[HUB], row, text)
    except HubError as error:
        return await _edit_page(request, rma, row, text, error)
    return done(request, _path(rma), f"Kept: {now_is}.")


async def _as_seen(rma: Rma, form: Mapping[str, object]) -> Delivery:
    """The delivery, in the version that the person's page showed: one that changed since is refused."""
    row = await deliveries.of_rma(rma)
    if row is None:
        raise NotFoundError(
            f"change RMA {rma.rma_id}: it has no credit note to be", why="it was never approved"
        )
    version = str(form.get("version", ""))
    if version.isdecimal():
        row.version = int(version)
    return row


def _path(rma: Rma) -> str:
    return f"/returns/{segment(rma.rma_id)}"

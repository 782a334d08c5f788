"""What was credited: totals on a page, and every credit note in a file for the accountant."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from hub.errors import UsageError
from hub.merchant.credited import Totals, check_range, credited
from hub.plain_text import cell
from hub.web import guard
from hub.web.guard import HUB, Need, store_of
from hub.web.pages import show, words
from hub.web.pages.returns import day_of
from hub.web.problems import status_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

BACK = timedelta(days=30)
MOST_SUMMED = 20_000
"""More than that is summed at the end of the file only: a page does not read so much."""
_SENT_AT_ONCE = 500
_HEAD = (
    "Credited at (UTC)",
    "Return",
    "Order",
    "Credit note",
    "Reference",
    "Connection",
    "Amount",
    "Currency",
)


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app, Need.PAGE, [web.get("/credited", show_credited), web.get("/credited.csv", download)]
    )


async def show_credited(request: web.Request) -> web.Response:
    """Choosing the days, and what they come to."""
    store, totals, error, is_whole = await store_of(request), Totals(), None, True
    today = request.app[HUB].clock.now()
    asked = {
        "since": request.query.get("since", "") or (today - BACK).date().isoformat(),
        "until": request.query.get("until", "") or today.date().isoformat(),
    }
    try:
        since, until = _range(asked["since"], asked["until"])
        async for row in credited(store, since, until):
            totals.add(row)
            if totals.count >= MOST_SUMMED:
                is_whole = False
                break
    except UsageError as refused:
        error = refused
    return await show(
        request,
        "credited/credited.html",
        status=status_of(error) if error else 200,
        asked=asked,
        totals=totals,
        is_whole=is_whole,
        error=error,
    )


def _range(since: str, until: str) -> tuple[datetime, datetime]:
    """The days an address asks for, the last one included."""
    first, last = day_of(since), day_of(until)
    if first is None or last is None:
        raise UsageError("list credit notes: a day is missing", fix="choose the first and the last day")
    check_range(first, last + timedelta(days=1))
    return first, last + timedelta(days=1)


async def download(request: web.Request) -> web.StreamResponse:
    """The file: comma-separated, UTF-8 with a mark so that Excel reads it, the totals at its end."""
    store = await store_of(request)
    since, until = _range(request.query.get("since", ""), request.query.get("until", ""))
    name = f"credited {since.date()} to {(until - timedelta(days=1)).date()}.csv"
    headers = {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(request)
    totals, lines = Totals(), [_line(_HEAD)]
    await response.write("\ufeff".encode())
    async for row in credited(store, since, until):
        totals.add(row)
        amount = (str(row.total.amount), row.total.currency) if row.total else ("", "")
        texts = (row.rma_id, row.order_name, row.document_id, row.reference or "", row.connection)
        lines.append(_line((words.iso(row.credited_at), *map(cell, texts), *amount)))
        if len(lines) >= _SENT_AT_ONCE:
            await response.write("".join(lines).encode(errors="replace"))
            lines = []
    for currency, amount_sum in sorted(totals.by_currency.items()):
        lines.append(_line(("Total", "", "", "", "", "", str(amount_sum), currency)))
    if totals.unknown:
        lines.append(_line((f"Without an amount: {totals.unknown}", *[""] * (len(_HEAD) - 1))))
    await response.write("".join(lines).encode(errors="replace"))
    await response.write_eof()
    return response


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()

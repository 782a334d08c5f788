"""ReturnGO's requests and answers as values, pure.

Paths, parameters and names: returngo/REFERENCE.md, "API" (H). What a row of the list carries is unknown (U),
so its three facts are looked for under every name that the platform's own documents use for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from hub.errors import EventError, RetriableError
from hub.inbound.event import IncomingEvent, read_event
from hub.inbound.fields import MAX_ID_LENGTH
from hub.inbound.strict_json import canonical, load

MOST_ROWS = 500
_IDS = ("rmaId", "rma_id", "id")
_STATUSES = ("status", "rma_status")
_UPDATES = ("lastUpdated", "rma_updated_at", "updatedAt", "updated_at")
_DEEPEST = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ListRow:
    """What the list says of one RMA.

    Attributes:
        status: the platform's word; None when the row does not say.
        updated_at: when it last changed; None when the row does not say.
        row: all of it.
    """

    rma_id: str
    status: str | None
    updated_at: datetime | None
    row: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListPage:
    """One page of the list.

    Attributes:
        unreadable: rows that name no RMA.
        next_cursor: where the platform goes on; None at the end.
    """

    rows: tuple[ListRow, ...]
    unreadable: int
    next_cursor: str | None


def list_query(*, since: datetime | None = None, cursor: str | None = None, rows: int | None = None) -> str:
    """The query of ``GET /rmas``, oldest change first, with as many rows as there may be unless given.

    ``-rma_updated_at`` is documented and without the minus inferred (I); times as in the documented example,
    without an offset and taken to be UTC (U).
    """
    given: dict[str, str] = {"pagesize": str(rows or MOST_ROWS), "sort_by": "rma_updated_at"}
    if since is not None:
        given["rma_updated_at"] = f"gte:{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    if cursor is not None:
        given["cursor"] = cursor
    return urlencode(given)


def rma_path(rma_id: str) -> str:
    """``/rma/{id}``, safe for any id."""
    return f"/rma/{quote(rma_id, safe='')}"


def shipment_path(shipment_id: str) -> str:
    """``/shipment/{id}``, safe for any id."""
    return f"/shipment/{quote(shipment_id, safe='')}"


def read_list(body: bytes) -> ListPage:
    """Reads ``{rmas[], next_cursor}``.

    Raises:
        RetriableError: it is something else.
    """
    answer = _read(body, "list RMAs")
    found = answer.get("rmas") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or not isinstance(found, list):
        raise RetriableError("list RMAs: returngo's answer cannot be read", why='it has no list "rmas"')
    rows = [read_row(each) for each in found]
    cursor = answer.get("next_cursor")
    return ListPage(
        rows=tuple(row for row in rows if row is not None),
        unreadable=sum(1 for row in rows if row is None),
        next_cursor=str(cursor) if isinstance(cursor, str | int) and cursor not in ("", 0, False) else None,
    )


def read_row(row: object) -> ListRow | None:
    """What a row says; None when it names no RMA."""
    if not isinstance(row, Mapping):
        return None
    summary = row.get("rmaSummary")
    places = [row, summary] if isinstance(summary, Mapping) else [row]
    rma_id = _id_in(places)
    if rma_id is None:
        return None
    status = next((s for p in places for k in _STATUSES if isinstance(s := p.get(k), str) and s), None)
    times = (_time(place.get(key)) for place in places for key in _UPDATES)
    return ListRow(
        rma_id=rma_id, status=status, updated_at=next((t for t in times if t is not None), None), row=row
    )


def read_rma(body: bytes, rma_id: str) -> IncomingEvent:
    """Reads the answer to ``GET /rma/{id}``.

    Raises:
        RetriableError: it is cut off or no JSON.
        EventError: it is JSON and no RMA the hub can take in, or another RMA than was asked for.
    """
    try:
        event = read_event(body)
    except EventError as error:
        if error.status == 400:  # noqa: PLR2004 - unreadable, as a cut-off answer is
            raise RetriableError(
                f"get RMA {rma_id}: returngo's answer cannot be read", why=error.why
            ) from error
        raise
    if event.rma.rma_id != rma_id:
        raise EventError(f"get RMA {rma_id}", why=f"ReturnGO answered with RMA {event.rma.rma_id}")
    return event


def event_of(row: ListRow) -> IncomingEvent:
    """A row of a list that carries whole RMAs, as an event.

    Raises:
        EventError: it is not one.
    """
    return read_event(canonical(row.row).encode())


def read_hint(body: bytes) -> str | None:
    """The RMA that a webhook is about; None when it cannot be told. Nothing else in it is believed.

    Where the id stands is unknown (U): ``rmaId`` is looked for first at the top, then deeper.
    """
    try:
        level = [load(body)]
    except EventError:
        return None
    for _ in range(_DEEPEST):
        places = [each for each in level if isinstance(each, Mapping)]
        if rma_id := _id_in(places, _IDS[:2]):
            return rma_id
        level = [value for place in places for value in place.values()]
    return None


def _id_in(places: list[Mapping[str, Any]], names: tuple[str, ...] = _IDS) -> str | None:
    for place in places:
        for name in names:
            value = place.get(name)
            if isinstance(value, bool) or not isinstance(value, str | int):
                continue
            text = str(value).strip()
            if 0 < len(text) <= MAX_ID_LENGTH and text.isprintable():
                return text
    return None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value.strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read(body: bytes, operation: str) -> object:
    try:
        return load(body)
    except EventError as error:
        raise RetriableError(f"{operation}: returngo's answer cannot be read", why=error.why) from error

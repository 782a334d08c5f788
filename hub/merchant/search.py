"""Finding returns: by a text, by filters, or both, newest first.

A list is a walk along one index, cut off after :data:`FURTHEST` returns: whatever is asked for, an answer
takes about the same time, with ten returns or with millions. A page that was cut off says so and goes on
where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tortoise.expressions import Q

from hub.errors import UsageError
from hub.outcomes import Status, ValidationState
from hub.store.models import Connection, Delivery, Rma, Role, SearchTerm
from hub.store.terms import term_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.store.models import Store

FURTHEST = 2_000
"""Most returns that one page looks at."""
_AT_ONCE = 500
NEEDS_PERSON = "needs_you"
"""Beside the statuses of deliveries: what needs a person for its credit note or its goods."""
_RARE = {Status.PENDING, Status.SENDING, Status.IN_DOUBT, Status.ATTENTION}
"""Statuses that few returns are in for long: those are found by status, the others by age."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is looked for; empty and None for no matter.

    Attributes:
        text: the beginning of an RMA number, an order, an SKU, a reference or a document's id.
        status: of the delivery, or :data:`NEEDS_PERSON`.
        connection: the connection's name, also of a removed one.
        method: a return method's name.
        validation: what the warehouse has said.
        since: only what arrived then or later.
        until: only what arrived before.
    """

    text: str = ""
    status: str = ""
    connection: str = ""
    method: str = ""
    validation: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_filtered(self) -> bool:
        """True when anything is asked for."""
        return self != Wanted()


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One return of a list.

    Attributes:
        status: of its delivery; None when it was never approved.
        reason, total, document_id, connection, next_attempt_at: of its delivery; None where there is none.
    """

    rma_id: str
    order_name: str
    validation: ValidationState
    received_at: datetime
    status: Status | None
    reason: str | None
    total: str | None
    document_id: str | None
    connection: str | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        cursor: where the next part goes on; None at the end.
        is_cut: True when the walk was cut off before the page was full.
    """

    rows: Sequence[Found]
    cursor: str | None
    is_cut: bool = False


async def find(store: Store, wanted: Wanted, *, cursor: str | None = None, limit: int) -> Page:
    """One page of the returns that are wanted.

    Newest first; where a text is looked for, those it fits exactly come before those that begin with it.

    Args:
        store: whose.
        wanted: which.
        cursor: of the page before; None for the first.
        limit: most rows.

    Raises:
        UsageError: the cursor is none, or a filter has a value that there is not.
    """
    within = await _within(store, wanted)
    if within is None:
        return Page(rows=[], cursor=None)
    walk = _Walk(store, within, wanted, limit)
    if term := term_of(wanted.text):
        return await walk.by_text(term, cursor)
    return await walk.by_age(_number(cursor))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Within:
    """Filters, looked up: ``bounds`` are row ids, both inclusive; ``connections`` None for no matter."""

    first: int
    last: int | None
    connections: Sequence[str] | None


async def _within(store: Store, wanted: Wanted) -> _Within | None:
    """None when nothing can fit."""
    known = [*Status, NEEDS_PERSON, ""]
    if wanted.status not in known or wanted.validation not in [*ValidationState, ""]:
        raise UsageError(
            "list returns: there is no such status",
            fix=f"choose one of {', '.join(each for each in known if each)}",
        )
    chosen = None
    if wanted.connection:
        rows = await Connection.filter(store_id=store.id, name=wanted.connection)
        chosen = [row.id for row in rows]
    mine = Rma.filter(store_id=store.id)
    first, last = 0, None
    # Rows are numbered as they arrive, so that two look-ups make numbers of times.
    if wanted.since is not None:
        row = await mine.filter(received_at__gte=wanted.since).order_by("received_at").first().only("id")
        if row is None:
            return None
        first = row.id
    if wanted.until is not None:
        row = await mine.filter(received_at__lt=wanted.until).order_by("-received_at").first().only("id")
        if row is None:
            return None
        last = row.id
    return _Within(first=first, last=last, connections=chosen)


class _Walk:
    def __init__(self, store: Store, within: _Within, wanted: Wanted, limit: int) -> None:
        self._store = store
        self._within = within
        self._wanted = wanted
        self._limit = limit

    async def by_age(self, below: int | None) -> Page:
        """Along the rows' numbers, downwards."""
        ids = await self._candidates(below)
        end = str(ids[-1]) if len(ids) == FURTHEST else None
        return await self._page(ids, {each: str(each) for each in ids}, end)

    async def _candidates(self, below: int | None) -> list[int]:
        """Numbers of rows that may fit, newest first, from the index that leaves the fewest."""
        wanted = self._wanted
        found: list[list[int]] = []
        if wanted.status == NEEDS_PERSON:
            found += await self._by_status(Status.ATTENTION, below)
            found.append(await self._by_rma(Q(validation=ValidationState.FLAGGED), below))
        elif wanted.status in _RARE:
            found += await self._by_status(Status(wanted.status), below)
        elif self._within.connections is not None:
            found += [
                await self._by_delivery(Q(connection_id=one), below) for one in self._within.connections
            ]
        elif wanted.validation:
            found.append(await self._by_rma(Q(validation=wanted.validation), below))
        else:
            found.append(await self._by_rma(Q(), below))
        return sorted({each for ids in found for each in ids}, reverse=True)[:FURTHEST]

    async def _by_delivery(self, among: Q, below: int | None) -> list[int]:
        rows = Delivery.filter(among, **self._bounds("rma_id", below))
        return [each[0] for each in await rows.order_by("-rma_id").limit(FURTHEST).values_list("rma_id")]

    async def _by_status(self, status: Status, below: int | None) -> list[list[int]]:
        """Of the store's own alone: among all stores' the walk would end early for their sake, and say so.

        A delivery names no store. Its connection does, and where it has none, its RMA.
        """
        of_store = Connection.filter(store_id=self._store.id, role=Role.ERP).only("id")
        chosen = self._within.connections
        ids = [each.id for each in await of_store] if chosen is None else chosen
        found = [await self._by_delivery(Q(connection_id=each, status=status), below) for each in ids]
        if chosen is None:
            unplaced = Q(connection_id__isnull=True, status=status, rma__store_id=self._store.id)
            found.append(await self._by_delivery(unplaced, below))
        return found

    async def _by_rma(self, among: Q, below: int | None) -> list[int]:
        rows = Rma.filter(among, store_id=self._store.id, **self._bounds("id", below))
        return [each[0] for each in await rows.order_by("-id").limit(FURTHEST).values_list("id")]

    def _bounds(self, name: str, below: int | None) -> dict[str, int]:
        bounds = {f"{name}__gte": self._within.first} if self._within.first else {}
        if self._within.last is not None:
            bounds[f"{name}__lte"] = self._within.last
        if below is not None:
            bounds[f"{name}__lt"] = below
        return bounds

    async def by_text(self, term: bytes, cursor: str | None) -> Page:
        """Along the terms: the text itself, newest first, then what begins with it, by term."""
        at, number = _place(cursor) if cursor is not None else (term, None)
        mine = SearchTerm.filter(store_id=self._store.id, **self._bounds("rma_id", None))
        found: list[tuple[bytes, int]] = []
        if at == term:
            exact = mine.filter(term=term, **({"rma_id__lt": number} if number is not None else {}))
            found += await exact.order_by("-rma_id").limit(FURTHEST).values_list("term", "rma_id")
            more = mine.filter(term__gt=term, term__lt=_after(term))
        else:
            more = mine.filter(term__gte=at, term__lt=_after(term))
            more = more.filter(Q(term__gt=at) | Q(rma_id__gt=number))
        if room := FURTHEST - len(found):
            found += await more.order_by("term", "rma_id").limit(room).values_list("term", "rma_id")
        places: dict[int, bytes] = {}
        for each, rma in found:
            places.setdefault(rma, bytes(each))
        if cursor:
            await _leave_out_shown(places, term)
        cursors = {rma: f"{each.hex()}.{rma}" for rma, each in places.items()}
        end = f"{bytes(found[-1][0]).hex()}.{found[-1][1]}" if len(found) == FURTHEST else None
        return await self._page(list(places), cursors, end)

    async def _page(self, ids: Sequence[int], cursors: Mapping[int, str], end: str | None) -> Page:
        """The candidates that fit, in their order, until the page is full; ``end`` when the walk was cut."""
        chosen: list[int] = []
        for start in range(0, len(ids), _AT_ONCE):
            chunk = ids[start : start + _AT_ONCE]
            rows = await Rma.filter(id__in=chunk).values(*self._judged())
            fitting = {row["id"] for row in rows if self._fits(row)}
            chosen += [each for each in chunk if each in fitting]
            if len(chosen) > self._limit:
                chosen = chosen[: self._limit]
                return Page(rows=await _rows(chosen), cursor=cursors[chosen[-1]])
        return Page(rows=await _rows(chosen), cursor=end, is_cut=end is not None)

    def _judged(self) -> list[str]:
        """The columns that the filters look at; reading others takes time."""
        wanted = self._wanted
        columns = ["id", "store_id"]
        columns += ["validation"] if wanted.validation or wanted.status == NEEDS_PERSON else []
        columns += ["received_at"] if wanted.since or wanted.until else []
        columns += ["delivery__status"] if wanted.status else []
        columns += ["delivery__method"] if wanted.method else []
        return [*columns, "delivery__connection_id"] if wanted.connection else columns

    def _fits(self, row: Mapping[str, Any]) -> bool:
        """Here and not in the question: so the database has only one way to go, along the ids."""
        wanted, within = self._wanted, self._within
        return (
            row["store_id"] == self._store.id
            and (not wanted.status or _has_status(row, wanted.status))
            and (not wanted.validation or row["validation"] == wanted.validation)
            and (not wanted.method or row["delivery__method"] == wanted.method)
            and (within.connections is None or row["delivery__connection_id"] in within.connections)
            and (wanted.since is None or row["received_at"] >= wanted.since)
            and (wanted.until is None or row["received_at"] < wanted.until)
        )


def _has_status(row: Mapping[str, Any], status: str) -> bool:
    if status != NEEDS_PERSON:
        return bool(row["delivery__status"] == status)
    return bool(row["delivery__status"] == Status.ATTENTION or row["validation"] == ValidationState.FLAGGED)


async def _leave_out_shown(places: dict[int, bytes], term: bytes) -> None:
    """Takes out what a page before has shown: each return stands at the first of its terms that fits."""
    ids, behind = list(places), _after(term)
    for start in range(0, len(ids), _AT_ONCE):
        rows = SearchTerm.filter(rma_id__in=ids[start : start + _AT_ONCE])
        for rma, each in await rows.values_list("rma_id", "term"):
            if rma in places and term <= bytes(each) < min(places[rma], behind):
                del places[rma]


_COLUMNS = {
    "row_id": "id",
    "rma_id": "rma_id",
    "order_name": "order_name",
    "validation": "validation",
    "received_at": "received_at",
    "status": "delivery__status",
    "reason": "delivery__reason",
    "total": "delivery__total",
    "document_id": "delivery__document_id",
    "connection": "delivery__connection__name",
    "next_attempt_at": "delivery__next_attempt_at",
}


async def _rows(ids: Sequence[int]) -> list[Found]:
    # Not whole rows: an RMA carries its documents, and a list shows none of them.
    rows = {row["row_id"]: row for row in await Rma.filter(id__in=list(ids)).values(**_COLUMNS)}
    return [Found(**{name: rows[each][name] for name in _COLUMNS if name != "row_id"}) for each in ids]


def _after(term: bytes) -> bytes:
    """The first bytes behind everything that begins with these; UTF-8 has no byte 0xff."""
    return term + b"\xff"


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit():
        raise _no_cursor()
    return int(cursor)


def _place(cursor: str) -> tuple[bytes, int]:
    term, _, number = cursor.partition(".")
    try:
        return bytes.fromhex(term), int(number)
    except ValueError as error:
        raise _no_cursor() from error


def _no_cursor() -> UsageError:
    return UsageError("list returns: the place to go on at is not known", fix="begin again at the first page")

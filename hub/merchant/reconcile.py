"""`hub reconcile`: lists what the ERP holds, gathers what the hub holds, and compares. Reads only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from tortoise.expressions import Q

from hub.dispatch.frozen import read_total, read_units
from hub.dispatch.opening import open_connection, views
from hub.dispatch.waiting import claim_in_turn
from hub.errors import UsageError
from hub.inbound.document import parse_rma
from hub.merchant.findings import LedgerEntry
from hub.merchant.reconciling import absent, compare
from hub.rma_update.apply import held_of
from hub.store.models import Attempt, Delivery, RmaItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    import aiohttp

    from hub.core import Hub
    from hub.merchant.findings import Finding
    from hub.outcomes import ListedDocument, Sighting
    from hub.store.models import Connection

Value = TypeVar("Value")

LOOK_BACK = timedelta(days=30)
"""How far back it looks unless told otherwise."""
MARGIN = timedelta(days=1)
"""How much earlier the list begins than the ledger: the ERP's clock and ours may differ."""
LET_IN_S = 1.2
"""Pause between two pages, a little longer than the engine leaves a connection alone that is in use: live
returns are sent in between."""
AT_ONCE = 500
"""Most values in one question to the database."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """What came of it.

    Attributes:
        since: deliveries and documents made from then on were compared.
        pages: list calls.
        documents: documents the ERP listed, whoever made them.
        deliveries: deliveries compared.
    """

    since: datetime
    pages: int
    documents: int
    deliveries: int
    findings: Sequence[Finding]


async def reconcile(
    hub: Hub, http: aiohttp.ClientSession, row: Connection, *, since: datetime | None, owner: str
) -> Reconciliation:
    """Compares one connection's ledger with its ERP, in both directions.

    Args:
        hub: the hub.
        http: the process's HTTP client.
        row: which connection; a paused one too.
        since: from when on; None for :data:`LOOK_BACK` before now.
        owner: who, for people to read.

    Raises:
        UsageError: the time lies in the future, or the connector cannot list documents.
        ConflictError: the connection stayed in use.
        HubError: the ERP could not be read.
    """
    now = hub.clock.now()
    since = since or now - LOOK_BACK
    if since > now:
        raise UsageError(
            f"reconcile {row.name}: {since.isoformat()} lies in the future", fix="give an earlier --since"
        )
    connector = hub.registry.get(row.connector)
    if not connector.has("list_documents"):
        raise UsageError(
            f"reconcile {row.name}: {connector.schema.title} cannot be listed",
            why="its connector has no hook list_documents",
            fix="nothing; its author can add it, as docs/hooks.md describes",
        )
    listed, pages = await _list(hub, http, row, since, owner)
    ledger = await _ledger(row, since, listed)
    sightings = await _look(hub, http, row, absent(ledger, listed), owner)
    return Reconciliation(
        since=since,
        pages=pages,
        documents=len(listed),
        deliveries=sum(entry.is_here for entry in ledger),
        findings=compare(row.name, ledger, listed, sightings),
    )


async def _list(
    hub: Hub, http: aiohttp.ClientSession, row: Connection, since: datetime, owner: str
) -> tuple[list[ListedDocument], int]:
    """Every document, each once: a page that moved meanwhile may repeat one."""
    found: dict[str, ListedDocument] = {}
    cursor, pages = None, 0
    while True:
        async with claim_in_turn(hub, row.id, owner=owner, what=f"reconcile {row.name}") as held:
            opened = open_connection(hub, row, http, held)
            with opened.session.in_background():
                page = await opened.connector.list_documents(opened.view, since - MARGIN, cursor)
        found.update({document.document_id: document for document in page.documents})
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            return list(found.values()), pages
        await hub.clock.sleep(LET_IN_S)


async def _look(
    hub: Hub, http: aiohttp.ClientSession, row: Connection, ids: Sequence[str], owner: str
) -> dict[str, Sighting]:
    """Looks for the documents that the list did not show, many in one call."""
    found: dict[str, Sighting] = {}
    size = hub.registry.get(row.connector).schema.max_batch
    for batch in _chunks(sorted(ids), size):
        rows = await Delivery.filter(id__in=batch).order_by("id")
        async with claim_in_turn(hub, row.id, owner=owner, what=f"reconcile {row.name}") as held:
            opened = open_connection(hub, row, http, held)
            with opened.session.in_background(), opened.session.about(batch):
                sightings = await opened.connector.find_documents(opened.view, await views(rows, row))
        found.update({sighting.delivery_id: sighting for sighting in sightings})
    return found


async def _ledger(row: Connection, since: datetime, listed: Sequence[ListedDocument]) -> list[LedgerEntry]:
    """The connection's deliveries of that time, and all that a listed document may belong to."""
    rows = {each.id: each for each in await _chosen(Q(connection_id=row.id, created_at__gte=since))}
    # Another account gives the same ids and names, and its returns are none of this store's business.
    here = Q(connection__quota_key=row.quota_key) if row.quota_key else Q(connection_id=row.id)
    mine = Q(rma__store_id=row.store_id)
    questions: list[tuple[Iterable[str | None], Callable[[Sequence[str]], Q]]] = [
        ((each.document_id for each in listed), lambda chunk: Q(document_id__in=chunk) & here),
        ((each.delivery_id for each in listed), lambda chunk: Q(id__in=chunk) & (here | mine)),
        ((each.rma_id for each in listed), lambda chunk: Q(rma__rma_id__in=chunk) & mine),
        (
            (each.reference for each in listed if each.delivery_id is None),
            lambda chunk: Q(reference__in=chunk) & here,
        ),
    ]
    for values, wanted in questions:
        for chunk in _chunks(sorted({value for value in values if value}), AT_ONCE):
            rows.update({each.id: each for each in await _chosen(wanted(chunk))})
    return await _entries(row, list(rows.values()))


async def _chosen(wanted: Q) -> list[Delivery]:
    return await Delivery.filter(wanted).select_related("rma").order_by("id")


async def _entries(row: Connection, rows: Sequence[Delivery]) -> list[LedgerEntry]:
    references: dict[str, set[str]] = {}
    items: dict[int, list[RmaItem]] = {}
    for chunk in _chunks([each.id for each in rows], AT_ONCE):
        for attempt in await Attempt.filter(delivery_id__in=chunk):
            references.setdefault(attempt.delivery_id, set()).add(attempt.reference)
    for numbers in _chunks([each.rma_id for each in rows], AT_ONCE):
        for item in await RmaItem.filter(rma_id__in=numbers, is_credited=True).order_by("position"):
            items.setdefault(item.rma_id, []).append(item)
    return [_entry(row, each, references.get(each.id, set()), items.get(each.rma_id, [])) for each in rows]


def _entry(
    row: Connection, delivery: Delivery, references: set[str], items: Sequence[RmaItem]
) -> LedgerEntry:
    rma = delivery.rma
    approved = parse_rma(json.loads(rma.approved_document or rma.document, parse_float=Decimal))
    credited = {item.returned_item_id for item in items}
    return LedgerEntry(
        delivery_id=delivery.id,
        rma_id=rma.rma_id,
        status=delivery.status,
        document_id=delivery.document_id,
        references=frozenset(references | ({delivery.reference} if delivery.reference else set())),
        is_here=delivery.connection_id == row.id,
        is_of_store=rma.store_id == row.store_id,
        total=read_total(delivery.total),
        units=read_units(delivery.units),
        items=tuple(item for item in approved.items if item.returned_item_id in credited),
        held={item.returned_item_id: held_of(item, item.validated_at) for item in items if item.validated_at},
        products={each.returned_item_id: each.product for each in items if each.product is not None},
        validation=rma.validation,
        resolved_flag=rma.resolved_flag,
    )


def _chunks(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]

"""What is to be done about an RMA: decided by its store's return methods, and written on its rows."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.inbound.document import parse_rma
from hub.outcomes import Status, ValidationState, Verdict
from hub.rma import MethodType
from hub.routing import Decision, MethodBinding, Route, is_past_approval, route
from hub.store.models import ReturnMethod, Rma, RmaItem, TimelineEntry
from hub.store.terms import remember
from hub.store.timeline import tell

if TYPE_CHECKING:
    from datetime import datetime

    from hub import rma as domain
    from hub.store.models import Delivery

APPROVED = "rma.approved"
"""Kind of the sentence that tells that the hub took in an approval."""


async def methods_of(store_id: int) -> dict[str, MethodBinding]:
    """A store's return methods as routing wants them.

    One that points at a removed connection is as good as *Do not update*: a command that was under way
    while the connection was removed may have left it so, and nobody would ever send over it.
    """
    methods = await ReturnMethod.filter(store_id=store_id).select_related("connection")
    orphaned = {each.id for each in methods if each.connection and each.connection.removed_at is not None}
    return {
        method.name_key: MethodBinding(
            name=method.name,
            kind=MethodType(method.type),
            connection_id=method.connection_id if method.id not in orphaned else None,
            location_id=method.location_id,
        )
        for method in methods
    }


async def decide(row: Rma, rma: domain.Rma) -> Route:
    """Routes an RMA by its store's return methods as they are now."""
    return route(rma, await methods_of(row.store_id))


async def place(delivery: Delivery, decided: Route, now: datetime) -> None:
    """Puts a delivery where a decision wants it, forgetting what was prepared, and tells the RMA's story.

    Only for a delivery of which nothing has gone out.
    """
    delivery.connection_id = decided.connection_id
    delivery.method, delivery.location_id = decided.method or "", decided.location_id
    delivery.request = delivery.reference = delivery.total = delivery.units = None
    delivery.original_request = delivery.edited_request = None
    delivery.origins, delivery.warnings = "{}", "[]"
    delivery.reason = decided.reason or None
    delivery.fix = decided.fix.replace("<id>", delivery.id)
    delivery.next_attempt_at, delivery.retries = None, 0
    delivery.version = (delivery.version or 0) + 1
    delivery.updated_at = now
    match decided.decision:
        case Decision.SEND:
            delivery.status, delivery.verdict, delivery.next_attempt_at = Status.PENDING, None, now
        case Decision.SKIP:
            delivery.status, delivery.verdict = Status.SKIPPED, Verdict.SKIPPED
            await tell(delivery.rma_id, now, "delivery.skipped", f"Nothing is credited: {decided.reason}.")
        case _:
            delivery.status, delivery.verdict = Status.ATTENTION, None
            text = f"Needs a person: {decided.reason}. To mend it: {delivery.fix}."
            await tell(delivery.rma_id, now, "delivery.attention", text)
    await delivery.save()


async def store_items(row: Rma, rma: domain.Rma, decided: Route) -> None:
    """Writes the items of an RMA anew, and makes it findable by them.

    What a warehouse has said about one of them stays.
    """
    credited = {item.returned_item_id for item in decided.items}
    kept = {item.returned_item_id: reason for item, reason in decided.kept}
    held = {item.returned_item_id: item for item in await RmaItem.filter(rma_id=row.id)}
    await RmaItem.filter(rma_id=row.id).delete()
    items = [
        RmaItem(
            rma_id=row.id,
            position=position,
            returned_item_id=item.returned_item_id,
            sku=item.sku or "",
            return_method=item.method.name if item.method else "",
            is_credited=item.returned_item_id in credited,
            reason=kept.get(item.returned_item_id),
        )
        for position, item in enumerate(rma.items)
    ]
    for item in items:
        known = held.get(item.returned_item_id)
        if known is not None and known.validated_at is not None:
            item.is_returned, item.is_restockable = known.is_returned, known.is_restockable
            item.validated_at, item.source, item.reason = known.validated_at, known.source, known.reason
    await RmaItem.bulk_create(items)
    skus = (item.sku for item in items)
    await remember(row.store_id, {row.id: [row.rma_id, row.order_name, *skus]})


async def take_as_it_is(row: Rma) -> Route:
    """Makes the newest state of an RMA the one that is credited, and decides about it.

    Only for an RMA that has no document: what it said when it was approved is not kept. One that has gone
    on since (received, validated) is decided as approved when the hub saw it approved.

    Args:
        row: the RMA, locked by the caller's transaction.
    """
    rma = parse_rma(json.loads(row.document, parse_float=Decimal))
    if is_past_approval(rma) and await TimelineEntry.exists(rma_id=row.id, kind=APPROVED):
        rma = replace(rma, status="Approved")
    decided = await decide(row, rma)
    if decided.decision is Decision.NONE:
        return decided
    await store_items(row, rma, decided)
    row.approved_document = row.document
    # Without a document there is nothing that the platform's later word could contradict.
    row.contradiction, row.validation = None, ValidationState.NONE
    await row.save(update_fields=["approved_document", "contradiction", "validation"])
    return decided

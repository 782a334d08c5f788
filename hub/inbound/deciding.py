"""What is to be done about an RMA: decided by its store's return methods, and written on its rows."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.inbound.document import parse_rma
from hub.outcomes import Status, ValidationState, Verdict
from hub.questions import write_question
from hub.rma import MethodType
from hub.routing import Decision, MethodBinding, Route, is_past_approval, name_key, route
from hub.store.bulk import insert
from hub.store.database import client
from hub.store.models import NAME_LENGTH, ReturnMethod, Rma, RmaItem, TimelineEntry
from hub.store.terms import remember
from hub.store.timeline import UNCONFIRMED, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from hub import rma as domain
    from hub.store.models import Delivery

APPROVED = "rma.approved"
"""Kind of the sentence that tells that the hub took in an approval."""
_WAREHOUSE = ("is_returned", "is_restockable", "validated_at", "source", "reason")
_CONNECTIONS_KEPT = """
SELECT FROM connection WHERE id IN (SELECT connection_id FROM return_method WHERE store_id = $1)
ORDER BY id FOR KEY SHARE
"""
"""Waits for whoever removes one, and whoever wants to later waits. On SQLite a transaction is alone."""


async def _keep_connections(store_id: int) -> None:
    database = client()
    if database.capabilities.dialect != "sqlite":
        await database.execute_query(_CONNECTIONS_KEPT, [store_id])


async def methods_of(store_id: int, rmas: Iterable[domain.Rma]) -> dict[str, MethodBinding]:
    """The return methods of a store that RMAs name, as routing wants them.

    One that points at a removed connection is as good as *Do not update*: a command that was under way
    while the connection was removed may have left it so, and nobody would ever send over it. None of them is
    removed before the caller's transaction ends.
    """
    await _keep_connections(store_id)
    names = {name_key(item.method.name) for rma in rmas for item in rma.items if item.method}
    # No method has a longer name, and the database's client refuses to look for one.
    known = [each for each in names if len(each) <= NAME_LENGTH]
    named = ReturnMethod.filter(store_id=store_id, name_key__in=known)
    methods = await named.select_related("connection")
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
    return route(rma, await methods_of(row.store_id, [rma]))


def placement(delivery_id: str, decided: Route, now: datetime) -> dict[str, Any]:
    """The values of a delivery's row where a decision puts it; nothing is prepared."""
    status, verdict = Status.ATTENTION, None
    if decided.decision is Decision.SEND:
        status = Status.PENDING
    elif decided.decision is Decision.SKIP:
        status, verdict = Status.SKIPPED, Verdict.SKIPPED
    return {
        "connection_id": decided.connection_id,
        "method": decided.method or "",
        "location_id": decided.location_id,
        "status": status,
        "verdict": verdict,
        "reason": decided.reason or None,
        "fix": decided.fix.replace("<id>", delivery_id),
        "question": write_question(decided.question),
        "next_attempt_at": now if status is Status.PENDING else None,
        "updated_at": now,
    }


def placed(values: Mapping[str, Any], decided: Route) -> tuple[str, str] | None:
    """What a placement adds to the RMA's story: kind and sentence. None for one that is on its way."""
    match values["status"]:
        case Status.PENDING:
            return None
        case Status.SKIPPED:
            kind = UNCONFIRMED if decided.is_unconfirmed else "delivery.skipped"
            return kind, f"Nothing is credited: {values['reason']}."
        case _:
            text = f"Needs a person: {values['reason']}. To mend it: {values['fix']}."
            return "delivery.attention", text


async def place(delivery: Delivery, decided: Route, now: datetime) -> None:
    """Puts a delivery where a decision wants it, forgetting what was prepared, and tells the RMA's story.

    Only for a delivery of which nothing has gone out.
    """
    values = placement(delivery.id, decided, now)
    delivery.update_from_dict(values)
    delivery.request = delivery.reference = delivery.total = delivery.units = None
    delivery.frozen_settings = delivery.look_up = None
    delivery.original_request = delivery.edited_request = delivery.account_key = None
    delivery.origins, delivery.warnings = "{}", "[]"
    delivery.retries = 0
    delivery.version = (delivery.version or 0) + 1
    if story := placed(values, decided):
        await tell(delivery.rma_id, now, *story)
    await delivery.save()


def item_rows(row_id: int, rma: domain.Rma, decided: Route) -> list[dict[str, Any]]:
    """The rows of an RMA's items, of which no warehouse has said anything."""
    credited = {item.returned_item_id for item in decided.items}
    kept = {item.returned_item_id: reason for item, reason in decided.kept}
    return [
        {
            "rma_id": row_id,
            "position": position,
            "returned_item_id": item.returned_item_id,
            "sku": item.sku or "",
            "return_method": item.method.name if item.method else "",
            "is_credited": item.returned_item_id in credited,
            "reason": kept.get(item.returned_item_id),
        }
        for position, item in enumerate(rma.items)
    ]


async def store_items(row: Rma, rma: domain.Rma, decided: Route) -> None:
    """Writes the items of an RMA anew, and makes it findable by them.

    What a warehouse has said about one of them stays.
    """
    held = {item.returned_item_id: item for item in await RmaItem.filter(rma_id=row.id)}
    await RmaItem.filter(rma_id=row.id).delete()
    items = item_rows(row.id, rma, decided)
    for item in items:
        known = held.get(item["returned_item_id"])
        if known is not None and known.validated_at is not None:
            item |= {name: getattr(known, name) for name in _WAREHOUSE}
    await insert(RmaItem, items)
    skus = (item["sku"] for item in items)
    await remember(row.store_id, {row.id: [row.rma_id, row.order_name, *skus]})


def arrival(rma: domain.Rma, decided: Route) -> str:
    """The sentence that tells that an RMA arrived, and what is to be done about it."""
    order = f" of order {rma.order_name}" if rma.order_name else ""
    text = f"RMA {rma.rma_id}{order} arrived as {rma.status} with {_count(len(rma.items), 'item')}."
    if decided.kept:
        text += f" {_count(len(decided.kept), 'item')} stay off: "
        text = text.replace("1 item stay off", "1 item stays off")
        text += "; ".join(dict.fromkeys(reason for _, reason in decided.kept)) + "."
    if decided.decision is Decision.NONE:
        text += f" Nothing to do: {decided.reason}."
    if decided.method:
        text += f" Return method: {decided.method}."
    return text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
    row.contradiction, row.contradictions, row.validation = None, "[]", ValidationState.NONE
    await row.save(update_fields=["approved_document", "contradiction", "contradictions", "validation"])
    return decided

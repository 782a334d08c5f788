"""Deliveries: lists, one in full, and handing one back to the hub after a person has mended its cause."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.errors import ConflictError, NotFoundError
from hub.inbound.accept import decide, place
from hub.inbound.document import parse_rma
from hub.outcomes import Status
from hub.routing import Decision
from hub.store.database import in_transaction
from hub.store.models import Attempt, Connection, Delivery, Rma, RmaItem
from hub.store.timeline import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.clock import Clock
    from hub.store.models import Store


async def every(
    store: Store,
    *,
    status: Status | None = None,
    rma_id: str | None = None,
    connection: str | None = None,
    limit: int,
) -> list[Delivery]:
    """The store's deliveries, newest first."""
    query = Delivery.filter(rma__store_id=store.id)
    if status is not None:
        query = query.filter(status=status)
    if rma_id is not None:
        query = query.filter(rma__rma_id=rma_id)
    if connection is not None:
        query = query.filter(connection__name_key=connection.strip().casefold())
    return await query.select_related("rma", "connection").order_by("-created_at", "-id").limit(limit)


async def get(store: Store, delivery_id: str) -> Delivery:
    """One delivery, by its id or an unambiguous beginning of it.

    Raises:
        NotFoundError: there is none. ConflictError: the beginning fits several.
    """
    rows = (
        await Delivery.filter(rma__store_id=store.id, id__startswith=delivery_id.strip().lower())
        .select_related("rma", "connection")
        .limit(2)
    )
    if not rows:
        raise NotFoundError(
            f"find delivery {delivery_id!r}: there is none",
            fix="list them with `hub deliveries list`, those of one RMA with --rma ID",
        )
    if len(rows) > 1:
        raise ConflictError(
            f"find delivery {delivery_id!r}: several begin like this", fix="give more of the id"
        )
    return rows[0]


async def attempts(delivery: Delivery) -> Sequence[Attempt]:
    """Every try to send it, oldest first."""
    return await Attempt.filter(delivery_id=delivery.id).order_by("number")


async def retry(clock: Clock, delivery: Delivery) -> str:
    """Hands a delivery back to the hub.

    One of which nothing ever went out is routed and prepared anew, by the settings as they are now. One
    that was sent before is looked for in the ERP first, and the same request is sent only when nothing is
    found.

    Returns:
        What happens now, in one sentence.

    Raises:
        ConflictError: it is not waiting for a person.
    """
    async with in_transaction():
        row = await Delivery.filter(id=delivery.id).select_for_update().get()
        if row.status not in {Status.ATTENTION, Status.SKIPPED}:
            raise ConflictError(
                f"retry delivery {row.id}: it is {row.status}",
                why="only one that needs a person, or was skipped, can be handed back",
                fix="nothing: the hub works on the others by itself"
                if row.status != Status.DONE
                else "nothing: its document exists",
            )
        now = clock.now()
        if row.attempts:
            connection = await Connection.get(id=row.connection_id)
            if connection.removed_at is not None:
                raise ConflictError(
                    f"retry delivery {row.id}: its connection {connection.name!r} was removed",
                    why="only that connection can tell whether an earlier attempt made a document",
                    fix="look in the ERP yourself, and make the document there by hand if it is missing",
                )
            row.status, row.next_attempt_at, row.looks, row.lost_at = Status.IN_DOUBT, now, 0, now
            row.version += 1
            row.updated_at = now
            await row.save()
            text = "A person asked for another try. The hub first looks for what earlier ones may have left."
            await tell(row.rma_id, now, "delivery.handed_back", text)
            return "the hub looks for an earlier document first, and sends again only when there is none"
        return await _route_again(row, clock)


async def _route_again(row: Delivery, clock: Clock) -> str:
    now = clock.now()
    rma_row = await Rma.get(id=row.rma_id)
    rma = parse_rma(json.loads(rma_row.document, parse_float=Decimal))
    decided = await decide(rma_row, rma)
    if decided.decision is Decision.NONE:
        raise ConflictError(f"retry delivery {row.id}", why=decided.reason, fix="nothing is due now")
    credited = [item.returned_item_id for item in decided.items]
    await RmaItem.filter(rma_id=row.rma_id).update(is_credited=False)
    await RmaItem.filter(rma_id=row.rma_id, returned_item_id__in=credited).update(is_credited=True)
    await tell(row.rma_id, now, "delivery.handed_back", "A person asked for another try.")
    await place(row, decided, now)
    if decided.decision is Decision.SEND:
        return "it is prepared anew and sent"
    return f"it stays where it is: {decided.reason}"

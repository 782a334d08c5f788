"""Writes down what an RMA's platform and subscribers must learn, in the transaction that makes it true.

Nothing is sent here. A row is written for every receiver there is at that moment; one that is added later
gets nothing old. Without receivers nothing is written.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tortoise.functions import Count

from hub.crashpoints import CrashPoint, reach
from hub.outcomes import Status
from hub.store.models import ID_LENGTH, Connection, Rma, RmaUpdate, Role, UpdateSending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.clock import Clock
    from hub.store.models import Delivery, RmaItem


class UpdateKind(StrEnum):
    """What an update tells; also the type of a webhook's message."""

    CREDIT_NOTE_CREATED = "rma.credit_note.created"
    """The RMA has its document in the ERP: made, or found there, or named by a person."""
    CREDIT_NOTE_FAILED = "rma.credit_note.failed"
    """Its document needs a person first. May come again, and a ``created`` may follow."""
    ITEM_VALIDATED = "rma.item.validated"
    """The warehouse's word on some items; each item is told once."""
    VALIDATION_COMPLETED = "rma.validation.completed"
    """Every item that had to come back is validated as returned."""
    VALIDATION_FLAGGED = "rma.validation.flagged"
    """What the warehouse says needs a person."""
    VALIDATION_CLEARED = "rma.validation.cleared"
    """What needed a person does not any more: a person closed it, or the ERP says otherwise now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """One thing to tell.

    Attributes:
        rma: the RMA's row id.
        facts: what is told besides the RMA's own id, order and store; plain JSON values.
        about: what tells it from other news of its kind, and stays the same when a hub that was restored from
            a backup learns it again: the document's id, the items'.
    """

    rma: int
    kind: UpdateKind
    facts: Mapping[str, Any]
    about: str = ""


async def tell_receivers(clock: Clock, news: Sequence[News]) -> None:
    """Writes updates and their way to every receiver that wants them, in the caller's transaction.

    Args:
        clock: for the time.
        news: in the order in which receivers are to learn it; all of one batch at once.
    """
    if not news:
        return
    receivers = await Connection.filter(role__in=[Role.PLATFORM, Role.WEBHOOK], removed_at__isnull=True).only(
        "id", "store_id", "role", "settings"
    )
    if not receivers:
        return
    rmas = {
        row.id: row for row in await Rma.filter(id__in=[each.rma for each in news]).select_related("store")
    }
    now = clock.now()
    told = await _told(list(rmas))
    updates: list[RmaUpdate] = []
    wanted: dict[str, list[str]] = {}
    for each in news:
        rma = rmas[each.rma]
        ids = [row.id for row in receivers if row.store_id == rma.store_id and _wants(row, each.kind)]
        if not ids:
            continue
        known = {"rma_id": rma.rma_id, "order_name": rma.order_name or None, "store": rma.store.name}
        facts = json.dumps(known | dict(each.facts))
        key = _key(rma, each, told[rma.id, each.kind])
        told[rma.id, each.kind] += 1
        update = RmaUpdate(key=key, rma_id=rma.id, kind=each.kind, facts=facts, created_at=now)
        updates.append(update)
        wanted[update.key] = ids
    if not updates:
        return
    await RmaUpdate.bulk_create(updates)
    # A database gives no ids back to a bulk insert.
    stored = await RmaUpdate.filter(key__in=list(wanted)).only("id", "key", "rma_id").order_by("id")
    await UpdateSending.bulk_create(
        UpdateSending(update_id=row.id, rma_id=row.rma_id, connection_id=connection_id, next_attempt_at=now)
        for row in stored
        for connection_id in wanted[row.key]
    )
    reach(CrashPoint.TELL_BEFORE_COMMIT)


async def _told(rma_ids: Sequence[int]) -> Counter[tuple[int, str]]:
    """How many updates of each kind there are for RMAs."""
    counted = RmaUpdate.filter(rma_id__in=rma_ids).annotate(n=Count("id")).group_by("rma_id", "kind")
    return Counter(
        {(row["rma_id"], row["kind"]): row["n"] for row in await counted.values("rma_id", "kind", "n")}
    )


def _key(rma: Rma, news: News, earlier: int) -> str:
    """An update's id for the outside.

    Worked out and not drawn: a hub that was restored from a backup and has forgotten that it told something
    gives it the same id again, and receivers know the repetition.
    """
    # The store, since several may have a row under one number, and none may guess another's ids.
    parts = [rma.store_id, rma.platform, rma.rma_id, news.kind, earlier, news.about]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:ID_LENGTH]


def _wants(receiver: Connection, kind: UpdateKind) -> bool:
    """A platform takes everything, and its sender knows what to leave out."""
    events = json.loads(receiver.settings).get("events") if receiver.role is Role.WEBHOOK else None
    return not events or kind in events


def of_delivery(row: Delivery, connection: str | None) -> News:
    """What came of a delivery that is done or needs a person.

    Args:
        row: as it is written now.
        connection: the name of its connection; None when it has none.
    """
    if row.status is Status.DONE:
        amount, _, currency = (row.total or "").partition(" ")
        facts: dict[str, Any] = {
            "connection": connection,
            "document": document_of(row),
            "verdict": row.verdict,
            "total": {"amount": amount, "currency": currency} if amount else None,
        }
        about = row.document_id or ""
        return News(rma=row.rma_id, kind=UpdateKind.CREDIT_NOTE_CREATED, facts=facts, about=about)
    facts = {
        "connection": connection,
        "reference": row.reference,
        "reason": row.reason,
        "fix": row.fix or None,
    }
    about = row.reason or ""
    return News(rma=row.rma_id, kind=UpdateKind.CREDIT_NOTE_FAILED, facts=facts, about=about)


def of_goods(
    delivery: Delivery,
    credited: Sequence[RmaItem],
    changed: Sequence[RmaItem],
    *,
    is_completed: bool,
    flag: str | None,
    cleared: str | None = None,
) -> list[News]:
    """What the warehouse's word on an RMA comes to, in the order in which it is told.

    Args:
        delivery: whose document brought the goods.
        credited: the items that had to come back, as they are written now.
        changed: those of them validated just now.
        is_completed: True when every one is validated as returned now, and was not before.
        flag: what needs a person and was not told yet; None when nothing.
        cleared: what the RMA was flagged for and is not any more; None when it was not, or still is.
    """
    facts = {
        "document": document_of(delivery),
        "credited": len(credited),
        "returned": sum(1 for item in credited if item.is_returned),
    }
    rma, told = delivery.rma_id, []
    if changed:
        items = [_item(item) for item in changed]
        about = json.dumps([item.returned_item_id for item in changed])
        told.append(
            News(rma=rma, kind=UpdateKind.ITEM_VALIDATED, facts=facts | {"items": items}, about=about)
        )
    if is_completed:
        told.append(News(rma=rma, kind=UpdateKind.VALIDATION_COMPLETED, facts=facts))
    if cleared is not None:
        told.append(News(rma=rma, kind=UpdateKind.VALIDATION_CLEARED, facts=facts, about=cleared))
    if flag is not None:
        told.append(
            News(rma=rma, kind=UpdateKind.VALIDATION_FLAGGED, facts=facts | {"reason": flag}, about=flag)
        )
    return told


def document_of(row: Delivery) -> dict[str, str | None] | None:
    """The document as facts name it; None when there is none."""
    if row.document_id is None:
        return None
    return {"id": row.document_id, "reference": row.document_reference}


def _item(item: RmaItem) -> dict[str, Any]:
    return {
        "returned_item_id": item.returned_item_id,
        "sku": item.sku or None,
        "is_returned": item.is_returned,
        "is_restockable": item.is_restockable,
        "validated_at": item.validated_at.isoformat() if item.validated_at else None,
        "source": item.source,
        "reason": item.reason,
    }

"""Writes what a poll brought onto the items of the RMAs, in the caller's transaction."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.errors import EventError
from hub.inbound.document import parse_rma
from hub.outcomes import ReceiptVerdict, ValidationState, Verdict
from hub.rma_update.dealing import ItemValidation, deal
from hub.store.models import Delivery, Rma, RmaItem, TimelineEntry
from hub.store.timeline import tell
from hub.telling import of_goods, tell_receivers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.clock import Clock
    from hub.outcomes import Receipt
    from hub.rma import Item
    from hub.rma_update.dealing import Dealt
    from hub.telling import News

FLAGGED = "validation.flagged"


async def apply_receipts(
    clock: Clock, connection_id: str, source: str, receipts: Sequence[Receipt]
) -> list[str]:
    """Deals receipts of our documents out to their RMAs' items; others' documents are passed over.

    Args:
        clock: for what the RMAs' platform and subscribers are told.
        connection_id: whose ledger tells which documents are ours.
        source: who says so, shown on each item: the connector's name.
        receipts: one page of a poll.

    Returns:
        The RMAs something changed on, by the platform's id.
    """
    by_document = {receipt.document_id: receipt for receipt in receipts}
    ours = await Delivery.filter(
        connection_id=connection_id, document_id__in=list(by_document)
    ).select_related("rma")
    changed = []
    news: list[News] = []
    for delivery in ours:
        if delivery.document_id is None:
            continue
        if await _apply(delivery, by_document[delivery.document_id], source, news):
            changed.append(delivery.rma.rma_id)
    await tell_receivers(clock, news)
    return changed


async def _apply(delivery: Delivery, receipt: Receipt, source: str, news: list[News]) -> bool:
    """Applies one receipt. True when something new was learnt; what others must learn goes onto ``news``."""
    rma = delivery.rma
    rows = await RmaItem.filter(rma_id=rma.id, is_credited=True).order_by("position")
    receipt = _believed(delivery, receipt)
    items: list[Item] = []
    try:
        approved = parse_rma(json.loads(rma.approved_document or rma.document, parse_float=Decimal))
        credited = {row.returned_item_id for row in rows}
        items = [item for item in approved.items if item.returned_item_id in credited]
    except EventError as error:
        # As after an upgrade that reads stricter: a person looks, and the other RMAs are not held up.
        reason = f"the stored RMA cannot be read, so its goods cannot be told apart: {error}"
        receipt = replace(receipt, verdict=ReceiptVerdict.FLAG, reason=reason)
    held = {row.returned_item_id: held_of(row, row.validated_at) for row in rows if row.validated_at}
    dealt = deal(items, receipt, held)
    await Delivery.filter(id=delivery.id).update(seen_at=receipt.seen_at)
    changed = [row for row in rows if row.returned_item_id in dealt.changes]
    for row in changed:
        _write(row, replace(dealt.changes[row.returned_item_id], source=source))
        await row.save()
    flag = dealt.flag
    is_new_flag = await _is_new(rma, flag)
    is_news = await _tell(rma, dealt, len(items), flag if is_new_flag else None, receipt.seen_at)
    state = dealt.state
    if flag is not None and flag == rma.resolved_flag:
        state = state_of(rows)
    is_completed = False
    if state is not None and rma.contradiction is None:
        await Rma.filter(id=rma.id).update(validation=state)
        is_completed = state is ValidationState.FULL and rma.validation is not state
    new_flag = "; ".join(dealt.flags) if is_new_flag else None
    news += of_goods(delivery, rows, changed, is_completed=is_completed, flag=new_flag)
    if dealt.state is ValidationState.FULL:
        await Delivery.filter(id=delivery.id).update(is_open=False)
    return is_news


def _believed(delivery: Delivery, receipt: Receipt) -> Receipt:
    """The receipt, or a flag in its place when it is that of another document under the same id.

    Ids are only unique within one account of the ERP, and a connection's account may be changed. What the
    hub made carries its mark and its name; whoever changes one of them leaves the other.
    """
    is_same_name = receipt.reference.strip().casefold() == (delivery.document_reference or "").casefold()
    is_ours = receipt.delivery_id == delivery.id or (receipt.delivery_id is None and is_same_name)
    if delivery.verdict is not Verdict.CREATED or is_ours:
        return receipt
    reason = (
        f"document {receipt.document_id} is called {receipt.reference!r} in the ERP without our mark, "
        f"and the hub made {delivery.document_reference!r} under this id: it may be another document"
    )
    return replace(receipt, verdict=ReceiptVerdict.FLAG, reason=reason)


def state_of(rows: Sequence[RmaItem]) -> ValidationState:
    """How far the warehouse is, by the credited items alone."""
    back = sum(1 for row in rows if row.is_returned)
    if back == 0:
        return ValidationState.NONE
    return ValidationState.FULL if back == len(rows) else ValidationState.PARTIAL


def held_of(row: RmaItem, validated_at: datetime) -> ItemValidation:
    """What an item's row holds, as a value."""
    return ItemValidation(
        is_returned=row.is_returned,
        is_restockable=row.is_restockable,
        validated_at=validated_at,
        source=row.source or "",
        reason=row.reason,
    )


def _write(row: RmaItem, validation: ItemValidation) -> None:
    row.is_returned = validation.is_returned
    row.is_restockable = validation.is_restockable
    row.validated_at = validation.validated_at
    row.source, row.reason = validation.source, validation.reason


async def _is_new(rma: Rma, flag: str | None) -> bool:
    """The same flag seen at every poll is told once."""
    if flag is None:
        return False
    last = await TimelineEntry.filter(rma_id=rma.id, kind=FLAGGED).order_by("-id").first()
    return last is None or last.text != flag


async def _tell(rma: Rma, dealt: Dealt, items: int, flag: str | None, now: datetime) -> bool:
    """Tells what is new on the RMA's story; ``flag`` only when it was not told yet."""
    is_news = False
    if dealt.changes:
        back = sum(1 for change in dealt.changes.values() if change.is_returned)
        noun = "item is" if back == 1 else "items are"
        text = f"The warehouse received goods: {back} of {items} {noun} validated as returned."
        if absent := len(dealt.changes) - back:
            text += f" {absent} did not arrive, and by the connection's setting count as not returned."
        if dealt.state is ValidationState.FULL:
            text += " Nothing is missing."
        await tell(rma.id, now, "validation.received", text)
        is_news = True
    if flag is not None:
        await tell(rma.id, now, FLAGGED, flag)
        is_news = True
    return is_news

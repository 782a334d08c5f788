"""Writes what a poll brought onto the items of the RMAs, in the caller's transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.errors import EventError
from hub.inbound.document import parse_rma
from hub.outcomes import ReceiptVerdict, ValidationState, Verdict
from hub.rma_update.dealing import ItemValidation, deal
from hub.store import bulk
from hub.store.credited import mark_void
from hub.store.models import Delivery, Rma, RmaItem
from hub.store.timeline import entry, tell_all
from hub.store.validation import FLAGGED, last_flag, state_of
from hub.telling import of_goods, tell_receivers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.clock import Clock
    from hub.outcomes import Receipt
    from hub.rma import Item
    from hub.rma_update.dealing import Dealt
    from hub.store.models import TimelineEntry
    from hub.telling import News


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
    # Only what is used: reading a row's times takes longer than dealing its goods.
    ours = await (
        Delivery.filter(connection_id=connection_id, document_id__in=list(by_document))
        .order_by("rma_id")
        .only("id", "rma_id", "verdict", "document_id", "document_reference", "owns_document")
    )
    rmas = await _rmas([delivery.rma_id for delivery in ours])
    credited = await _credited(list(rmas))
    page = _Page(source)
    for delivery in ours:
        if delivery.document_id is None:
            continue
        row = _Row(delivery=delivery, rma=rmas[delivery.rma_id], items=credited[delivery.rma_id])
        await page.take(row, by_document[delivery.document_id])
    # RMAs before their deliveries, as an event that comes in locks them.
    await bulk.update(page.rmas, ["validation", "goods"])
    await bulk.update(ours, ["seen_at"])
    for is_void in (True, False):
        named = [each.id for each in ours if by_document[each.document_id or ""].is_void is is_void]
        await mark_void(named, is_void=is_void)
    await Delivery.filter(id__in=page.complete).update(is_open=False)
    await bulk.update(page.items, ["is_returned", "is_restockable", "validated_at", "source", "reason"])
    await tell_all(page.story)
    await tell_receivers(clock, page.news)
    return page.changed


async def _rmas(ids: Sequence[int]) -> dict[int, Rma]:
    fields = ("id", "rma_id", "validation", "contradiction", "resolved_flag", "document", "approved_document")
    # Held: an event that contradicts the document must not be written over.
    held = Rma.filter(id__in=ids).select_for_update(no_key=True).order_by("id")
    return {rma.id: rma for rma in await held.only(*fields)}


async def _credited(rmas: Sequence[int]) -> dict[int, list[RmaItem]]:
    """The items on each RMA's document, in the RMA's order."""
    found: dict[int, list[RmaItem]] = {rma: [] for rma in rmas}
    for item in await RmaItem.filter(rma_id__in=rmas, is_credited=True).order_by("position"):
        found[item.rma_id].append(item)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A delivery with its RMA and the items on its document."""

    delivery: Delivery
    rma: Rma
    items: list[RmaItem]


class _Page:
    """What the receipts of one page come to, gathered so that each table is written at once.

    Attributes:
        rmas, items: rows with a new validation.
        complete: ids of the deliveries that nothing is waited for any more.
        story: what is new on the RMAs' stories.
        news: what others must learn.
        changed: RMAs something new was learnt about, by the platform's id.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.rmas: list[Rma] = []
        self.items: list[RmaItem] = []
        self.complete: list[str] = []
        self.story: list[TimelineEntry] = []
        self.news: list[News] = []
        self.changed: list[str] = []

    async def take(self, row: _Row, receipt: Receipt) -> None:
        """Takes in one receipt."""
        rma, rows = row.rma, row.items
        receipt = _believed(row.delivery, receipt)
        items: list[Item] = []
        try:
            approved = parse_rma(json.loads(rma.approved_document or rma.document, parse_float=Decimal))
            credited = {each.returned_item_id for each in rows}
            items = [item for item in approved.items if item.returned_item_id in credited]
        except EventError as error:
            # As after an upgrade that reads stricter: a person looks, and the other RMAs are not held up.
            reason = f"the stored RMA cannot be read, so its goods cannot be told apart: {error}"
            receipt = replace(receipt, verdict=ReceiptVerdict.FLAG, reason=reason)
        held = {each.returned_item_id: held_of(each, each.validated_at) for each in rows if each.validated_at}
        products = {each.returned_item_id: each.product for each in rows if each.product is not None}
        dealt = deal(items, receipt, held, products)
        row.delivery.seen_at = receipt.seen_at
        changed = [each for each in rows if each.returned_item_id in dealt.changes]
        for each in changed:
            _write(each, replace(dealt.changes[each.returned_item_id], source=self._source))
        self.items += changed
        flag, was_flagged = dealt.flag, rma.validation is ValidationState.FLAGGED
        before = await last_flag(rma) if flag is not None or was_flagged else None
        # The same flag seen at every poll is told once.
        is_new_flag = flag is not None and flag != before
        if told := _told(rma, dealt, len(items), flag if is_new_flag else None, receipt.seen_at):
            self.story += told
            self.changed.append(rma.rma_id)
        state = dealt.state
        if flag is not None and flag == rma.resolved_flag:
            state = state_of(rows)
        is_completed, cleared = False, None
        if state is not None:
            rma.goods = state
            self.rmas.append(rma)
        if state is not None and rma.contradiction is None:
            is_completed = state is ValidationState.FULL and rma.validation is not state
            if was_flagged and state is not ValidationState.FLAGGED:
                cleared = before or ""
            rma.validation = state
        new_flag = "; ".join(dealt.flags) if is_new_flag else None
        self.news += of_goods(
            row.delivery, rows, changed, is_completed=is_completed, flag=new_flag, cleared=cleared
        )
        if dealt.state is ValidationState.FULL:
            self.complete.append(row.delivery.id)


def _believed(delivery: Delivery, receipt: Receipt) -> Receipt:
    """The receipt, or a flag in its place when it may not be this delivery's.

    It may be that of another document under the same id: ids are only unique within one account of the ERP,
    and a connection's account may be changed. What the hub made carries its mark and its name; whoever
    changes one of them leaves the other. Or several deliveries have the document: its goods count once.
    """
    if not delivery.owns_document:
        reason = f"document {receipt.document_id} is also that of another return: a person says whose it is"
        return replace(receipt, verdict=ReceiptVerdict.FLAG, reason=reason)
    is_same_name = receipt.reference.strip().casefold() == (delivery.document_reference or "").casefold()
    is_ours = receipt.delivery_id == delivery.id or (receipt.delivery_id is None and is_same_name)
    if delivery.verdict is not Verdict.CREATED or is_ours:
        return receipt
    reason = (
        f"document {receipt.document_id} is called {receipt.reference!r} in the ERP without our mark, "
        f"and the hub made {delivery.document_reference!r} under this id: it may be another document"
    )
    return replace(receipt, verdict=ReceiptVerdict.FLAG, reason=reason)


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


def _told(rma: Rma, dealt: Dealt, items: int, flag: str | None, now: datetime) -> list[TimelineEntry]:
    """What is new on the RMA's story; ``flag`` only when it was not told yet."""
    told = []
    if dealt.changes:
        back = sum(1 for change in dealt.changes.values() if change.is_returned)
        noun = "item is" if back == 1 else "items are"
        text = f"The warehouse received goods: {back} of {items} {noun} validated as returned."
        if absent := len(dealt.changes) - back:
            text += f" {absent} did not arrive, and by the connection's setting count as not returned."
        if dealt.state is ValidationState.FULL:
            text += " Nothing is missing."
        told.append(entry(rma.id, now, "validation.received", text))
    if flag is not None:
        told.append(entry(rma.id, now, FLAGGED, flag))
    return told

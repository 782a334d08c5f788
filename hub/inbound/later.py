"""What the platform says of an RMA whose document exists or may exist already."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.inbound.document import parse_rma
from hub.outcomes import ValidationState
from hub.store.models import RmaItem
from hub.store.timeline import tell

if TYPE_CHECKING:
    from datetime import datetime

    from hub import rma as domain
    from hub.store.models import Rma


async def contradict_or_note(row: Rma, rma: domain.Rma, previous: str, now: datetime) -> None:
    """A new state of an RMA whose document exists or may exist: told, and flagged where it contradicts."""
    status = rma.status.casefold()
    differences = await _differences(row, rma)
    if status in {"rejected", "canceled", "pending"}:
        text = (
            f"The RMA became {rma.status} after its document was sent. "
            "The hub cannot take a document back: a person decides what happens to it."
        )
    elif differences:
        text = (
            f"The RMA arrived as {rma.status} and differs from what was sent: {differences}. "
            "The document stays as it is: a person decides."
        )
    else:
        again = " again" if rma.status == previous else ""
        text = f"The RMA arrived{again} as {rma.status}. Its one document stays as it is."
        await tell(row.id, now, "rma.updated", text)
        return
    row.validation, row.contradiction = ValidationState.FLAGGED, text
    await row.save(update_fields=["validation", "contradiction"])
    await tell(row.id, now, "rma.contradicted", text)


async def _differences(row: Rma, rma: domain.Rma) -> str:
    """How the items to credit differ from those that were sent, in words; empty when they do not."""
    if row.approved_document is None:
        return ""
    sent = parse_rma(json.loads(row.approved_document, parse_float=Decimal))
    credited = {item.returned_item_id for item in await RmaItem.filter(rma_id=row.id, is_credited=True)}
    kept = {item.returned_item_id for item in sent.items} - credited
    before = {i.returned_item_id: _credit(i) for i in sent.items if i.returned_item_id in credited}
    after = {i.returned_item_id: _credit(i) for i in rma.items if i.returned_item_id not in kept}
    words = [f"item {each} is new" for each in sorted(after.keys() - before.keys())]
    words += [f"item {each} is gone" for each in sorted(before.keys() - after.keys())]
    words += [
        f"item {each} has another SKU, price or resolution"
        for each in sorted(before.keys() & after.keys())
        if before[each] != after[each]
    ]
    return ", ".join(words)


def _credit(item: domain.Item) -> tuple[object, ...]:
    return (item.sku, item.paid, item.tax, item.is_tax_included, item.resolution_type)

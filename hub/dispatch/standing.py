"""What the RMA and its return method say now, asked between two steps of the work on a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.inbound.deciding import take_as_it_is
from hub.outcomes import Prepared
from hub.routing import Decision, is_not_approved
from hub.store.bulk import in_parts
from hub.store.models import Delivery, Rma, RmaItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.outcomes import Outcome, Rejected


@dataclass(frozen=True, kw_only=True, slots=True)
class NowOtherwise:
    """Why a delivery cannot be prepared anew as it was asked for."""

    reason: str
    fix: str


async def not_approved(rows: Sequence[Delivery]) -> dict[str, str]:
    """Delivery → its RMA's status, for those whose RMA is not approved any more.

    An event withdraws what waits to be sent. What was in doubt then, and turned out not to exist, is seen
    here.
    """
    statuses = dict(await Rma.filter(id__in=[row.rma_id for row in rows]).values_list("id", "status"))
    return {row.id: statuses[row.rma_id] for row in rows if is_not_approved(statuses[row.rma_id])}


async def take_anew(row: Delivery, rma: Rma) -> NowOtherwise | None:
    """Before a delivery is prepared anew: its RMA as it is now counts, and its method's location.

    Args:
        row: looked for, and without a document for certain.
        rma: its RMA, locked.

    Returns:
        What is in the way; None when it can be prepared.
    """
    decided = await take_as_it_is(rma)
    if decided.decision is Decision.NONE:
        return None  # withdrawn before it is sent
    if decided.decision is not Decision.SEND:
        return NowOtherwise(reason=decided.reason, fix=decided.fix.replace("<id>", row.id))
    if decided.connection_id != row.connection_id:
        return NowOtherwise(
            reason=f"return method '{decided.method}' points at another connection than its earlier tries",
            fix="point it at the connection of the earlier tries and run this again, or credit it by hand "
            f"and run `hub deliveries resolve {row.id} --note TEXT`",
        )
    row.location_id = decided.location_id
    await Delivery.filter(id=row.id).update(location_id=decided.location_id)
    return None


async def leave_off(
    rows: Sequence[Delivery], answers: Sequence[Prepared | Rejected | Outcome], written: set[str]
) -> None:
    """What a frozen request means for the items: which a setting keeps off, and which product each is."""
    for row, answer in zip(rows, answers, strict=True):
        if row.id in written and isinstance(answer, Prepared):
            for item_id, reason in answer.left_off.items():
                item = RmaItem.filter(rma_id=row.rma_id, returned_item_id=item_id)
                await item.update(is_credited=False, reason=reason)
            ids: dict[str, list[str]] = {}
            for item_id, product in answer.products.items():
                ids.setdefault(product, []).append(item_id)
            for product, of_product in ids.items():
                for some in in_parts(of_product):
                    named = RmaItem.filter(rma_id=row.rma_id, returned_item_id__in=some)
                    await named.update(product=product)

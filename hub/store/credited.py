"""Units of order lines that deliveries credit: freed when their document turns out to credit nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.models import CreditedUnits

if TYPE_CHECKING:
    from collections.abc import Sequence


async def mark_void(delivery_ids: Sequence[str], *, is_void: bool) -> None:
    """Writes whether the documents of deliveries are known to credit nothing, in the caller's transaction.

    Args:
        delivery_ids: of documents that somebody cancelled in the ERP, or that stand there after all.
        is_void: True frees their units for other returns of the order.
    """
    if delivery_ids:
        held = CreditedUnits.filter(delivery_id__in=list(delivery_ids), is_void=not is_void)
        await held.update(is_void=is_void)

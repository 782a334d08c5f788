"""The fees of a return, pure. How Cin7 wants their sign on a credit note is not known, so it is a setting."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.prices import RefusalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.rma import Item, Money


def total_fees(items: Sequence[Item], currency: str) -> Decimal:
    """All fees of the items together; zero when there are none.

    Restocking and return fees count for each item. A shipment fee counts once for each shipment: items of
    one shipment carry the same (our reading; the platform does not say).

    Raises:
        RefusalError: a fee is in another currency than the note.
    """
    fees = [fee for item in items for fee in (item.restocking_fee, item.return_fee) if fee is not None]
    by_shipment: dict[tuple[str, str], Money] = {}
    for item in items:
        if item.shipment_fee is not None:
            key = (item.shipment_id or item.returned_item_id, str(item.shipment_fee))
            by_shipment[key] = item.shipment_fee
    fees += by_shipment.values()
    for fee in fees:
        if fee.currency != currency and fee.amount != 0:
            raise RefusalError(
                f"a fee of the return is in {fee.currency} and the credit note in {currency}",
                "set fees=off on the connection, or write the credit note by hand",
            )
    return sum((fee.amount for fee in fees), Decimal(0))


def has_fees(items: Sequence[Item]) -> bool:
    """Tells whether any item carries a fee."""
    return any(
        fee is not None and fee.amount != 0
        for item in items
        for fee in (item.restocking_fee, item.return_fee, item.shipment_fee)
    )

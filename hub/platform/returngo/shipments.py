"""Which shipments may be set to Validated, pure.

The moves that ReturnGO allows (returngo/REFERENCE.md, H); anything else is a 400 there. Validated is
terminal, and may trigger refunds on the platform: when in doubt, a shipment stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.rma import MethodType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hub.rma import Rma

VALIDATED = "Validated"
MOVES: Mapping[str, frozenset[str]] = {
    "Pending": frozenset({"LabelCreated", "Shipped", "Received", "Canceled", "Validated"}),
    "LabelCreated": frozenset({"Shipped", "Received", "Canceled", "Validated"}),
    "Shipped": frozenset({"Received", "Canceled", "Validated"}),
    "Canceled": frozenset({"Received", "Validated"}),
    "Received": frozenset({"Validated"}),
    "Validated": frozenset(),
}
_BY_KEY = {status.casefold(): targets for status, targets in MOVES.items()}
_SENT_ALONG = ("carrierName", "trackingNumber", "trackingURL", "labelURL")


def may_move(status: str, target: str) -> bool:
    """Whether ReturnGO allows a shipment this move. A status we do not know allows none."""
    return target in _BY_KEY.get(status.strip().casefold(), frozenset())


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A shipment to be set to Validated.

    Attributes:
        body: what ``PUT /shipment/{id}`` takes. What is left out may be blanked there (U), so all goes along.
    """

    shipment_id: str
    body: Mapping[str, Any]


def to_validate(rma: Rma, returned: Collection[str]) -> tuple[list[Move], list[str]]:
    """The shipments whose every item is back, as far as they may be moved.

    Args:
        rma: as ReturnGO shows it now.
        returned: ids of the items that the hub holds as validated and returned.

    Returns:
        The moves, and for each shipment that stays as it is why, unless it is Validated already.
    """
    moves, left = [], []
    raw = {str(each.get("shipmentId")): each for each in rma.document.get("shipments") or ()}
    for shipment in rma.shipments:
        if shipment.is_outbound or not shipment.shipment_id:
            continue
        status = shipment.status or ""
        if status.strip().casefold() == VALIDATED.casefold():
            continue
        expected = [
            item.returned_item_id
            for item in rma.items
            if item.shipment_id == shipment.shipment_id
            and not (item.method and item.method.kind is MethodType.NO_SHIPMENT_REQUIRED)
        ]
        missing = [each for each in expected if each not in returned]
        name = f"shipment {shipment.shipment_id}"
        if not expected:
            left.append(f"{name} names no item that had to come back")
        elif missing:
            left.append(f"{name} is not whole yet: {len(missing)} of {len(expected)} items are missing")
        elif not may_move(status, VALIDATED):
            left.append(f"{name} is {status or 'without a status'}, and may not be set to {VALIDATED}")
        else:
            known = raw.get(shipment.shipment_id, {})
            along = {key: known[key] for key in _SENT_ALONG if isinstance(known.get(key), str)}
            body = {"status": VALIDATED, **along}
            moves.append(Move(shipment_id=shipment.shipment_id, body=body))
    return moves, left

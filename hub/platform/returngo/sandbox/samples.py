"""Invented returns, in the shape of ``GET /rma/{id}`` (returngo/REFERENCE.md). Pure; the dice are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

FIRST = 41_600_000
SKUS = 100
METHOD = {"type": "Ship With Pre-Paid Label", "name": "UPS label"}


def invent(number: int, dice: Random) -> dict[str, Any]:
    """A pending return of one to three units, with its shipment.

    Args:
        number: counted from 0; makes the RMA's number and its order's name.
        dice: of everything else.
    """
    rma_id = str(FIRST + number)
    order_name = f"#{2_001 + number}"
    address = {
        "name": f"Buyer {number}",
        "street1": f"{dice.randrange(1, 99)} High Street",
        "city": "Springfield",
        "zip": f"{dice.randrange(10_000, 99_999)}",
        "country": "US",
        "email": f"buyer{number}@example.com",
    }
    return {
        "rmaSummary": {"rmaId": rma_id, "status": "Pending", "order_name": order_name, "events": []},
        "orderDetails": {"orderId": f"6{rma_id}", "order_name": order_name},
        "shipments": [
            {
                "shipmentId": f"SH{rma_id}",
                "status": "LabelCreated",
                "carrierName": "UPS",
                "trackingNumber": f"1Z{rma_id}",
                "customerAddress": address,
                "isOutbound": 0,
            }
        ],
        "items": [_unit(rma_id, place, dice) for place in range(dice.randrange(1, 4))],
        "comments": [],
        "transactions": [],
        "isOutOfPolicy": 0,
    }


def _unit(rma_id: str, place: int, dice: Random) -> dict[str, Any]:
    amount = dice.randrange(500, 30_000) / 100
    return {
        "returnedItemId": f"{rma_id}{place:02}",
        "fullName": f"Thing {place}",
        "sku": f"SKU-{dice.randrange(SKUS):03}",
        "paidPrice": {"amount": amount, "currency": "USD", "shopAmount": amount, "shopCurrency": "USD"},
        "paidTax": {"amount": 0, "currency": "USD", "shopAmount": 0, "shopCurrency": "USD"},
        "taxIncluded": 1,
        "returnReason": dice.choice(["Too small", "Changed my mind", "Damaged"]),
        "resolutionName": "Refund",
        "resolutionType": "RefundToPaymentMethod",
        "shipmentId": f"SH{rma_id}",
        "returnMethod": METHOD,
    }

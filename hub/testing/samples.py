"""Invented returns for the conformance kit, read from the platform's own shape as real ones are."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.hookspecs import Delivery, StoreInfo
from hub.inbound.document import parse_rma

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.rma import Rma

CURRENCY = "USD"
GOODS = (("SKU-001", "10.00"), ("SKU-001", "10.00"), ("SKU-002", "5.50"))
"""SKU and price of each unit of a sample, tax included."""
UNITS = {"SKU-001": Decimal(2), "SKU-002": Decimal(1)}
TOTAL = Decimal("25.50")


def sample_rma(number: int) -> Rma:
    """An approved return of :data:`GOODS`, in inbound shipment; every number gives another one."""
    order = f"#9{number:04}"
    address = {"name": "Ann Van Buren", "street1": "1 High Street", "city": "Springfield", "country": "US"}
    return parse_rma(
        {
            "rmaSummary": {"rmaId": f"7{number:06}", "status": "Approved", "order_name": order, "events": []},
            "orderDetails": {"orderId": f"5{number:06}", "order_name": order},
            "shipments": [
                {"shipmentId": f"S{number}", "customerAddress": {**address, "email": "ann@example.com"}}
            ],
            "items": [_unit(number * 10 + place, *each) for place, each in enumerate(GOODS)],
            "lastUpdated": "2026-03-01T10:00:00+00:00",
        }
    )


def _unit(number: int, sku: str, price: str) -> dict[str, Any]:
    return {
        "returnedItemId": str(number),
        "fullName": f"Thing {sku}",
        "sku": sku,
        "paidPrice": _money(price),
        "paidTax": _money("0"),
        "taxIncluded": True,
        "resolutionName": "Refund",
        "resolutionType": "RefundToPaymentMethod",
        "returnMethod": {"type": "Ship With Pre-Paid Label", "name": "Label"},
    }


def _money(amount: str) -> dict[str, Any]:
    value = Decimal(amount)
    return {"amount": value, "currency": CURRENCY, "shopAmount": value, "shopCurrency": CURRENCY}


def sample_delivery(number: int, at: datetime, mapping: Mapping[str, Any]) -> Delivery:
    """The delivery of a sample, approved at a time."""
    rma = sample_rma(number)
    return Delivery(
        # As the hub makes them: sixteen hexadecimal digits, none the beginning of another.
        delivery_id=hashlib.sha256(rma.rma_id.encode()).hexdigest()[:16],
        rma=rma,
        items=rma.items,
        store=StoreInfo(name="Kit", url="https://shop.example", customer_support_url="https://help.example"),
        location_id=None,
        approved_at=at,
        mapping=mapping,
    )


def with_other_goods(delivery: Delivery) -> Delivery:
    """The same return, edited in the platform after it was frozen: other goods at other prices."""
    items = tuple(
        replace(
            item,
            sku="SKU-003",
            paid=replace(item.paid, customer=replace(item.paid.customer, amount=Decimal("99.95"))),
        )
        for item in delivery.items
    )
    return replace(delivery, rma=replace(delivery.rma, items=items), items=items)


def without_sku(delivery: Delivery) -> Delivery:
    """A return that no ERP can book: a unit without a SKU, at a price of nothing in no known currency."""
    items = tuple(replace(item, sku=None, name="") for item in delivery.items)
    return replace(delivery, rma=replace(delivery.rma, items=items), items=items)

"""Returns to try a mapping on: the store's latest ones, and invented ones for a store that has none yet."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.errors import EventError, NotFoundError
from hub.inbound.document import parse_rma
from hub.merchant import methods
from hub.routing import name_key
from hub.store.models import Rma as RmaRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.rma import MethodRef, Rma
    from hub.store.models import Store

LATEST = 20
"""So many of the store's own returns are offered."""
_CURRENCY = "EUR"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One return to choose.

    Attributes:
        key: what :func:`get` takes.
        label: what people choose by.
    """

    key: str
    label: str


async def choices(store: Store) -> list[Choice]:
    """The returns that a mapping can be tried on, the store's latest first."""
    rows = await RmaRow.filter(store_id=store.id).order_by("-id").limit(LATEST).only("rma_id", "order_name")
    own = [
        Choice(
            key=row.rma_id, label=f"Return {row.rma_id}{f', order {row.order_name}' * bool(row.order_name)}"
        )
        for row in rows
    ]
    return [*own, *(Choice(key=key, label=label) for key, (label, _) in _INVENTED.items())]


async def get(store: Store, key: str) -> Rma:
    """One of them.

    Raises:
        NotFoundError: there is none. EventError: this version cannot read it.
    """
    if key in _INVENTED:
        return parse_rma(_INVENTED[key][1])
    row = await RmaRow.get_or_none(store_id=store.id, rma_id=key)
    if row is None:
        raise NotFoundError(f"find return {key!r}: it has not arrived", fix="choose another one")
    return _read(row)


async def unknown_methods(store: Store) -> list[MethodRef]:
    """Return methods that the store's latest returns name and the hub does not know, by name."""
    known = {each.name_key for each in await methods.every(store)}
    seen: dict[str, MethodRef] = {}
    for row in await RmaRow.filter(store_id=store.id).order_by("-id").limit(LATEST):
        try:
            rma = _read(row)
        except EventError:
            continue  # it waits for a person, who is told so elsewhere
        for item in rma.items:
            if item.method is not None and name_key(item.method.name) not in {"", *known}:
                seen.setdefault(name_key(item.method.name), item.method)
    return [seen[key] for key in sorted(seen)]


def trial_document(rma_id: str, method: str) -> dict[str, Any]:
    """An invented return by a method, as the platform would tell of it."""
    unit = _unit(1, "SKU-001", "Shirt, blue, M", "29.90", "4.77", (_LABEL[0], method))
    return _rma(rma_id, [_PARCEL], {**unit, "returnedItemId": rma_id})


def _read(row: RmaRow) -> Rma:
    return parse_rma(json.loads(row.approved_document or row.document, parse_float=Decimal))


def _money(amount: str) -> dict[str, Any]:
    return {"amount": amount, "currency": _CURRENCY, "shopAmount": amount, "shopCurrency": _CURRENCY}


def _unit(number: int, sku: str, name: str, price: str, tax: str, method: Sequence[str]) -> dict[str, Any]:
    return {
        "returnedItemId": f"sample-{number}",
        "sku": sku,
        "fullName": name,
        "paidPrice": _money(price),
        "paidTax": _money(tax),
        "taxIncluded": True,
        "returnReason": "Too small",
        "resolutionName": "Refund",
        "resolutionType": "RefundToPaymentMethod",
        "returnMethod": {"type": method[0], "name": method[1]},
        "shipmentId": "sample",
    }


def _rma(rma_id: str, shipments: list[dict[str, Any]], *units: dict[str, Any]) -> dict[str, Any]:
    # A name that no shop's own order has: the ERP is asked for it.
    order = f"SAMPLE-{rma_id[-6:]}"
    return {
        "rmaSummary": {"rmaId": rma_id, "status": "Approved", "order_name": order, "events": []},
        "orderDetails": {"orderId": f"5{rma_id}", "order_name": order},
        "shipments": shipments,
        "items": list(units),
        "lastUpdated": "2026-03-01T10:00:00+00:00",
    }


_LABEL = ("Ship With Pre-Paid Label", "Prepaid label")
_DROP = ("Return to Drop-Off Location", "Drop-off")
_PARCEL = {
    "shipmentId": "sample",
    "status": "LabelCreated",
    "carrierName": "UPS",
    "trackingNumber": "1Z-SAMPLE",
    "isOutbound": 0,
    "customerAddress": {
        "name": "Ann Van Buren",
        "street1": "1 High Street",
        "city": "Springfield",
        "country": "US",
        "email": "ann@example.com",
    },
}
_SHIRT = _unit(1, "SKU-001", "Shirt, blue, M", "29.90", "4.77", _LABEL)
_INVENTED: dict[str, tuple[str, dict[str, Any]]] = {
    "sample-parcel": (
        "Invented: two units in a parcel",
        _rma(
            "10000001", [_PARCEL], _SHIRT, _unit(2, "SKU-002", "Trousers, black, 32", "59.00", "9.42", _LABEL)
        ),
    ),
    "sample-drop-off": (
        "Invented: one unit dropped off, customer unknown",
        _rma("10000002", [], _unit(3, "SKU-003", "Cap", "15.00", "2.40", _DROP)),
    ),
}

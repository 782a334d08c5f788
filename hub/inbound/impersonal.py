"""An RMA document without its customer, pure: what an erased RMA is kept as, and taken in as ever after.

It names what stays, not what goes: whatever the platform adds one day is gone too. What stays is what the
hub acts on: ids, states, dates, SKUs, amounts and methods (returngo/REFERENCE.md, "RMA JSON").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.inbound.document import parse_rma
from hub.inbound.strict_json import canonical

if TYPE_CHECKING:
    from hub.inbound.event import IncomingEvent

_MONEY = dict.fromkeys(("amount", "currency", "shopAmount", "shopCurrency"))
_ITEM = {
    **dict.fromkeys(
        (
            *("returnedItemId", "shopLineItemId", "shopProductId", "variantId", "shipmentId"),
            *("sku", "barcode", "fullName", "productName", "taxIncluded"),
            *("returnReason", "resolutionName", "resolutionType"),
        )
    ),
    **dict.fromkeys(("paidPrice", "paidTax", "restockingFee", "returnFee", "shipmentFee"), _MONEY),
    "returnMethod": {"type": None, "name": None},
}
_KEPT: Mapping[str, Any] = {
    "rmaSummary": {
        "rmaId": None,
        "status": None,
        "order_name": None,
        "events": {"eventName": None, "eventDate": None},
    },
    "orderDetails": {"orderId": None, "order_name": None},
    "shipments": dict.fromkeys(("shipmentId", "status", "carrierName", "isOutbound")),
    "items": _ITEM,
    "transactions": {"type": None, "status": None, "amount": _MONEY},
    "cancellationFee": _MONEY,
    "createdAt": None,
    "lastUpdated": None,
}
"""Key → the keys that stay below it, also in each element of a list; None for a plain value."""


def without_person(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with nothing in it that tells who the customer is; the same again changes nothing."""
    kept: dict[str, Any] = _kept(document, _KEPT)
    return kept


def _kept(value: Any, shape: Mapping[str, Any] | None) -> Any:
    if isinstance(value, Mapping):
        # An object where a plain value belongs is nothing the hub knows.
        return (
            {key: _kept(each, shape[key]) for key, each in value.items() if key in shape} if shape else None
        )
    if isinstance(value, list | tuple):
        return [_kept(each, shape) for each in value] if shape else None
    return value


def event_without_person(event: IncomingEvent) -> IncomingEvent:
    """The same event about an RMA whose customer was erased; its digest stays that of what came in."""
    document = without_person(event.document)
    return replace(event, rma=parse_rma(document), text=canonical(document), document=document)


def texts_of_person(document: Mapping[str, Any]) -> set[str]:
    """Every text that :func:`without_person` takes away, and each word of a customer's name."""
    gone = _texts(document) - _texts(without_person(document))
    for shipment in document.get("shipments") or ():
        address = shipment.get("customerAddress") if isinstance(shipment, Mapping) else None
        name = address.get("name") if isinstance(address, Mapping) else None
        gone |= set(name.split()) if isinstance(name, str) else set()
    return gone


def _texts(value: object) -> set[str]:
    if isinstance(value, Mapping):
        return {text for each in value.values() for text in _texts(each)}
    if isinstance(value, list | tuple):
        return {text for each in value for text in _texts(each)}
    return {value.strip()} if isinstance(value, str) and value.strip() else set()

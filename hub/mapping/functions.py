"""The twenty functions a mapping may use, each a fact of the return (page of the returns platform, seed).

The page lists their names and nothing else, so what each gives is our reading; ``reading`` marks those for
which the platform's RMA document has no plain counterpart. An empty function leaves its field out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hub.hookspecs import Delivery


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One function of the mapping.

    Attributes:
        name: as written in a mapping.
        gives: what it gives, in one phrase.
        source: where that stands.
        empty_when: when it gives nothing.
        read: the value as text; None when empty.
        is_reading: True when the platform says nothing of the meaning and this is our reading.
    """

    name: str
    gives: str
    source: str
    empty_when: str
    read: Callable[[Delivery], str | None]
    is_reading: bool = False


def _text(value: object) -> str | None:
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None
    return str(value).strip() or None


def _objects(document: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    value = document.get(key)
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _inbound(delivery: Delivery) -> Iterator[Mapping[str, Any]]:
    for shipment in _objects(delivery.rma.document, "shipments"):
        if str(shipment.get("isOutbound")).lower() in {"none", "false", "0"}:
            yield shipment


def _of_shipment(*keys: str) -> Callable[[Delivery], str | None]:
    """The first inbound shipment's value under a path of keys."""

    def read(delivery: Delivery) -> str | None:
        for shipment in _inbound(delivery):
            value: object = shipment
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            text = _text(value)
            if text is not None:
                return text
        return None

    return read


def _of_summary(key: str) -> Callable[[Delivery], str | None]:
    return lambda delivery: _text(_object(delivery.rma.document, "rmaSummary").get(key))


def _last_transaction(delivery: Delivery, key: str) -> str | None:
    found = [_text(each.get(key)) for each in _objects(delivery.rma.document, "transactions")]
    texts = [text for text in found if text is not None]
    return texts[-1] if texts else None


def _full_name(delivery: Delivery) -> str | None:
    customer = delivery.rma.customer
    return " ".join(customer.name.split()) or None if customer is not None and customer.name else None


def _first_name(delivery: Delivery) -> str | None:
    full_name = _full_name(delivery)
    return full_name.split()[0] if full_name else None


def _last_name(delivery: Delivery) -> str | None:
    full_name = _full_name(delivery)
    return " ".join(full_name.split()[1:]) or None if full_name else None


def _order_number(delivery: Delivery) -> str | None:
    match = re.fullmatch(r"\s*#?([0-9]{1,20})\s*", delivery.rma.order_name or "")
    return match[1] if match else None


def _payment_currency_code(delivery: Delivery) -> str | None:
    currencies = {item.paid.customer.currency for item in delivery.items}
    return currencies.pop() if len(currencies) == 1 else None


def _credits(delivery: Delivery) -> str | None:
    for each in reversed(list(_objects(delivery.rma.document, "transactions"))):
        if "credit" in (_text(each.get("type")) or "").lower():
            return _text(_object(each, "amount").get("amount"))
    return None


_CUSTOMER = "`shipments[].customerAddress.name` of the first inbound shipment that has one"
_NO_ADDRESS = "no inbound shipment carries a customer name (most drop-off returns)"
_NOT_IN_DOCUMENT = "the platform's documented RMA has no such key, so it is empty unless the platform adds it"

_ALL = (
    Function(
        name="first_name",
        gives="the first word of the customer's name",
        source=_CUSTOMER,
        empty_when=_NO_ADDRESS,
        read=_first_name,
    ),
    Function(
        name="last_name",
        gives="the customer's name behind its first word",
        source=_CUSTOMER,
        empty_when=f"{_NO_ADDRESS}, or the name is one word",
        read=_last_name,
    ),
    Function(
        name="full_name",
        gives="the customer's whole name",
        source=_CUSTOMER,
        empty_when=_NO_ADDRESS,
        read=_full_name,
    ),
    Function(
        name="rma_id",
        gives="the number of the return",
        source="`rmaSummary.rmaId`",
        empty_when="never",
        read=lambda delivery: _text(delivery.rma.rma_id),
    ),
    Function(
        name="order_name",
        gives="the order's name",
        source="`orderDetails.order_name`",
        empty_when="the return names no order",
        read=lambda delivery: _text(delivery.rma.order_name),
    ),
    Function(
        name="order_number",
        gives="the digits of an order name like `#1001`",
        source="`orderDetails.order_name`",
        empty_when="the order's name is anything but digits behind an optional `#`",
        read=_order_number,
        is_reading=True,
    ),
    Function(
        name="carrier_location_name",
        gives="the name of the place the parcel goes to",
        source="`shipments[].returnAddress.name` of the first inbound shipment that has one",
        empty_when="no inbound shipment names one",
        read=_of_shipment("returnAddress", "name"),
        is_reading=True,
    ),
    Function(
        name="store_name",
        gives="the store's name",
        source="the store's settings in the hub",
        empty_when="never",
        read=lambda delivery: _text(delivery.store.name),
    ),
    Function(
        name="store_url",
        gives="the store's address",
        source="the store's settings in the hub",
        empty_when="nobody filled it in",
        read=lambda delivery: _text(delivery.store.url),
    ),
    Function(
        name="customer_support_url",
        gives="where the store's customers get help",
        source="the store's settings in the hub",
        empty_when="nobody filled it in",
        read=lambda delivery: _text(delivery.store.customer_support_url),
    ),
    Function(
        name="cancel_reason",
        gives="why the return was cancelled",
        source="`rmaSummary.cancelReason`",
        empty_when=_NOT_IN_DOCUMENT,
        read=_of_summary("cancelReason"),
        is_reading=True,
    ),
    Function(
        name="reject_reason",
        gives="why the return was rejected",
        source="`rmaSummary.rejectReason`",
        empty_when=_NOT_IN_DOCUMENT,
        read=_of_summary("rejectReason"),
        is_reading=True,
    ),
    Function(
        name="rma_status",
        gives="the return's status in the platform's word",
        source="`rmaSummary.status`",
        empty_when="never",
        read=lambda delivery: _text(delivery.rma.status),
    ),
    Function(
        name="payment_currency_code",
        gives="the currency the customer paid in",
        source="`items[].paidPrice.currency`",
        empty_when="the items have several",
        read=_payment_currency_code,
    ),
    Function(
        name="credits",
        gives="the amount of the last store-credit transaction",
        source="`transactions[].amount.amount` where `type` names a credit",
        empty_when="no such transaction is there yet, as a rule so at approval",
        read=_credits,
        is_reading=True,
    ),
    Function(
        name="expire",
        gives="when the store credit expires",
        source="`transactions[].expirationDate` of the last transaction that has one",
        empty_when=_NOT_IN_DOCUMENT,
        read=lambda delivery: _last_transaction(delivery, "expirationDate"),
        is_reading=True,
    ),
    Function(
        name="refund_provider",
        gives="who processes the refund",
        source="`transactions[].processor` of the last transaction that has one",
        empty_when="no transaction is there yet, as a rule so at approval",
        read=lambda delivery: _last_transaction(delivery, "processor"),
        is_reading=True,
    ),
    Function(
        name="shipping_date",
        gives="when the parcel was sent",
        source="`shipments[].shippingDate` of the first inbound shipment that has one",
        empty_when=_NOT_IN_DOCUMENT,
        read=_of_shipment("shippingDate"),
        is_reading=True,
    ),
    Function(
        name="expected_delivery_date",
        gives="when the parcel is expected",
        source="`shipments[].expectedDeliveryDate` of the first inbound shipment that has one",
        empty_when=_NOT_IN_DOCUMENT,
        read=_of_shipment("expectedDeliveryDate"),
        is_reading=True,
    ),
    Function(
        name="tracking_number",
        gives="the parcel's tracking number",
        source="`shipments[].trackingNumber` of the first inbound shipment that has one",
        empty_when="no inbound shipment has one",
        read=_of_shipment("trackingNumber"),
    ),
)

FUNCTIONS: dict[str, Function] = {function.name: function for function in _ALL}
"""Name → function, in the order of the page."""

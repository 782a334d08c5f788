"""The platform's RMA document (``GET /rma/{id}``), made into :class:`hub.rma.Rma`.

Lenient where the platform is known to be loose (0/1 booleans, absent keys, ids as numbers, unknown keys and
words); strict where money or identity is concerned. All that is wrong is told at once. It is read by hand and
not by a model, so that each problem is a sentence in the reader's words and the document stays whole.

Field names and their meaning: returngo/REFERENCE.md, "RMA JSON", after ReturnGO's API page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.errors import EventError
from hub.inbound.fields import Field, Problems
from hub.inbound.money import read_fee, read_paid, read_refunds, read_tax, read_tax_included
from hub.inbound.strict_json import shown
from hub.rma import Address, Item, MethodRef, MethodType, Rma, Shipment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# An event name of the platform is an open set; this one is in its RMA documents. A status-updated event
# shows no new status in them, so it is not read as an approval.
APPROVAL_EVENT = "rma_approved"

# ReturnGO help pages; the older of the two names of drop-off is still met.
_METHOD_TYPES = {
    "noshipmentrequired": MethodType.NO_SHIPMENT_REQUIRED,
    "returntodropofflocation": MethodType.DROP_OFF,
    "returntostorelocation": MethodType.DROP_OFF,
    "shipwithanycarrier": MethodType.ANY_CARRIER,
    "shipwithprepaidlabel": MethodType.PREPAID_LABEL,
}


def read_method_type(wording: str) -> MethodType | None:
    """The return method type a wording means; None when it is not one we know.

    Compared by letters and digits only, without case: the API writes sentence case, the help pages title
    case, and ``Pre-Paid`` comes with and without its hyphen.
    """
    return _METHOD_TYPES.get("".join(c for c in wording.casefold() if c.isalnum()))


def parse_rma(document: Mapping[str, Any]) -> Rma:
    """Reads one RMA document.

    Args:
        document: as :func:`hub.inbound.strict_json.load` reads it; amounts as ``Decimal``, ``int`` or text.

    Returns:
        The RMA; it holds ``document`` itself, unknown keys included. An unreadable ``lastUpdated`` is a
        problem, since it decides which document is newer; an unreadable approval or creation date is None.

    Raises:
        EventError: status 422, with one sentence for each problem, at most twenty.
    """
    problems = Problems()
    root = Field(document, problems)
    summary = root.at("rmaSummary")
    rma_id = status = None
    if summary.is_object():
        rma_id = summary.at("rmaId").required_id()
        status = summary.at("status").required_id()
    items = _read_items(root.at("items"))
    last_updated_at = _read_last_updated(root.at("lastUpdated"))
    order = root.at("orderDetails")
    order_name = summary.at("order_name").name() or order.at("order_name").name()
    order_id = order.at("orderId").name()
    if problems.count or rma_id is None or status is None:
        raise _refusal(problems, rma_id)
    return Rma(
        rma_id=rma_id,
        status=status,
        order_name=order_name,
        order_id=order_id,
        items=items,
        shipments=tuple(_read_shipment(shipment) for shipment in root.at("shipments").each()),
        approved_at=_read_approved_at(summary.at("events")),
        created_at=root.at("createdAt").moment(),
        last_updated_at=last_updated_at,
        refunds=read_refunds(document.get("transactions")),
        document=document,
    )


def _refusal(problems: Problems, rma_id: str | None) -> EventError:
    listed = list(problems.sentences)
    if problems.count > len(listed):
        listed[-1] = f"and {problems.count - len(listed) + 1} more problems"
    return EventError(
        f"read RMA {rma_id}" if rma_id else "read the RMA",
        fix="correct this in the document, or have the platform send it anew, and submit it again; "
        "nothing was stored",
        status=422,
        problems=listed,
    )


def _read_items(field: Field) -> tuple[Item, ...]:
    if not isinstance(field.value, list | tuple):
        field.refuse("is missing" if field.value is None else f"is not a list ({shown(field.value)})")
        return ()
    read: list[Item] = []
    seen: dict[str, str] = {}
    for element in field.each():
        if not element.is_object():
            continue
        item_id = element.at("returnedItemId").required_id()
        if item_id is not None and item_id in seen:
            element.at("returnedItemId").refuse(f"is that of {seen[item_id]} too ({shown(item_id)})")
        elif item_id is not None:
            seen[item_id] = element.where
        item = _read_item(element, item_id)
        if item:
            read.append(item)
    return tuple(read)


def _read_item(field: Field, item_id: str | None) -> Item | None:
    """One unit; None when a part that it cannot be without is wrong, which is noted."""
    paid = read_paid(field.at("paidPrice"))
    tax = read_tax(field.at("paidTax"), paid)
    is_tax_included = read_tax_included(field.at("taxIncluded"), tax)
    restocking_fee, return_fee, shipment_fee = (
        read_fee(field.at(key), paid) for key in ("restockingFee", "returnFee", "shipmentFee")
    )
    sku = field.at("sku").name()
    method = _read_method(field.at("returnMethod"))
    if item_id is None or paid is None or tax is None:
        return None
    return Item(
        returned_item_id=item_id,
        shop_line_item_id=field.at("shopLineItemId").text(),
        sku=sku,
        barcode=field.at("barcode").text(),
        name=field.at("fullName").text() or field.at("productName").text() or sku or "",
        paid=paid,
        tax=tax,
        is_tax_included=is_tax_included,
        return_reason=field.at("returnReason").text(),
        resolution_name=field.at("resolutionName").text(),
        resolution_type=field.at("resolutionType").text(),
        restocking_fee=restocking_fee,
        return_fee=return_fee,
        shipment_fee=shipment_fee,
        method=method,
        shipment_id=field.at("shipmentId").text(),
    )


def _read_method(field: Field) -> MethodRef | None:
    """The item's return method; None when it names neither a method nor a type."""
    if field.value is None or not field.is_object():
        return None
    name, wording = field.at("name").name(), field.at("type").name()
    if name is None and wording is None:
        return None
    return MethodRef(name=name or "", type=wording or "", kind=read_method_type(wording or ""))


def _read_shipment(field: Field) -> Shipment:
    """One shipment; its id is empty where the platform gave none."""
    return Shipment(
        shipment_id=field.at("shipmentId").text() or "",
        status=field.at("status").text(),
        carrier_name=field.at("carrierName").text(),
        tracking_number=field.at("trackingNumber").text(),
        customer=_read_address(field.at("customerAddress")),
        is_outbound=field.at("isOutbound").flag() is True,
    )


def _read_address(field: Field) -> Address | None:
    address = Address(
        name=field.at("name").text(),
        street1=field.at("street1").text(),
        street2=field.at("street2").text(),
        city=field.at("city").text(),
        state=field.at("state").text(),
        postal_code=field.at("zip").text(),
        country=field.at("country").text(),
        phone=field.at("phone").text(),
        email=field.at("email").text(),
    )
    return None if address == Address() else address


def _read_last_updated(field: Field) -> datetime | None:
    moment = field.moment()
    if moment is None and field.value is not None:
        field.refuse(f"is not an ISO 8601 time ({shown(field.value)})")
    return moment


def _read_approved_at(events: Field) -> datetime | None:
    """The latest readable approval; an RMA may be reopened and approved again."""
    approvals = (
        event.at("eventDate").moment()
        for event in events.each()
        if (event.at("eventName").text() or "").casefold() == APPROVAL_EVENT
    )
    return max((moment for moment in approvals if moment), default=None)

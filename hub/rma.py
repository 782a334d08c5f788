"""The return as the hub sees it: frozen values, read from the platform's RMA document.

Field names of the platform stay at the edge (:mod:`hub.inbound`); these are ours. Money is an amount
with a currency, always :class:`~decimal.Decimal`. ``*_at`` is an aware UTC datetime.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal


class MethodType(StrEnum):
    """The platform's four return method types, in our spelling (ReturnGO help pages)."""

    NO_SHIPMENT_REQUIRED = "no_shipment_required"
    DROP_OFF = "return_to_drop_off_location"
    ANY_CARRIER = "ship_with_any_carrier"
    PREPAID_LABEL = "ship_with_prepaid_label"


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """An amount in one currency.

    Attributes:
        amount: never NaN or infinite.
        currency: three upper-case letters (ISO 4217).
    """

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One amount in the two currencies the platform gives: the customer's and the shop's."""

    customer: Money
    shop: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodRef:
    """The return method an item names.

    Attributes:
        name: as the merchant wrote it; methods are bound by it, compared without case.
        type: the platform's own wording of the type, kept as it came.
        kind: the type we read it as; None when the platform's wording is not one we know.
    """

    name: str
    type: str
    kind: MethodType | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One returned unit. A line of quantity three arrives as three items.

    Attributes:
        returned_item_id: the platform's id of this unit, unique within the RMA.
        sku: None when the platform gave none.
        barcode: None when absent.
        paid: what was paid for the unit; gross where ``is_tax_included``, else net.
        tax: the tax of the unit; the same two currencies as ``paid``.
        restocking_fee, return_fee, shipment_fee: None when the platform gave none.
        method: None when the item names no return method.
        shipment_id: None when the item is on no shipment.
    """

    returned_item_id: str
    shop_line_item_id: str | None = None
    sku: str | None
    barcode: str | None = None
    name: str
    paid: Price
    tax: Price
    is_tax_included: bool
    return_reason: str | None = None
    resolution_name: str | None = None
    resolution_type: str | None = None
    restocking_fee: Money | None = None
    return_fee: Money | None = None
    shipment_fee: Money | None = None
    method: MethodRef | None
    shipment_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """A postal address as the platform gives it; None where it gave nothing or blanks."""

    name: str | None = None
    street1: str | None = None
    street2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shipment:
    """One parcel, inbound unless ``is_outbound`` (an exchange going out)."""

    shipment_id: str
    status: str | None = None
    carrier_name: str | None = None
    tracking_number: str | None = None
    customer: Address | None = None
    is_outbound: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """Money that the platform says it gave back for the return, for certain.

    Attributes:
        amounts: the same refund in each currency that the platform gives; never empty.
    """

    amounts: tuple[Money, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rma:
    """One return merchandise authorisation, as one document of the platform showed it.

    Attributes:
        platform: name of the returns platform, ``returngo`` first.
        rma_id: unique across the whole platform.
        status: the platform's own word (an open set): ``Pending, Approved, Received, …``.
        order_name: what the merchant calls the order, ``#1001``; None when absent.
        order_id: the shop's id of the order; None when absent.
        items: in the document's order; their ``returned_item_id`` are unique.
        approved_at: from the last approval in the document's own history; None when it has none.
        last_updated_at: the document's age, by which an older one is told from a newer; None when absent.
        refunds: those that succeeded; what cannot be read of them is left out.
        document: the platform's whole document, unknown keys kept.
    """

    platform: str = "returngo"
    rma_id: str
    status: str
    order_name: str | None
    order_id: str | None
    items: tuple[Item, ...]
    shipments: tuple[Shipment, ...] = ()
    approved_at: datetime | None = None
    created_at: datetime | None = None
    last_updated_at: datetime | None = None
    refunds: tuple[Refund, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def customer(self) -> Address | None:
        """The customer, known only from an inbound shipment; None for most drop-off returns.

        The document has no customer block (ReturnGO API page).
        """
        for shipment in self.shipments:
            if shipment.customer is not None and not shipment.is_outbound:
                return shipment.customer
        return None

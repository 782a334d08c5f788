"""From a delivery to the exact credit-note record, pure.

Every value carries where it came from, so that a preview can show it and a person can follow it.
Field names, lengths and meaning: https://api.cin7.com/api/Help/Api/PUT-v1-CreditNotes
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.marker import marker
from connectors.cin7_omni.prices import RefusalError, choose_currency, group_lines, total_of
from connectors.cin7_omni.references import default_reference, default_sales_reference
from hub.mapping.exact_json import write_json
from hub.outcomes import Prepared, Rejected

if TYPE_CHECKING:
    from connectors.cin7_omni.config import Settings
    from connectors.cin7_omni.prices import Line
    from hub.hookspecs import Delivery


class Draft:
    """A record in the making: fields in the order they will be sent, each with its origin."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []
        self.origins: dict[str, str] = {}
        self.warnings: list[str] = []

    def put(self, name: str, value: Any, origin: str) -> None:
        """Sets a field of the note."""
        self.fields[name] = value
        self.origins[name] = origin

    def put_on_line(self, index: int, name: str, value: Any, origin: str) -> None:
        """Sets a field of one line."""
        self.lines[index][name] = value
        self.origins[f"lineItems[{index}].{name}"] = origin

    def warn(self, warning: str) -> None:
        """Adds a sentence; an empty one is no warning."""
        if warning:
            self.warnings.append(warning)

    def text(self) -> str:
        """The record as it will be sent."""
        return write_json({**self.fields, "lineItems": self.lines})


def build_note(delivery: Delivery, settings: Settings) -> Prepared | Rejected:
    """Builds one delivery's credit note.

    Returns:
        The note, or why there can be none yet.
    """
    try:
        return _build(delivery, settings)
    except RefusalError as refusal:
        return Rejected(delivery_id=delivery.delivery_id, reason=refusal.reason, fix=refusal.fix)


def _build(delivery: Delivery, settings: Settings) -> Prepared:
    draft = Draft()
    currency = choose_currency(delivery.items)
    lines = group_lines(delivery.items, currency)
    _put_names(draft, delivery)
    _put_state(draft, delivery, settings)
    _put_customer(draft, delivery)
    _put_branch(draft, delivery)
    draft.put("currencyCode", currency, "the shop's currency on the items")
    draft.put("taxStatus", "Incl", "built in: prices are sent gross")
    _put_marker(draft, delivery)
    _put_lines(draft, lines)
    return Prepared(
        delivery_id=delivery.delivery_id,
        reference=draft.fields["reference"],
        request=draft.text(),
        origins=draft.origins,
        warnings=tuple(draft.warnings),
        total=total_of(lines, currency),
    )


def _put_names(draft: Draft, delivery: Delivery) -> None:
    reference, warning = default_reference(delivery.rma)
    draft.put("reference", reference, "built in: RMA <id>/ORDER:<order name>")
    draft.warn(warning)
    sales_reference, warning = default_sales_reference(delivery.rma)
    draft.put("salesReference", sales_reference, "built in: the order's name")
    draft.warn(warning)


def _put_state(draft: Draft, delivery: Delivery, settings: Settings) -> None:
    draft.put("isApproved", settings.approve, "the connection's setting approve")
    # Without creditNoteDate a note never reaches accounting. completedDate stays absent: it would bring
    # the stock in before the warehouse has seen it (help.omni.cin7.com 9052641310351).
    draft.put("creditNoteDate", delivery.approved_at, "when the return was approved")


def _put_customer(draft: Draft, delivery: Delivery) -> None:
    customer = delivery.rma.customer
    if customer is not None and customer.email:
        draft.put("memberEmail", customer.email, "the customer's address on the inbound shipment")
    else:
        draft.warn("the return carries no customer e-mail address, so the note is linked to no customer")


def _put_branch(draft: Draft, delivery: Delivery) -> None:
    if delivery.location_id is None:
        return
    text = delivery.location_id.strip()
    if not (text.isascii() and text.isdigit()):
        raise RefusalError(
            f"the return method's location {text!r} is not a Cin7 branch id, which is a number",
            "choose one of the branches that hub connections check lists: hub methods set … --location ID",
        )
    draft.put("branchId", int(text), "the return method's location")


def _put_marker(draft: Draft, delivery: Delivery) -> None:
    draft.put(
        "internalComments",
        marker(delivery.delivery_id, delivery.rma.rma_id),
        "built in: the mark that shows the note is the hub's",
    )


def _put_lines(draft: Draft, lines: tuple[Line, ...]) -> None:
    for index, line in enumerate(lines):
        draft.lines.append({})
        units = "1 unit" if line.count == 1 else f"{line.count} units"
        draft.put_on_line(index, "code", line.sku, "the items' SKU")
        draft.put_on_line(index, "name", line.name, "the first item's name")
        # A negative quantity brings stock back; the price stays positive.
        draft.put_on_line(index, "qty", Decimal(-line.count), f"{units} returned at this price")
        draft.put_on_line(index, "unitPrice", line.unit_price, "what was paid for one unit, tax included")

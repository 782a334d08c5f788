"""The two names of a credit note, pure: its own reference, and its sales order's.

Limits: https://api.cin7.com/api/Help/Api/PUT-v1-CreditNotes. Nothing is ever cut to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.cin7_omni.mapping import Content, NameSpec
from connectors.cin7_omni.prices import RefusalError
from hub.mapping.values import work_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.cin7_omni.mapping import CompiledMapping
    from hub.hookspecs import Delivery
    from hub.mapping.values import Value
    from hub.rma import Rma

REFERENCE_LIMIT = 30
SALES_REFERENCE_LIMIT = 50
LARGEST_NUMBER = 9
"""Last number that ``numberRepeats`` appends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """A reference, worked out.

    Attributes:
        origin: where it came from, in words.
        warning: empty when there is nothing to say.
        is_numbered: True when a later one of the same name gets a number.
        is_built_in: True when the mapping says nothing about it.
    """

    text: str
    origin: str
    warning: str = ""
    is_numbered: bool = False
    is_built_in: bool = False


def name_note(delivery: Delivery, mapping: CompiledMapping) -> Name:
    """The note's own reference.

    Raises:
        RefusalError: it does not fit, or what the mapping asks for is not on the return.
    """
    return _name("reference", REFERENCE_LIMIT, mapping.reference, delivery, _built_in_reference)


def name_order(delivery: Delivery, mapping: CompiledMapping) -> Name:
    """The note's sales reference.

    Raises:
        RefusalError: it does not fit, or there is none: Cin7 requires one.
    """
    return _name(
        "salesReference", SALES_REFERENCE_LIMIT, mapping.sales_reference, delivery, _built_in_sales_reference
    )


def _name(
    field: str,
    limit: int,
    wanted: NameSpec | Value | None,
    delivery: Delivery,
    built_in: Callable[[Rma], Name],
) -> Name:
    if wanted is None:
        name = built_in(delivery.rma)
    elif isinstance(wanted, NameSpec):
        name = _spelt(field, limit, wanted, delivery.rma)
    else:
        worked = work_out(wanted, delivery)
        text = " ".join(str(worked.value or "").split())
        if not text:
            kept = built_in(delivery.rma)
            warning = f"{field} is empty in the mapping for this return, so the built-in one is used"
            name = Name(text=kept.text, origin=kept.origin, warning=warning, is_built_in=True)
        else:
            name = Name(text=text, origin=worked.origin)
    if len(name.text) > limit:
        raise RefusalError(*too_long(field, name.text, limit))
    return name


def _built_in_reference(rma: Rma) -> Name:
    text, warning = _default(rma, prefix="", limit=REFERENCE_LIMIT, field="reference")
    return Name(text=text, origin="built in: RMA <id>/ORDER:<order name>", warning=warning, is_built_in=True)


def _built_in_sales_reference(rma: Rma) -> Name:
    order_name, order_id = _clean(rma.order_name), _clean(rma.order_id)
    if not order_name and not order_id:
        raise RefusalError(
            "the return names no order, and a Cin7 credit note must name its sales order",
            "set salesReference in the connection's mapping, or write the credit note by hand",
        )
    if order_name:
        return Name(text=order_name, origin="built in: the order's name", is_built_in=True)
    warning = f"the return has no order name, so salesReference is the order id {order_id}"
    return Name(text=order_id, origin="built in: the order's id", warning=warning, is_built_in=True)


def _spelt(field: str, limit: int, spec: NameSpec, rma: Rma) -> Name:
    origin = f"the mapping: prefix {spec.prefix!r}, content {spec.content.value}"
    if spec.content is Content.DEFAULT:
        text, warning = _default(rma, prefix=spec.prefix, limit=limit, field=field)
        return Name(text=text, origin=origin, warning=warning, is_numbered=spec.is_numbered)
    values = {
        Content.ORDER_NAME: ("order name", rma.order_name),
        Content.ORDER_ID: ("order id", rma.order_id),
        Content.RMA_ID: ("id", rma.rma_id),
    }
    noun, value = values[spec.content]
    if not _clean(value):
        raise RefusalError(
            f"{field} is to be the {noun}, and the return has no {noun}",
            f"change {field} in the connection's mapping, then run: hub deliveries retry",
        )
    text = (spec.prefix + _clean(value)).strip()
    return Name(text=text, origin=origin, is_numbered=spec.is_numbered)


def _default(rma: Rma, *, prefix: str, limit: int, field: str) -> tuple[str, str]:
    """``RMA 41515515/ORDER:ORE-1254151``, or ``RMA 41515515`` where that would pass the limit."""
    short = f"{prefix}RMA {_clean(rma.rma_id)}".strip()
    order_name = _clean(rma.order_name)
    if not order_name:
        return short, f"the return names no order, so {field} is {short!r}"
    full = f"{short}/ORDER:{order_name}"
    if len(full) <= limit:
        return full, ""
    warning = f"{field} {full!r} has {len(full)} characters and Cin7 takes {limit}, so it is {short!r}"
    return short, warning


def _clean(text: str | None) -> str:
    return " ".join((text or "").split())


def candidates(name: Name) -> list[str]:
    """The texts a note may be called, in the order in which they are tried."""
    if not name.is_numbered:
        return [name.text]
    return [name.text, *(f"{name.text}-{number}" for number in range(2, LARGEST_NUMBER + 1))]


def pick(name: Name, is_taken: Callable[[str], bool]) -> str:
    """The first of a note's candidates that is free.

    Raises:
        RefusalError: none is free, or the one that is does not fit.
    """
    if not name.is_numbered:
        return name.text
    for text in candidates(name):
        if not is_taken(text):
            if len(text) > REFERENCE_LIMIT:
                raise RefusalError(*too_long("reference", text, REFERENCE_LIMIT))
            return text
    raise RefusalError(
        f"Cin7 holds credit notes {name.text} to {name.text}-{LARGEST_NUMBER} already",
        "use content rmaId for reference in the connection's mapping, then run: hub deliveries retry",
    )


def too_long(field: str, text: str, limit: int) -> tuple[str, str]:
    """Reason and fix for a text that must not be cut silently."""
    reason = f"{field} {text!r} has {len(text)} characters and Cin7 takes at most {limit}"
    fix = f"set {field} in the connection's mapping so that it stays within {limit} characters"
    return reason, f"{fix}, then run: hub deliveries retry"

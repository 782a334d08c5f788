"""The two names of a credit note, pure: its own reference, and the sales order's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.cin7_omni.prices import RefusalError

if TYPE_CHECKING:
    from hub.rma import Rma

REFERENCE_LIMIT = 30
SALES_REFERENCE_LIMIT = 50
"""https://api.cin7.com/api/Help/Api/PUT-v1-CreditNotes"""


def default_reference(rma: Rma) -> tuple[str, str]:
    """``RMA 41515515/ORDER:ORE-1254151``, or ``RMA 41515515`` where that would pass 30 characters.

    Returns:
        The reference, and a warning; the warning is empty when there is nothing to say.

    Raises:
        RefusalError: not even the short form fits.
    """
    short = f"RMA {rma.rma_id}"
    if len(short) > REFERENCE_LIMIT:
        raise RefusalError(*too_long("reference", short, REFERENCE_LIMIT))
    order_name = (rma.order_name or "").strip()
    if not order_name:
        return short, f"the return names no order, so the reference is {short!r}"
    full = f"{short}/ORDER:{order_name}"
    if len(full) > REFERENCE_LIMIT:
        return short, (
            f"the reference {full!r} has {len(full)} characters and Cin7 takes {REFERENCE_LIMIT}, so it is "
            f"{short!r}"
        )
    return full, ""


def default_sales_reference(rma: Rma) -> tuple[str, str]:
    """The order's name.

    Returns:
        The sales reference, and a warning; the warning is empty when there is nothing to say.

    Raises:
        RefusalError: it does not fit, or the return names no order: Cin7 requires one.
    """
    order_name, order_id = (rma.order_name or "").strip(), (rma.order_id or "").strip()
    if not order_name and not order_id:
        raise RefusalError(
            "the return names no order, and a Cin7 credit note must name its sales order",
            "set salesReference in the connection's mapping, or write the credit note by hand",
        )
    text = order_name or order_id
    if len(text) > SALES_REFERENCE_LIMIT:
        raise RefusalError(*too_long("salesReference", text, SALES_REFERENCE_LIMIT))
    warning = "" if order_name else f"the return has no order name, so salesReference is the order id {text}"
    return text, warning


def too_long(field: str, text: str, limit: int) -> tuple[str, str]:
    """Reason and fix for a text that must not be cut silently."""
    reason = f"{field} {text!r} has {len(text)} characters and Cin7 takes at most {limit}"
    fix = f"set {field} in the connection's mapping so that it stays within {limit} characters"
    return reason, f"{fix}, then run: hub deliveries retry"

"""What Cin7 holds about a return's sales order, pure: what to ask, and which answer belongs to whom.

A row that came back is compared again here; Cin7 is not trusted to have matched it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.cin7_omni.marker import marked_rma
from connectors.cin7_omni.wire import text_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.cin7_omni.models import CreditNoteRow, OrderRow


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundOrder:
    """What a look for one sales order came to.

    Attributes:
        order: None when there is none, or none that can be told apart.
        warning: why there is none; empty when there is one.
        void: those of the name that were cancelled, when none of the name lives; empty otherwise.
    """

    order: OrderRow | None = None
    warning: str = ""
    void: tuple[OrderRow, ...] = ()


def same(one: str | None, other: str | None) -> bool:
    """Compares names as a database without case would: a stricter reading would miss what Cin7 matches."""
    return one is not None and other is not None and one.strip().casefold() == other.strip().casefold()


def order_conditions(field: str, names: Iterable[str]) -> list[str]:
    """``where`` conditions for orders of these names; ``field`` is ``reference`` or ``customerOrderNo``."""
    return [f"{field}={text_literal(name)}" for name in dict.fromkeys(names)]


def match_order(names: Sequence[str], orders: Sequence[OrderRow]) -> FoundOrder:
    """The order of one return: by its reference, else by the customer's number for it.

    Args:
        names: what the return calls its order, most likely first.
        orders: all that came back, for whomever.
    """
    living = [order for order in orders if not order.is_void]
    for name in names:
        for found in (
            [order for order in living if same(order.reference, name)],
            [order for order in living if same(order.customer_order_no, name)],
        ):
            if len(found) == 1:
                return FoundOrder(order=found[0])
            if found:
                ids = ", ".join(str(order.id) for order in found)
                return FoundOrder(warning=f"Cin7 holds several sales orders named {name!r} (ids {ids})")
    void = tuple(
        order
        for order in orders
        if any(same(known, name) for known in (order.reference, order.customer_order_no) for name in names)
    )
    if void:
        ids = ", ".join(str(order.id) for order in void)
        return FoundOrder(warning=f"the sales order {names[0]!r} is void in Cin7 (id {ids})", void=void)
    return FoundOrder(warning=f"Cin7 holds no sales order named {names[0]!r}")


def product_option(order: OrderRow | None, sku: str, barcodes: Iterable[str]) -> int | None:
    """The ``productOptionId`` under which an order sold a SKU; None when it does not say or says several.

    In accounts with size ranges a line's ``code`` is the style, so its sizes and barcode count too.
    """
    if order is None:
        return None
    wanted = {text.casefold() for text in (sku, *barcodes)}
    ids = {
        line.product_option_id
        for line in order.lines
        if line.product_option_id is not None
        and not line.is_child
        and any(
            text is not None and text.casefold() in wanted
            for text in (line.code, line.barcode, *(size.code for size in line.sizes))
        )
    }
    return ids.pop() if len(ids) == 1 else None


def has_sku(order: OrderRow, sku: str, barcodes: Iterable[str]) -> bool:
    """Tells whether an order sold a SKU."""
    wanted = {text.casefold() for text in (sku, *barcodes)}
    return any(
        text is not None and text.casefold() in wanted
        for line in order.lines
        if not line.is_child
        for text in (line.code, line.barcode, *(size.code for size in line.sizes))
    )


def other_credits(
    sales_reference: str, rma_id: str, known_ids: Iterable[str], notes: Iterable[CreditNoteRow]
) -> tuple[CreditNoteRow, ...]:
    """Notes on the same sales order that may credit the same goods a second time.

    Those a hub made for other returns of the order are no harm, neither are void ones. One that a hub
    made for this very return under another delivery is as bad as a stranger's.

    Args:
        sales_reference: of the note to be made.
        rma_id: of the return.
        known_ids: ids of notes that are this delivery's own.
        notes: all that came back, for whomever.
    """
    own = set(known_ids)
    return tuple(
        note
        for note in notes
        if same(note.sales_reference, sales_reference)
        and not note.is_void
        and str(note.id) not in own
        and marked_rma(note.internal_comments) in {None, rma_id}
    )

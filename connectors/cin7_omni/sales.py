"""What a sales order sold, to whom and for how much, beside what a return brings back of it. Pure."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.prices import unit_price
from hub.outcomes import CreditedLine
from hub.questions import Question, QuestionCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.cin7_omni.models import NoteLine, OrderRow
    from connectors.cin7_omni.prices import Line
    from hub.rma import Item, Rma


def sold_lines(order: OrderRow, sku: str, barcodes: Iterable[str]) -> tuple[NoteLine, ...]:
    """The lines of an order that sold a SKU, parts of bundles among them: those come back singly too.

    In accounts with size ranges a line's ``code`` is the style, so its sizes count as well.
    """
    wanted = {text.strip().casefold() for text in (sku, *barcodes) if text.strip()}
    return tuple(
        line
        for line in order.lines
        if any(
            text is not None and text.casefold() in wanted
            for text in (
                line.code,
                line.barcode,
                *(each for size in line.sizes for each in (size.code, size.barcode)),
            )
        )
    )


def credited_lines(order: OrderRow, lines: Sequence[Line]) -> tuple[CreditedLine, ...]:
    """What a note credits of an order, product by product; lines that the order does not have are left out.

    A product is counted over all the order's lines of it, in base units: a return does not say which line.
    """
    units: dict[tuple[str, ...], Decimal] = {}
    found: dict[tuple[str, ...], tuple[str, Decimal | None]] = {}
    for line in lines:
        of_sku = sold_lines(order, line.sku, line.barcodes)
        if not of_sku:
            continue
        key = _product(of_sku, line.sku)
        units[key] = units.get(key, Decimal(0)) + line.count
        found[key] = (line.sku, _sold(of_sku, line))
    name = order.reference or str(order.id)
    return tuple(
        CreditedLine(key="/".join((str(order.id), *key)), sku=sku, order=name, units=units[key], sold=sold)
        for key, (sku, sold) in found.items()
    )


def _product(lines: Sequence[NoteLine], sku: str) -> tuple[str, ...]:
    """What names a product on an order, however the return spells its SKU."""
    options = sorted({line.product_option_id for line in lines if line.product_option_id is not None})
    if options and not any(line.sizes for line in lines):
        return tuple(str(each) for each in options)
    return (sku.strip().casefold(),)


def _sold(lines: Sequence[NoteLine], line: Line) -> Decimal | None:
    """Units that the lines sold; None when one of them does not say."""
    wanted = {text.strip().casefold() for text in (line.sku, *line.barcodes) if text.strip()}
    counts: list[Decimal | None] = []
    for each in lines:
        sizes = [
            size.qty
            for size in each.sizes
            if any(text is not None and text.casefold() in wanted for text in (size.code, size.barcode))
        ]
        counts += sizes or [each.qty]
    if any(count is None for count in counts):
        return None
    return sum((abs(count) for count in counts if count is not None), Decimal(0))


def doubt_about(
    order: OrderRow, rma: Rma, items: Sequence[Item], currency: str
) -> tuple[Question, str] | None:
    """What to ask, and why, when an order found by its name is hardly the one that a return is of.

    Args:
        order: found by its name alone.
        rma: the return.
        items: those to credit.
        currency: the note's.

    Returns:
        None when nothing speaks against it, as of an order without lines, which tells nothing. The facts name
        the buyer by a digest: who it is stays in Cin7.
    """
    if not order.lines:
        return None
    name = order.reference or str(order.id)
    skus = sorted({(item.sku or "").strip() for item in items})
    if not any(sold_lines(order, each.sku or "", (each.barcode or "",)) for each in items):
        question = Question(code=QuestionCode.ORDER_OF_ANOTHER, facts={"order": order.id, "skus": skus})
        return question, (
            f"the sales order {name} sold none of what comes back ({', '.join(skus)}), so it may be another "
            "customer's"
        )
    buyer, dearer = _other_buyer(order, rma), _dearer_items(order, items, currency)
    if buyer is None or not dearer:
        return None
    digest = hashlib.sha256(buyer.casefold().encode()).hexdigest()[:12]
    told = "; ".join(f"{sku} comes back at {paid} and was sold at {sold}" for sku, paid, sold in dearer)
    question = Question(
        code=QuestionCode.ORDER_OF_ANOTHER, facts={"order": order.id, "buyer": digest, "prices": dearer}
    )
    return question, f"the sales order {name} is another customer's than the return, and {told}"


def _other_buyer(order: OrderRow, rma: Rma) -> str | None:
    """Whom the order names, when it and the return name different customers; None otherwise.

    E-mail addresses decide where both have one, names else.
    """
    customers = [s.customer for s in rma.shipments if s.customer is not None and not s.is_outbound]
    emails = {each.email.strip().casefold() for each in customers if each.email}
    if emails and order.emails:
        known = {each.strip().casefold() for each in order.emails}
        return None if emails & known else order.emails[0]
    names = {_plain_name(each.name) for each in customers if each.name}
    if names and order.name:
        return None if _plain_name(order.name) in names else order.name
    return None


def _plain_name(text: str) -> str:
    return " ".join(text.casefold().split())


def _dearer_items(order: OrderRow, items: Sequence[Item], currency: str) -> list[list[str]]:
    """SKU, price credited and price sold, for each that comes back at more than the order sold it for.

    Compared as the order's own prices are meant: with tax, unless it says that they are without. A line
    without a price tells nothing.
    """
    if order.currency_code not in {None, currency}:
        return []
    found: dict[tuple[str, str, str], None] = {}
    for item in items:
        sold = [
            line.unit_price
            for line in sold_lines(order, item.sku or "", (item.barcode or "",))
            if line.unit_price is not None
        ]
        if not sold:
            continue
        paid = unit_price(item, currency, is_gross=not order.is_net)
        if paid > max(sold):
            found[(item.sku or "").strip(), f"{paid} {currency}", f"{max(sold)} {currency}"] = None
    return [list(each) for each in found]

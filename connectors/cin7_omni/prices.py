"""From returned items to lines and money, pure and exact.

Prices are sent gross by default: one return mixes tax rates, and Cin7's lines carry no tax of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from hub.questions import Question
    from hub.rma import Item, Price

BY_HAND = "write the credit note by hand, then run: hub deliveries resolve"


class RefusalError(Exception):
    """A delivery that cannot become a credit note until a person changes something; never leaves here.

    Attributes:
        reason: what is wrong, in one sentence.
        fix: what the person should do.
        question: what a person may answer with yes instead; None when something has to be changed.
    """

    def __init__(self, reason: str, fix: str, question: Question | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
        self.question = question


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Units of one SKU at one price.

    Attributes:
        sku: as on the items.
        name: of the first of them.
        count: how many units come back; positive.
        unit_price: what was paid for one, with or without tax as asked.
        barcodes: of the units, as far as they have one.
    """

    sku: str
    name: str
    count: int
    unit_price: Decimal
    barcodes: tuple[str, ...] = field(repr=False)

    @property
    def total(self) -> Decimal:
        """What the line credits."""
        return self.unit_price * self.count


def choose_currency(items: Sequence[Item], wanted: str | None, wanted_by: str) -> tuple[str, str]:
    """The note's currency, and why it is that.

    Args:
        items: the credited ones.
        wanted: the currency the note must have; None to take the shop's.
        wanted_by: who wants it, in words.

    Raises:
        RefusalError: the items have no price in the wanted currency, or the shop's differ.
    """
    if wanted is not None:
        for item in items:
            if _amounts(item, wanted) is None:
                given = " and ".join(sorted({item.paid.shop.currency, item.paid.customer.currency}))
                raise RefusalError(f"{wanted_by} is in {wanted}, and the return was paid in {given}", BY_HAND)
        return wanted, wanted_by
    currencies = sorted({money.currency for item in items for money in (item.paid.shop, item.tax.shop)})
    if len(currencies) != 1:
        raise RefusalError(
            f"the items have several currencies ({', '.join(currencies)}), and a credit note has one", BY_HAND
        )
    return currencies[0], "the shop's currency on the items"


def _amounts(item: Item, currency: str) -> tuple[Decimal, Decimal] | None:
    paid, tax = _in_currency(item.paid, currency), _in_currency(item.tax, currency)
    return None if paid is None or tax is None else (paid, tax)


def _in_currency(price: Price, currency: str) -> Decimal | None:
    """The shop's amount comes first; it is what the merchant's books are kept in."""
    for money in (price.shop, price.customer):
        if money.currency == currency:
            return money.amount
    return None


def unit_price(item: Item, currency: str, *, is_gross: bool = True) -> Decimal:
    """What was paid for one unit, with or without its tax.

    Raises:
        RefusalError: the platform gave no amount in the currency, or more tax than price.
    """
    amounts = _amounts(item, currency)
    if amounts is None:
        raise RefusalError(f"the price of item {item.returned_item_id} is not known in {currency}", BY_HAND)
    paid, tax = amounts
    if is_gross:
        return paid if item.is_tax_included else paid + tax
    net = paid - tax if item.is_tax_included else paid
    if net < 0:
        raise RefusalError(f"item {item.returned_item_id} has more tax than price", BY_HAND)
    return net


def group_lines(items: Sequence[Item], currency: str, *, is_gross: bool = True) -> tuple[Line, ...]:
    """One line for each SKU and price, in the order in which they first appear.

    Raises:
        RefusalError: an item has no SKU, or no price in the currency.
    """
    groups: dict[tuple[str, Decimal], list[Item]] = {}
    for item in items:
        sku = (item.sku or "").strip()
        if not sku:
            raise RefusalError(
                f"item {item.returned_item_id} ({item.name}) has no SKU, so Cin7 cannot know which stock "
                "comes back",
                "give the product a SKU in the shop, then send the return again: hub deliveries retry",
            )
        groups.setdefault((sku, unit_price(item, currency, is_gross=is_gross)), []).append(item)
    return tuple(
        Line(
            sku=sku,
            name=units[0].name,
            count=len(units),
            unit_price=price,
            barcodes=tuple(dict.fromkeys(unit.barcode for unit in units if unit.barcode)),
        )
        for (sku, price), units in groups.items()
    )

"""From returned items to lines and money, pure and exact.

Prices are sent gross: one return mixes tax rates, and Cin7's lines carry no tax of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.rma import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.rma import Item, Price


class RefusalError(Exception):
    """A delivery that cannot become a credit note until a person changes something; never leaves here.

    Attributes:
        reason: what is wrong, in one sentence.
        fix: what the person should do.
    """

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Units of one SKU at one price.

    Attributes:
        sku: as on the items.
        name: of the first of them.
        count: how many units come back; positive.
        unit_price: what was paid for one.
        items: the units themselves, in the return's order.
    """

    sku: str
    name: str
    count: int
    unit_price: Decimal
    items: tuple[Item, ...] = field(repr=False)

    @property
    def total(self) -> Decimal:
        """What the line credits."""
        return self.unit_price * self.count


def choose_currency(items: Sequence[Item]) -> str:
    """The shop's currency, if all items agree on it.

    Raises:
        RefusalError: they do not.
    """
    currencies = sorted({money.currency for item in items for money in (item.paid.shop, item.tax.shop)})
    if len(currencies) != 1:
        raise RefusalError(
            f"the items have several currencies ({', '.join(currencies)}), and a credit note has one",
            "write the credit note by hand, then run: hub deliveries resolve",
        )
    return currencies[0]


def in_currency(price: Price, currency: str) -> Decimal | None:
    """The amount in a currency; None when the platform gave none in it. The shop's amount comes first."""
    for money in (price.shop, price.customer):
        if money.currency == currency:
            return money.amount
    return None


def unit_price(item: Item, currency: str) -> Decimal:
    """What was paid for one unit, tax included.

    Raises:
        RefusalError: the platform gave no amount in the currency.
    """
    paid, tax = in_currency(item.paid, currency), in_currency(item.tax, currency)
    if paid is None or tax is None:
        raise RefusalError(
            f"the price of item {item.returned_item_id} is not known in {currency}",
            "write the credit note by hand, then run: hub deliveries resolve",
        )
    return paid if item.is_tax_included else paid + tax


def group_lines(items: Sequence[Item], currency: str) -> tuple[Line, ...]:
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
        groups.setdefault((sku, unit_price(item, currency)), []).append(item)
    return tuple(
        Line(sku=sku, name=units[0].name, count=len(units), unit_price=price, items=tuple(units))
        for (sku, price), units in groups.items()
    )


def total_of(lines: Sequence[Line], currency: str) -> Money:
    """What all lines credit together."""
    return Money(amount=sum((line.total for line in lines), Decimal(0)), currency=currency)

"""From an approved return to the exact memo that is sent, pure.

Prices are gross: what was paid, with tax. The memo is in the shop's currency.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from hub.mapping.exact_json import write_json
from hub.mapping.values import Worked, read_value, work_out
from hub.outcomes import Prepared, Rejected
from hub.rma import Money
from pydantic import AfterValidator, BaseModel, ConfigDict

from hub_acme.finding import marker

if TYPE_CHECKING:
    from hub.hookspecs import Delivery
    from hub.rma import Item


def _checked(raw: Any) -> Any:
    read_value(raw)  # raises a ValueError that tells the merchant what is wrong
    return raw


Value = Annotated[Any, AfterValidator(_checked)]


class MappingDocument(BaseModel):
    """What a merchant may say about a memo's texts, each as a literal, a function or a template."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    external_ref: Value = {"template": "RMA {rma_id}"}
    """The memo's name, unique in Acme."""
    order_ref: Value = {"function": "order_name"}
    """The order it credits."""
    note: Value = ""
    """Text behind the hub's own marker."""


def build_memo(delivery: Delivery) -> Prepared | Rejected:
    """The memo of one delivery, or why there can be none until a person changes something."""
    problem = _problem(delivery)
    if problem is not None:
        return problem
    mapping = MappingDocument.model_validate(delivery.mapping)
    texts = {name: work_out(read_value(value), delivery) for name, value in mapping}
    reference = _text(texts["external_ref"])
    if not reference:
        return Rejected(
            delivery_id=delivery.delivery_id,
            reason="the mapping gives this return no external_ref",
            fix="correct the mapping, then run: hub deliveries retry",
        )
    counts = Counter((item.sku, _gross(item)) for item in delivery.items)
    currency = delivery.items[0].paid.shop.currency
    memo = {
        "external_ref": reference,
        "order_ref": _text(texts["order_ref"]),
        "warehouse": delivery.location_id,
        "currency": currency,
        "note": f"{marker(delivery.delivery_id, delivery.rma.rma_id)} {_text(texts['note'])}".strip(),
        "lines": [
            {"sku": sku, "quantity": str(count), "unit_price": str(price)}
            for (sku, price), count in counts.items()
        ],
    }
    units: Counter[str] = Counter(item.sku or "" for item in delivery.items)
    return Prepared(
        delivery_id=delivery.delivery_id,
        reference=reference,
        request=write_json(memo),
        origins={
            **{name: worked.origin for name, worked in texts.items()},
            "warehouse": "the return method's location",
            "currency": "the shop's currency on the items",
            "lines": "the returned items: one line for each SKU and price, gross",
        },
        total=Money(amount=sum((_gross(item) for item in delivery.items), Decimal(0)), currency=currency),
        units={sku: Decimal(count) for sku, count in units.items()},
    )


def _problem(delivery: Delivery) -> Rejected | None:
    reason = fix = ""
    nameless = [item for item in delivery.items if not item.sku]
    currencies = {money.currency for item in delivery.items for money in (item.paid.shop, item.tax.shop)}
    if nameless:
        reason = f"item {nameless[0].returned_item_id} ({nameless[0].name}) has no SKU"
        fix = "give the product a SKU in the shop, then run: hub deliveries retry"
    elif len(currencies) > 1:
        reason = f"the items have several currencies ({', '.join(sorted(currencies))}), and a memo has one"
        fix = "write the memo by hand, then run: hub deliveries resolve"
    return Rejected(delivery_id=delivery.delivery_id, reason=reason, fix=fix) if reason else None


def _gross(item: Item) -> Decimal:
    return item.paid.shop.amount + (Decimal(0) if item.is_tax_included else item.tax.shop.amount)


def _text(worked: Worked) -> str:
    return "" if worked.value is None else str(worked.value).strip()

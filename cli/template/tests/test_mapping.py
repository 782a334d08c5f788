"""From a return to a memo, without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hub.hookspecs import Delivery, StoreInfo
from hub.outcomes import Prepared, Rejected
from hub.rma import Item, Money, Price, Rma
from pydantic import ValidationError

from hub_acme.mapping import MappingDocument, build_memo


def price(amount: str, currency: str = "EUR") -> Price:
    money = Money(amount=Decimal(amount), currency=currency)
    return Price(customer=money, shop=money)


def item(number: int, **others: Any) -> Item:
    given: dict[str, Any] = {"sku": "SKU-001", "paid": price("10.00"), "tax": price("1.90"), **others}
    return Item(returned_item_id=str(number), name="Shirt", is_tax_included=True, method=None, **given)


def delivery(*items: Item, **mapping: Any) -> Delivery:
    rma = Rma(rma_id="42", status="Approved", order_name="#1", order_id="1", items=items)
    return Delivery(
        delivery_id="d1",
        rma=rma,
        items=items,
        store=StoreInfo(name="Shop"),
        location_id=None,
        approved_at=datetime(2026, 3, 1, tzinfo=UTC),
        mapping=mapping,
    )


def memo(*items: Item, **mapping: Any) -> dict[str, Any]:
    prepared = build_memo(delivery(*items, **mapping))
    assert isinstance(prepared, Prepared)
    read: dict[str, Any] = json.loads(prepared.request)
    return read


def test_units_of_one_sku_and_price_are_one_line() -> None:
    lines = memo(item(1), item(2), item(3, paid=price("5.00")))["lines"]
    assert [(line["quantity"], line["unit_price"]) for line in lines] == [("2", "10.00"), ("1", "5.00")]


def test_the_note_starts_with_the_marker_whatever_the_mapping_says() -> None:
    assert memo(item(1), note="handle with care")["note"] == "[hub:d1 rma:42] handle with care"


def test_a_price_without_tax_gets_its_tax() -> None:
    net = Item(
        returned_item_id="1",
        sku="SKU-001",
        name="Shirt",
        paid=price("10.00"),
        tax=price("1.90"),
        is_tax_included=False,
        method=None,
    )
    assert memo(net)["lines"][0]["unit_price"] == "11.90"


def test_an_item_without_sku_needs_a_person() -> None:
    refused = build_memo(delivery(item(1, sku=None)))
    assert isinstance(refused, Rejected)
    assert "has no SKU" in refused.reason


def test_a_mapping_with_an_unknown_function_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no function"):
        MappingDocument.model_validate({"note": {"function": "colour"}})

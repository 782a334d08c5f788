from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.cin7_omni.models import OrderRow
from connectors.cin7_omni.prices import group_lines
from connectors.cin7_omni.sales import credited_lines, doubt_about
from hub.inbound.document import parse_rma
from hub.questions import QuestionCode
from tests.support.documents import rma, unit

LINE = {"code": "SKU-001", "qty": 1, "unitPrice": Decimal("10.00"), "productOptionId": 7}


def order(*lines: dict[str, Any], **fields: Any) -> OrderRow:
    row = OrderRow.read({"id": 9, "reference": "#901", "lineItems": list(lines or (LINE,)), **fields})
    assert row is not None
    return row


def doubt(sold: OrderRow, document: dict[str, Any]) -> str | None:
    parsed = parse_rma(document)
    found = doubt_about(sold, parsed, parsed.items, "EUR")
    return found[0].code if found else None


def returned(*units: dict[str, Any], email: str | None = "ada@example.com") -> dict[str, Any]:
    document = rma("901", *units, order_name="#901")
    address = {"name": "Ada Example", "email": email} if email else {"name": "Ada Example"}
    document["shipments"] = [{"shipmentId": "S1", "customerAddress": address}]
    return document


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        {**LINE, "code": "sku-001"},
        {**LINE, "code": "OTHER", "barcode": "SKU-001"},
        {**LINE, "code": "STYLE", "sizes": [{"code": "SKU-001", "qty": 1}]},
        {**LINE, "parentId": 4},
    ],
)
def test_order_that_sold_the_goods_is_believed(line: dict[str, Any]) -> None:
    assert doubt(order(line), returned()) is None


def test_order_that_sold_other_goods_asks() -> None:
    assert doubt(order({**LINE, "code": "SKU-999"}), returned()) == QuestionCode.ORDER_OF_ANOTHER


def test_order_without_lines_tells_nothing() -> None:
    row = OrderRow.read({"id": 9, "reference": "#901"})
    assert row is not None
    assert doubt(row, returned()) is None


CHEAP = {**LINE, "unitPrice": Decimal("1.00")}


@pytest.mark.parametrize(
    ("line", "email", "asks"),
    [
        (CHEAP, "bob@example.com", True),
        (CHEAP, "ADA@example.com ", False),
        (CHEAP, None, False),
        (LINE, "bob@example.com", False),
        ({**LINE, "unitPrice": None}, "bob@example.com", False),
    ],
)
def test_another_buyer_asks_only_where_more_comes_back_than_was_paid(
    line: dict[str, Any], email: str | None, asks: bool
) -> None:
    sold = order(line, email=email) if email else order(line)
    assert (doubt(sold, returned()) == QuestionCode.ORDER_OF_ANOTHER) is asks


def test_names_decide_where_an_address_is_missing() -> None:
    sold = order(CHEAP, firstName="Bob", lastName="Other")
    assert doubt(sold, returned(email=None)) == QuestionCode.ORDER_OF_ANOTHER
    assert doubt(order(CHEAP, firstName="ada", lastName=" Example"), returned(email=None)) is None


def test_facts_and_sentence_do_not_name_the_buyer() -> None:
    parsed = parse_rma(returned())
    found = doubt_about(order(CHEAP, email="bob@example.com"), parsed, parsed.items, "EUR")
    assert found is not None
    assert "bob@" not in f"{found[0].key} {found[1]}"


def test_units_are_counted_over_all_lines_of_a_product() -> None:
    parsed = parse_rma(returned(unit(1), unit(2), unit(3, sku="SKU-002")))
    sold = order(LINE, {**LINE, "qty": 2}, {"code": "SKU-002", "qty": 5, "parentId": 3})
    lines = credited_lines(sold, group_lines(parsed.items, "EUR"))
    told = [(line.sku, str(line.units), str(line.sold)) for line in lines]
    assert told == [("SKU-001", "2", "3"), ("SKU-002", "1", "5")]
    again = credited_lines(sold, group_lines(parse_rma(returned(unit(9, sku="sku-001"))).items, "EUR"))
    assert again[0].key == lines[0].key


def test_line_without_a_quantity_leaves_it_open_how_many_were_sold() -> None:
    parsed = parse_rma(returned())
    (line,) = credited_lines(order({**LINE, "qty": None}), group_lines(parsed.items, "EUR"))
    assert line.sold is None

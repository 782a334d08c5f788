from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from hub.hookspecs import StoreInfo
from hub.mapping.functions import FUNCTIONS
from hub.mapping.values import Call, Literal, Template, ValueNotationError, read_value, suggest, work_out
from tests.support.cin7 import delivery, item, price, rma

DOCUMENT: dict[str, Any] = {
    "rmaSummary": {"cancelReason": "changed mind", "rejectReason": "worn"},
    "shipments": [
        {"isOutbound": 1, "trackingNumber": "OUT", "returnAddress": {"name": "Nowhere"}},
        {
            "isOutbound": 0,
            "trackingNumber": "1Z",
            "returnAddress": {"name": "Warehouse"},
            "shippingDate": "2026-03-02",
            "expectedDeliveryDate": "2026-03-05",
        },
    ],
    "transactions": [
        {"type": "StoreCredit", "amount": {"amount": Decimal("12.50")}, "expirationDate": "2027-01-01"},
        {"type": "Refund", "processor": "stripe", "amount": {"amount": 1}},
    ],
}
FULL = delivery(returned=rma(document=DOCUMENT))


def test_the_page_names_twenty_functions() -> None:
    assert len(FUNCTIONS) == 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("first_name", "Ann"),
        ("last_name", "Van Buren"),
        ("full_name", "Ann Van Buren"),
        ("rma_id", "41515515"),
        ("order_name", "#1001"),
        ("order_number", "1001"),
        ("carrier_location_name", "Warehouse"),
        ("store_name", "Test store"),
        ("store_url", "https://shop.example"),
        ("customer_support_url", "https://help.example"),
        ("cancel_reason", "changed mind"),
        ("reject_reason", "worn"),
        ("rma_status", "Approved"),
        ("payment_currency_code", "AUD"),
        ("credits", "12.50"),
        ("expire", "2027-01-01"),
        ("refund_provider", "stripe"),
        ("shipping_date", "2026-03-02"),
        ("expected_delivery_date", "2026-03-05"),
        ("tracking_number", "1Z"),
    ],
)
def test_each_function_gives_its_fact(name: str, text: str) -> None:
    assert FUNCTIONS[name].read(FULL) == text


def test_functions_without_a_fact_are_empty() -> None:
    items = (item(1), item(2, paid=price("1", "EUR"), tax=price("0", "EUR")))
    bare = delivery(
        returned=rma(
            order_name=None, shipments=(), items=items, document={"transactions": [7], "shipments": "x"}
        ),
        store=StoreInfo(name="Test store"),
    )
    empty = {name for name, function in FUNCTIONS.items() if function.read(bare) is None}
    assert empty == set(FUNCTIONS) - {"rma_id", "rma_status", "store_name"}


@pytest.mark.parametrize(("name", "number"), [("#12", "12"), ("12", "12"), ("EU/12-B", None), ("#", None)])
def test_an_order_number_is_read_from_plain_names_only(name: str, number: str | None) -> None:
    assert FUNCTIONS["order_number"].read(delivery(returned=rma(order_name=name))) == number


def test_the_three_ways_to_write_a_value() -> None:
    assert read_value({"function": "rma_id"}) == read_value("rma_id") == Call(name="rma_id")
    assert read_value({"literal": "rma_id"}) == Literal(value="rma_id")
    assert read_value("RMA_ID") == Literal(value="RMA_ID")
    assert read_value(14) == Literal(value=14)
    assert read_value(1.1) == Literal(value=Decimal("1.1"))
    assert read_value({"template": "{{{rma_id}}}"}) == Template(pieces=("{", Call(name="rma_id"), "}"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (None, "null"),
        ([1], "not a list"),
        ({}, "one of function, template and literal"),
        ({"function": "rma_id", "literal": 1}, "one of function"),
        ({"function": "rma_iD"}, "did you mean 'rma_id'"),
        ({"function": 3}, "takes text"),
        ({"template": "{order_nam}"}, "did you mean 'order_name'"),
        ({"template": "{"}, "lone"),
        ({"template": "a } b"}, "lone"),
        ({"literal": {"a": 1}}, "one value"),
        (float("nan"), "finite"),
    ],
)
def test_a_value_in_no_notation_is_refused_with_a_reason(raw: object, why: str) -> None:
    with pytest.raises(ValueNotationError, match=why):
        read_value(raw)


def test_a_template_is_filled_and_says_what_was_empty() -> None:
    worked = work_out(read_value({"template": "Return {rma_id} for {order_name}"}), FULL)
    assert (worked.value, worked.empty) == ("Return 41515515 for #1001", ())
    gap = work_out(read_value({"template": "{rma_id}/{expire}"}), delivery())
    assert (gap.value, gap.empty) == ("41515515/", ("expire",))
    none = work_out(read_value({"template": "x {expire}"}), delivery())
    assert (none.value, none.empty) == (None, ("expire",))
    assert work_out(read_value({"template": "plain"}), delivery()).value == "plain"


def test_origins_name_the_source() -> None:
    assert (
        work_out(read_value("rma_id"), FULL).origin == "the mapping: function rma_id, from `rmaSummary.rmaId`"
    )
    assert work_out(read_value(1), FULL).origin == "the mapping: a literal"


def test_only_near_misses_are_suggested() -> None:
    assert suggest("FreightTotal", ["freightTotal", "total"]) == "; did you mean 'freightTotal'?"
    assert suggest("zzz", ["freightTotal"]) == ""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cin7_omni.config import Settings
from connectors.cin7_omni.field_table import credit_note_fields
from connectors.cin7_omni.look_ups import Findings
from connectors.cin7_omni.models import CreditNoteRow, OrderRow
from connectors.cin7_omni.note import build_note
from connectors.cin7_omni.orders import FoundOrder
from connectors.cin7_omni.plans import make_plan
from connectors.cin7_omni.prices import RefusalError
from hub.rma import Item, Money
from tests.support.cin7 import delivery, item, price, rma

if TYPE_CHECKING:
    from hub.outcomes import Prepared

NOTHING = Findings()


def order(**fields: Any) -> Findings:
    row = OrderRow.read({"id": 9, "reference": "#1001", "lineItems": [], **fields})
    assert row is not None
    return Findings(order=FoundOrder(order=row))


def build(
    items: tuple[Item, ...] = (),
    findings: Findings = NOTHING,
    mapping: dict[str, Any] | None = None,
    returned: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
    **settings: Any,
) -> Prepared:
    of = rma(**{**({"items": items} if items else {}), **(returned or {})})
    made = Settings.model_validate(settings)
    plan = make_plan(delivery(returned=of, mapping=mapping or {}, **(given or {})), made)
    return build_note(plan, findings, made, plan.reference.text)


def record(prepared: Prepared) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(prepared.request, parse_float=Decimal)
    return value


def refusal(**arguments: Any) -> RefusalError:
    with pytest.raises(RefusalError) as error:
        build(**arguments)
    return error.value


def test_the_built_in_note_is_exact() -> None:
    prepared = build((item(1), item(2), item(3, sku="SKU-002", paid=price("5.50"), is_tax_included=False)))
    assert prepared.request == (
        '{"reference":"RMA 41515515/ORDER:#1001","salesReference":"#1001","isApproved":true,'
        '"creditNoteDate":"2026-03-01T10:30:00Z","memberEmail":"ann@example.com","currencyCode":"AUD",'
        '"taxStatus":"Incl","internalComments":"[hub:d1 rma:41515515]","lineItems":['
        '{"code":"SKU-001","name":"Thing","qty":-2,"unitPrice":10.00},'
        '{"code":"SKU-002","name":"Thing","qty":-1,"unitPrice":6.50}]}'
    )
    assert prepared.total == Money(amount=Decimal("26.50"), currency="AUD")
    assert prepared.warnings == ()


def test_every_value_of_the_request_has_an_origin() -> None:
    mapping = {
        "customFields": {"orders_1004": "rma_id"},
        "accountingAttributes": {"accountingImportStatus": "DoNotImport"},
        "lineItems": {"lineComments": {"template": "back from {first_name}"}},
        "trackingCode": "tracking_number",
    }
    prepared = build(mapping=mapping, findings=order(memberId=5, branchId=3))

    def leaves(value: Any, path: str) -> list[str]:
        if isinstance(value, dict):
            return [
                leaf for key, each in value.items() for leaf in leaves(each, f"{path}.{key}" if path else key)
            ]
        if isinstance(value, list):
            return [leaf for index, each in enumerate(value) for leaf in leaves(each, f"{path}[{index}]")]
        return [path]

    assert set(leaves(record(prepared), "")) == set(prepared.origins)
    assert prepared.origins["lineItems[0].qty"] == "1 unit returned at this price"


def test_one_sku_at_two_prices_is_two_lines() -> None:
    lines = record(build((item(1), item(2, paid=price("7.00")), item(3))))["lineItems"]
    assert [(line["code"], line["qty"], line["unitPrice"]) for line in lines] == [
        ("SKU-001", -2, Decimal("10.00")),
        ("SKU-001", -1, Decimal("7.00")),
    ]


def test_an_item_without_sku_is_refused() -> None:
    assert "has no SKU" in refusal(items=(item(1, sku=" "),)).reason


AMOUNTS = st.decimals(min_value=0, max_value=99_999, places=2)
UNITS = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C"]), AMOUNTS, AMOUNTS, st.booleans()), min_size=1, max_size=12
)


@given(units=UNITS, currency=st.sampled_from(["AUD", "EUR", "JPY"]), prices=st.sampled_from(["gross", "net"]))
def test_the_total_is_what_was_paid_to_the_cent(
    units: list[tuple[str, Decimal, Decimal, bool]], currency: str, prices: str
) -> None:
    items = tuple(
        item(
            number,
            sku=sku,
            paid=price(str(paid), currency),
            tax=price(str(min(tax, paid)), currency),
            is_tax_included=included,
        )
        for number, (sku, paid, tax, included) in enumerate(units)
    )
    gross = sum(paid if included else paid + min(tax, paid) for _, paid, tax, included in units)
    net = sum(paid - min(tax, paid) if included else paid for _, paid, tax, included in units)
    prepared = build(items, prices=prices)
    expected = gross if prices == "gross" else net
    assert prepared.total == Money(amount=Decimal(expected), currency=currency)
    lines = record(prepared)["lineItems"]
    assert sum(-line["qty"] * line["unitPrice"] for line in lines) == expected
    for sku in {unit[0] for unit in units}:
        assert -sum(line["qty"] for line in lines if line["code"] == sku) == sum(
            unit[0] == sku for unit in units
        )
    assert record(prepared)["taxStatus"] == ("Incl" if prices == "gross" else "Excl")


TWO_CURRENCIES = {
    "paid": price("100.00", "USD", shop="150.00", shop_currency="AUD"),
    "tax": price("0", "USD", shop="0", shop_currency="AUD"),
}


@pytest.mark.parametrize(
    ("currency", "amount"), [(None, "150.00"), ("AUD", "150.00"), ("USD", "100.00"), ("usd", "100.00")]
)
def test_the_currency_is_the_sales_orders_else_the_shops(currency: str | None, amount: str) -> None:
    prepared = build((item(1, **TWO_CURRENCIES),), order(currencyCode=currency))
    assert prepared.total == Money(amount=Decimal(amount), currency=(currency or "AUD").upper())


def test_a_currency_that_fits_nothing_is_a_persons_business() -> None:
    error = refusal(items=(item(1, **TWO_CURRENCIES),), findings=order(currencyCode="EUR"))
    assert error.reason == "the sales order is in EUR, and the return was paid in AUD and USD"
    mixed = (item(1), item(2, paid=price("1", "EUR"), tax=price("0", "EUR")))
    assert "several currencies (AUD, EUR)" in refusal(items=mixed).reason
    mapped = build((item(1, **TWO_CURRENCIES),), mapping={"currencyCode": "USD"})
    assert mapped.total == Money(amount=Decimal("100.00"), currency="USD")


def test_the_customer_comes_from_the_order_else_the_address() -> None:
    assert record(build(findings=order(memberId=5)))["memberId"] == 5
    assert "memberEmail" not in record(build(findings=order(memberId=5)))
    assert record(build(findings=order()))["memberEmail"] == "ann@example.com"
    nobody = build(returned={"shipments": ()})
    assert not {"memberId", "memberEmail"} & record(nobody).keys()
    assert "linked to none" in nobody.warnings[0]
    assert "memberEmail" not in record(build(mapping={"memberId": 7}))


def test_the_branch_comes_from_the_method_else_the_order_else_nowhere() -> None:
    assert record(build(findings=order(branchId=3), given={"location_id": " 8 "}))["branchId"] == 8
    assert record(build(findings=order(branchId=3)))["branchId"] == 3
    assert "branchId" not in record(build())
    assert "not a Cin7 branch id" in refusal(given={"location_id": "Sydney"}).reason


def test_lines_take_the_product_option_that_the_order_sold() -> None:
    lines = [
        {"code": "SKU-001", "productOptionId": 71},
        {"code": "STYLE", "productOptionId": 72, "sizes": [{"code": "SKU-002"}]},
        {"code": "X", "productOptionId": 73, "barcode": "999"},
        {"code": "SKU-004", "productOptionId": 74, "parentId": 5},
    ]
    items = (
        item(1),
        item(2, sku="SKU-002"),
        item(3, sku="SKU-003", barcode="999"),
        item(4, sku="SKU-004"),
    )
    prepared = build(items, order(lineItems=lines))
    assert [line.get("productOptionId") for line in record(prepared)["lineItems"]] == [71, 72, 73, None]
    assert prepared.warnings == ("SKU SKU-004 is not on the sales order #1001",)


def test_an_order_found_by_the_customers_number_lends_its_reference() -> None:
    prepared = build(findings=order(reference="SO-77", customerOrderNo="#1001"))
    assert record(prepared)["salesReference"] == "SO-77"
    assert "found by the customer's number" in prepared.warnings[0]


def test_an_order_that_is_not_there_is_warned_of_or_refused() -> None:
    missing = Findings(order=FoundOrder(warning="Cin7 holds no sales order named '#1001'"))
    assert build(findings=missing).warnings == ("Cin7 holds no sales order named '#1001'",)
    assert "no sales order" in refusal(findings=missing, look_up_orders="required").reason


def test_a_second_credit_on_the_order_goes_to_a_person() -> None:
    other = CreditNoteRow.read({"id": 4, "reference": "CN-4", "salesReference": "#1001"})
    assert other is not None
    error = refusal(findings=Findings(others=(other,)))
    assert "CN-4 (id 4)" in error.reason
    assert "hub deliveries resolve" in error.fix


@pytest.mark.parametrize(
    ("mapping", "order_name", "reference", "sales_reference"),
    [
        ({}, "ORE-1254151", "RMA 41515515/ORDER:ORE-1254151", "ORE-1254151"),
        ({}, "ORE-12541512", "RMA 41515515", "ORE-12541512"),
        ({}, None, "RMA 41515515", "5001"),
        ({"reference": {"prefix": "RG:", "content": "orderName"}}, "STORE-AU12345", "RG:STORE-AU12345", None),
        ({"reference": {"prefix": "RG:"}}, "ORE-1254151", "RG:RMA 41515515", None),
        ({"reference": {"content": "default"}}, "#1", "RMA 41515515/ORDER:#1", None),
        ({"reference": {"content": "orderId"}}, "#1", "5001", None),
        ({"reference": {"prefix": "X-", "content": "rmaId"}}, "#1", "X-41515515", None),
        ({"reference": {"template": "R {rma_id}"}}, "#1", "R 41515515", None),
        ({"reference": "expire"}, "#1", "RMA 41515515/ORDER:#1", None),
        ({"salesReference": {"prefix": "RG:", "content": "orderName"}}, "#1", None, "RG:#1"),
        ({"salesReference": {"content": "default"}}, "#1", None, "RMA 41515515/ORDER:#1"),
        ({"salesReference": "order_name"}, "#1", None, "#1"),
    ],
)
def test_names_are_made_as_the_page_says(
    mapping: dict[str, Any], order_name: str | None, reference: str | None, sales_reference: str | None
) -> None:
    made = record(build(mapping=mapping, returned={"order_name": order_name}))
    assert reference in {None, made["reference"]}
    assert sales_reference in {None, made["salesReference"]}


def test_a_default_reference_that_does_not_fit_says_so() -> None:
    warning = build(returned={"order_name": "ORE-12541512"}).warnings[0]
    assert "has 31 characters and Cin7 takes 30, so it is 'RMA 41515515'" in warning


@pytest.mark.parametrize(
    ("mapping", "returned", "words"),
    [
        ({"reference": {"content": "orderName"}}, {"order_name": "N" * 31}, ("reference", "31", "30")),
        ({}, {"order_name": "N" * 51}, ("salesReference", "51", "50")),
        ({}, {"rma_id": "9" * 27}, ("reference", "31", "30")),
        ({"reference": {"content": "orderName"}}, {"order_name": " "}, ("reference", "order name")),
        ({}, {"order_name": None, "order_id": None}, ("names no order",)),
        ({"trackingCode": {"template": "{rma_id}" * 7}}, {}, ("trackingCode", "56", "50")),
        ({"logisticsStatus": "order_name"}, {}, ("logisticsStatus", "takes a number")),
        ({"creditNoteDate": "order_name"}, {}, ("creditNoteDate", "takes a date")),
    ],
)
def test_what_does_not_fit_is_refused_never_cut(
    mapping: dict[str, Any], returned: dict[str, Any], words: tuple[str, ...]
) -> None:
    error = refusal(mapping=mapping, returned=returned)
    assert all(word in error.reason for word in words)
    assert "mapping" in error.fix


def test_mapped_values_go_where_they_belong() -> None:
    mapping = {
        "alternativeAccountCode": "Mystore.com Sales",
        "logisticsStatus": 1,
        "creditNoteDate": "2026-03-02",
        "isApproved": False,
        "internalComments": {"template": "Return {rma_id} for {order_name}"},
        "customFields": {"orders_1004": "rma_id", "orders_1005": {"literal": "rma_id"}},
        "accountingAttributes": {"accountingImportStatus": "DoNotImport"},
        "lineItems": {"lineComments": "order_name", "accountCode": "400"},
        "projectName": "expire",
        "salesPersonId": "rma_id",
    }
    prepared = build((item(1), item(2, sku="B")), mapping=mapping)
    made = record(prepared)
    assert made["internalComments"] == "[hub:d1 rma:41515515] Return 41515515 for #1001"
    assert (made["creditNoteDate"], made["isApproved"], made["logisticsStatus"]) == (
        "2026-03-02T00:00:00Z",
        False,
        1,
    )
    assert made["customFields"] == {"orders_1004": "41515515", "orders_1005": "rma_id"}
    assert made["accountingAttributes"] == {"accountingImportStatus": "DoNotImport"}
    assert [line["lineComments"] for line in made["lineItems"]] == ["#1001", "#1001"]
    assert made["salesPersonId"] == 41515515
    assert "projectName" not in made
    assert prepared.warnings == (
        "expire is empty for this return, so the mapping of projectName is left out",
    )


def test_a_mapped_amount_that_changes_the_total_is_told() -> None:
    prepared = build(mapping={"freightTotal": 14, "freightDescription": "Return Shipping"})
    assert prepared.total == Money(amount=Decimal("24.00"), currency="AUD")
    assert prepared.warnings == ("the note credits 24.00 AUD, and what was paid comes to 10.00 AUD",)
    assert "taxStatus is mapped" in build(mapping={"taxStatus": "Exempt"}).warnings[0]


FEES = (
    item(
        1,
        restocking_fee=Money(amount=Decimal("1.00"), currency="AUD"),
        shipment_fee=Money(amount=Decimal("2.00"), currency="AUD"),
        shipment_id="s1",
    ),
    item(
        2,
        return_fee=Money(amount=Decimal("0.50"), currency="AUD"),
        shipment_fee=Money(amount=Decimal("2.00"), currency="AUD"),
        shipment_id="s1",
    ),
)


def test_fees_stand_where_the_setting_says() -> None:
    off = build(FEES)
    assert off.total == Money(amount=Decimal("20.00"), currency="AUD")
    assert "fees=off" in off.warnings[0]
    freight = build(FEES, fees="freight")
    assert record(freight)["freightTotal"] == Decimal("-3.50")
    assert freight.total == Money(amount=Decimal("16.50"), currency="AUD")
    assert freight.warnings == ()
    surcharge = build(FEES, fees="surcharge", fee_sign="plus")
    assert record(surcharge)["surcharge"] == Decimal("3.50")
    assert "surcharge" not in record(build(fees="surcharge"))
    foreign = item(1, return_fee=Money(amount=Decimal(1), currency="EUR"))
    assert "in EUR" in refusal(items=(foreign,), fees="freight").reason


def test_only_chosen_resolutions_are_credited() -> None:
    items = (
        item(1, resolution_name="Refund", resolution_type="RefundToPaymentMethod"),
        item(2, resolution_name="Exchange", resolution_type="Exchange"),
        item(3),
    )
    prepared = build(items, credited_resolutions="refundtopaymentmethod")
    assert prepared.total == Money(amount=Decimal("10.00"), currency="AUD")
    assert prepared.warnings == (
        "item i2 is left off: its resolution (Exchange) is not credited",
        "item i3 is left off: its resolution (none) is not credited",
    )
    assert "no item" in refusal(items=items[1:], credited_resolutions="Refund").reason
    assert build(items).total == Money(amount=Decimal("30.00"), currency="AUD")


def test_a_note_never_carries_what_cin7_refuses() -> None:
    made = record(build(findings=order(memberId=5, branchId=3), fees="freight", mapping={"phone": "1"}))
    table = credit_note_fields()
    assert all(name in table and not table[name].why_not for name in made)
    lines = table["lineItems"].fields
    assert all(name in lines and not lines[name].why_not for line in made["lineItems"] for name in line)
    assert "completedDate" not in made


def test_a_wrong_stored_mapping_is_refused_not_guessed() -> None:
    assert "freightTotl" in refusal(mapping={"freightTotl": 1}).reason

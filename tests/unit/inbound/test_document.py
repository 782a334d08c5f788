from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import EventError
from hub.inbound.document import parse_rma, read_method_type
from hub.inbound.strict_json import load
from hub.rma import MethodType, Money

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parents[2] / "samples"
ABSENT = object()

Document = dict[str, Any]


def change(document: Document, path: str, value: object) -> Document:
    """The document with the value at ``items.0.sku`` replaced, or taken out for ABSENT."""
    *parents, last = path.split(".")
    node: Any = document
    for key in parents:
        node = node[int(key)] if key.isdigit() else node[key]
    place: Any = int(last) if last.isdigit() else last
    if value is ABSENT:
        del node[place]
    else:
        node[place] = value
    return document


def problems_of(document: Document) -> tuple[str, ...]:
    with pytest.raises(EventError) as caught:
        parse_rma(document)
    assert caught.value.status == 422
    assert caught.value.fix
    return caught.value.problems


# --- what is read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_read_whole(path: Path) -> None:
    document = load(path.read_bytes())
    assert isinstance(document, dict)
    rma = parse_rma(document)
    assert rma.rma_id == document["rmaSummary"]["rmaId"]
    assert rma.order_name == document["rmaSummary"]["order_name"]
    assert [item.returned_item_id for item in rma.items] == [i["returnedItemId"] for i in document["items"]]
    assert [item.paid.customer.amount for item in rma.items] == [
        i["paidPrice"]["amount"] for i in document["items"]
    ]
    assert all(item.method and item.method.kind for item in rma.items)
    assert rma.approved_at == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


def test_all_of_the_many_are_read_to_the_cent() -> None:
    total = Decimal(0)
    rmas = []
    for line in (SAMPLES / "many.jsonl").read_bytes().splitlines():
        document = load(line)
        assert isinstance(document, dict)
        rmas.append(parse_rma(document))
        total += sum(i["paidPrice"]["shopAmount"] for i in document["items"])
    assert len({rma.rma_id for rma in rmas}) == 300
    assert sum(item.paid.shop.amount for rma in rmas for item in rma.items) == total


def test_the_document_is_kept_whole_with_keys_nobody_knows(document: Document) -> None:
    document["newThing"] = {"a": [1]}
    assert parse_rma(document).document["newThing"] == {"a": [1]}


def test_numeric_ids_become_text_and_blanks_around_an_id_do_not_make_another(document: Document) -> None:
    change(document, "rmaSummary.rmaId", 41515515)
    change(document, "items.0.returnedItemId", 7)
    change(document, "items.0.sku", 12)
    change(document, "orderDetails.orderId", 5)
    rma = parse_rma(document)
    assert (rma.rma_id, rma.items[0].returned_item_id, rma.items[0].sku, rma.order_id) == (
        "41515515",
        "7",
        "12",
        "5",
    )
    assert parse_rma(change(document, "rmaSummary.rmaId", " 41515515\n")).rma_id == "41515515"


def test_an_unknown_status_and_method_type_are_kept_as_they_came(document: Document) -> None:
    change(document, "rmaSummary.status", "Teleported")
    change(document, "items.0.returnMethod.type", "By drone")
    rma = parse_rma(document)
    assert rma.status == "Teleported"
    method = rma.items[0].method
    assert method is not None
    assert (method.type, method.kind) == ("By drone", None)


def test_descriptive_keys_may_be_absent_null_or_odd(document: Document) -> None:
    for key in ("barcode", "variantName", "fullName", "returnReason", "shipmentId", "followUpQuestions"):
        document["items"][0].pop(key, None)
    change(document, "items.0.resolutionName", None)
    change(document, "items.0.productName", ["odd"])
    change(document, "items.0.barcode", 5056210052149)
    for key in ("shipments", "createdAt", "comments"):
        document.pop(key)
    item = parse_rma(document).items[0]
    assert item.name == item.sku
    assert (item.return_reason, item.resolution_name, item.barcode) == (None, None, "5056210052149")


def test_the_order_name_comes_from_the_order_when_the_summary_has_none(document: Document) -> None:
    document["orderDetails"]["order_name"] = "#77"
    assert parse_rma(change(document, "rmaSummary.order_name", " ")).order_name == "#77"
    del document["orderDetails"]
    assert parse_rma(document).order_name is None


def test_the_customer_comes_from_an_inbound_shipment_only(document: Document) -> None:
    customer = parse_rma(document).customer
    assert customer is not None
    assert customer.email
    assert customer.street2 is None
    assert parse_rma(change(document, "shipments.0.isOutbound", 1)).customer is None
    change(document, "shipments.0.isOutbound", 0)
    assert parse_rma(change(document, "shipments.0.customerAddress", {"name": " "})).customer is None


@pytest.mark.parametrize("value", [True, 1, "true", "TRUE", " 1 ", Decimal("1.0")])
def test_yes_is_read_in_every_spelling(document: Document, value: object) -> None:
    assert parse_rma(change(document, "items.0.taxIncluded", value)).items[0].is_tax_included is True


@pytest.mark.parametrize("value", [False, 0, "false", "0", Decimal(0)])
def test_no_is_read_in_every_spelling(document: Document, value: object) -> None:
    assert parse_rma(change(document, "items.0.taxIncluded", value)).items[0].is_tax_included is False


@pytest.mark.parametrize(
    ("wording", "kind"),
    [
        ("No shipment required", MethodType.NO_SHIPMENT_REQUIRED),
        ("Return to Drop-Off Location", MethodType.DROP_OFF),
        ("Return to drop off location", MethodType.DROP_OFF),
        ("return to store location", MethodType.DROP_OFF),
        ("Ship With Any Carrier", MethodType.ANY_CARRIER),
        ("Ship with pre-paid label", MethodType.PREPAID_LABEL),
        ("SHIP  WITH PREPAID LABEL ", MethodType.PREPAID_LABEL),
        ("ship_with_prepaid_label", MethodType.PREPAID_LABEL),
        ("Ship", None),
        ("", None),
    ],
)
def test_method_types_are_compared_without_case_blanks_and_hyphens(
    wording: str, kind: MethodType | None
) -> None:
    assert read_method_type(wording) is kind


@pytest.mark.parametrize("method", [ABSENT, None, {}, {"name": " ", "type": None}])
def test_an_item_without_a_return_method_is_read(document: Document, method: object) -> None:
    assert parse_rma(change(document, "items.0.returnMethod", method)).items[0].method is None


# --- times --------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is not UTC."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_times_are_utc_and_one_without_an_offset_is_taken_as_utc(document: Document) -> None:
    change(document, "lastUpdated", "2026-03-01T10:30:00+02:00")
    change(document, "createdAt", "2026-03-01T09:00:00")
    rma = parse_rma(document)
    assert rma.last_updated_at == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert rma.created_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert rma.created_at.tzinfo is UTC


def test_a_reopened_rma_counts_from_its_last_approval(document: Document) -> None:
    document["rmaSummary"]["events"] += [
        {"eventName": "Rma_Approved", "eventDate": "2026-03-05T08:00:00Z"},
        {"eventName": "RMA_STATUS_UPDATED", "eventDate": "2026-03-06T08:00:00Z"},
        {"eventName": "RMA_APPROVED", "eventDate": "soon"},
        "odd",
    ]
    assert parse_rma(document).approved_at == datetime(2026, 3, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize("events", [None, [], "odd", [{"eventName": "RMA_CREATED"}]])
def test_an_rma_whose_history_names_no_approval_has_none(document: Document, events: object) -> None:
    assert parse_rma(change(document, "rmaSummary.events", events)).approved_at is None


@pytest.mark.parametrize("value", ["yesterday", 5, "", True, "0001-01-01T00:00:00+23:59"])
def test_an_unreadable_last_updated_is_a_problem_since_it_tells_older_from_newer(
    document: Document, value: object
) -> None:
    assert [p.split(":")[0] for p in problems_of(change(document, "lastUpdated", value))] == ["lastUpdated"]


def test_an_absent_last_updated_is_none(document: Document) -> None:
    assert parse_rma(change(document, "lastUpdated", ABSENT)).last_updated_at is None


# --- identity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["rmaSummary.rmaId", "rmaSummary.status", "items.1.returnedItemId"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (ABSENT, "is missing"),
        (None, "is missing"),
        ("  ", "is blank"),
        (True, "is not text (true)"),
        (Decimal("1.5"), "is not text (1.5)"),
        (["1"], "is not text (a list)"),
        ("9" * 101, "is longer than 100 characters"),
        ("1\x1b[2J", "cannot be printed"),
        ("41\n42", "cannot be printed"),
    ],
)
def test_an_id_that_is_not_one_is_refused(document: Document, path: str, value: object, says: str) -> None:
    (problem,) = problems_of(change(document, path, value))
    assert problem.startswith(path.replace("items.1", "items[1]"))
    assert says in problem


def test_two_items_with_one_id_are_refused_also_when_one_is_a_number(document: Document) -> None:
    change(document, "items.0.returnedItemId", "7")
    (problem,) = problems_of(change(document, "items.1.returnedItemId", 7))
    assert problem == "items[1].returnedItemId: is that of items[0] too ('7')"


@pytest.mark.parametrize(
    ("value", "says"), [(ABSENT, "is missing"), ({}, "is not a list (an object)"), ("x", "is not a list")]
)
def test_items_must_be_a_list(document: Document, value: object, says: str) -> None:
    (problem,) = problems_of(change(document, "items", value))
    assert problem.startswith("items: ")
    assert says in problem


def test_an_item_that_is_no_object_is_refused(document: Document) -> None:
    assert problems_of(change(document, "items.1", None)) == ("items[1]: is missing",)
    assert problems_of(change(document, "items.1", 3)) == ("items[1]: is not an object (3)",)


def test_no_items_at_all_is_an_rma(document: Document) -> None:
    assert parse_rma(change(document, "items", [])).items == ()


def test_a_sku_or_a_method_that_is_no_text_is_refused(document: Document) -> None:
    change(document, "items.0.sku", {"a": 1})
    change(document, "items.1.returnMethod", "UPS label")
    assert [problem.split(":")[0] for problem in problems_of(document)] == [
        "items[0].sku",
        "items[1].returnMethod",
    ]


@pytest.mark.parametrize("summary", [ABSENT, None, "Approved", []])
def test_an_rma_without_a_summary_is_refused(document: Document, summary: object) -> None:
    assert problems_of(change(document, "rmaSummary", summary))[0].startswith("rmaSummary: is ")


# --- money --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (-3, "is negative (-3)"),
        (Decimal("-0.01"), "is negative"),
        ("-3", "is negative (-3)"),
        (True, "is not a plain decimal number (true)"),
        (1.5, "is not a plain decimal number (1.5)"),
        (Decimal("NaN"), "is not a number"),
        (Decimal("sNaN"), "is not a number"),
        (Decimal("Infinity"), "is not a number"),
        ("NaN", "is not a plain decimal number"),
        ("1e3", "is not a plain decimal number"),
        ("1,50", "is not a plain decimal number"),
        ("١٢", "is not a plain decimal number"),
        ("", "is not a plain decimal number"),
        ([], "is not a plain decimal number (a list)"),
        (Decimal("1e400"), "more than 12 digits"),
        (Decimal("1e-400"), "more than 6 decimals"),
        (1_000_000_000_000, "more than 12 digits"),
        (Decimal("1.0000001"), "more than 6 decimals"),
    ],
)
@pytest.mark.parametrize("path", ["paidPrice.amount", "paidPrice.shopAmount", "paidTax.amount", "returnFee"])
def test_an_amount_that_is_not_one_is_refused(
    document: Document, path: str, value: object, says: str
) -> None:
    problems = problems_of(change(document, f"items.1.{path}", value))
    assert len(problems) == 1
    assert problems[0].startswith(f"items[1].{path}: ")
    assert says in problems[0]


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (5, "5"),
        ("12.50", "12.50"),
        (Decimal("12.500000000"), "12.500000"),
        (Decimal("1E+2"), "100"),
        (Decimal("-0.00"), "0.00"),
        (Decimal("0E+400"), "0"),
        (999_999_999_999, "999999999999"),
        (Decimal("0.000001"), "0.000001"),
    ],
)
def test_an_amount_is_exact_and_has_one_spelling(document: Document, value: object, amount: str) -> None:
    item = parse_rma(change(document, "items.0.paidPrice.amount", value)).items[0]
    assert str(item.paid.customer.amount) == amount


def test_currencies_are_three_letters_in_upper_case(document: Document) -> None:
    for key in ("paidPrice", "paidTax"):
        change(document, f"items.0.{key}.currency", " eur ")
    assert parse_rma(document).items[0].paid.customer.currency == "EUR"
    for wrong in ("EURO", "€", "", 978, "ÄÖÜ"):
        (problem,) = problems_of(change(copy.deepcopy(document), "items.0.paidPrice.currency", wrong))
        assert problem.startswith("items[0].paidPrice.currency: is not a currency")
    (problem,) = problems_of(change(document, "items.0.paidPrice.shopCurrency", None))
    assert problem == "items[0].paidPrice.shopCurrency: is missing, though there is an amount"


@pytest.mark.parametrize("gone", [("amount", "currency"), ("shopAmount", "shopCurrency")])
def test_one_currency_pair_stands_for_both(document: Document, gone: tuple[str, str]) -> None:
    for money in ("paidPrice", "paidTax"):
        for key in gone:
            change(document, f"items.0.{money}.{key}", None)
    item = parse_rma(document).items[0]
    assert item.paid.customer == item.paid.shop
    assert item.tax.customer == item.tax.shop


def test_a_pair_without_its_amount_but_with_another_currency_is_refused(document: Document) -> None:
    change(document, "items.0.paidPrice.shopAmount", None)
    change(document, "items.0.paidPrice.shopCurrency", "CHF")
    assert (
        problems_of(document)[0] == "items[0].paidPrice.shopAmount: is missing, though shopCurrency is 'CHF'"
    )


@pytest.mark.parametrize("paid", [ABSENT, None, {}, {"amount": None, "currency": "EUR"}, 12, [12]])
def test_an_item_without_a_price_is_refused(document: Document, paid: object) -> None:
    (problem,) = problems_of(change(document, "items.0.paidPrice", paid))
    assert problem.startswith("items[0].paidPrice: ")


@pytest.mark.parametrize("tax", [ABSENT, None, {}, {"amount": None, "currency": "AUD", "shopAmount": None}])
def test_an_absent_tax_is_zero_in_the_currencies_of_the_price(document: Document, tax: object) -> None:
    change(document, "items.0.paidPrice.currency", "CHF")
    item = parse_rma(change(document, "items.0.paidTax", tax)).items[0]
    assert item.tax.customer == Money(amount=Decimal(0), currency="CHF")
    assert item.tax.shop == Money(amount=Decimal(0), currency=item.paid.shop.currency)


def test_a_tax_in_another_currency_than_the_price_is_refused(document: Document) -> None:
    (problem,) = problems_of(change(document, "items.0.paidTax.shopCurrency", "CHF"))
    assert problem.startswith("items[0].paidTax.shopCurrency: is CHF, but paidPrice is in ")


def test_a_tax_known_in_one_of_two_currencies_only_is_refused_unless_zero(document: Document) -> None:
    item = document["items"][0]
    item["paidPrice"] = {"amount": 10, "currency": "EUR", "shopAmount": 11, "shopCurrency": "USD"}
    item["paidTax"] = {"amount": 1, "currency": "EUR"}
    assert problems_of(copy.deepcopy(document)) == (
        "items[0].paidTax.shopAmount: is missing, so the tax in USD is not known",
    )
    item["paidTax"]["amount"] = 0
    assert parse_rma(document).items[0].tax.shop == Money(amount=Decimal(0), currency="USD")


def test_unsaid_tax_inclusion_is_a_problem_only_where_there_is_tax(document: Document) -> None:
    change(
        document, "items.0.paidTax", {"amount": 1, "currency": document["items"][0]["paidPrice"]["currency"]}
    )
    change(document, "items.0.taxIncluded", None)
    (problem,) = problems_of(document)
    assert problem.startswith("items[0].taxIncluded: is missing, and the tax is not zero")
    assert parse_rma(change(document, "items.0.paidTax", None)).items[0].is_tax_included is True


@pytest.mark.parametrize("value", ["maybe", 2, -1, [], {}, Decimal("0.5"), Decimal("NaN")])
def test_a_tax_inclusion_that_is_neither_yes_nor_no_is_refused(document: Document, value: object) -> None:
    (problem,) = problems_of(change(document, "items.0.taxIncluded", value))
    assert "is neither true nor false" in problem


def test_a_fee_is_nothing_a_number_in_the_shops_currency_or_an_amount(document: Document) -> None:
    item = document["items"][0]
    item["paidPrice"] = {"amount": 10, "currency": "EUR", "shopAmount": 11, "shopCurrency": "USD"}
    item["paidTax"] = None
    item["restockingFee"] = Decimal("2.50")
    item["returnFee"] = {"amount": 3, "currency": "EUR", "shopAmount": "3.30", "shopCurrency": "USD"}
    item["shipmentFee"] = {"amount": 4, "currency": "EUR"}
    read = parse_rma(document).items[0]
    assert read.restocking_fee == Money(amount=Decimal("2.50"), currency="USD")
    assert read.return_fee == Money(amount=Decimal("3.30"), currency="USD")
    assert read.shipment_fee == Money(amount=Decimal(4), currency="EUR")
    assert parse_rma(document).items[1].restocking_fee is None


# --- all at once --------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_told_at_once(document: Document) -> None:
    change(document, "rmaSummary.status", None)
    change(document, "items.0.paidPrice.amount", -3)
    change(document, "items.0.paidTax.amount", "x")
    change(document, "items.1.returnedItemId", None)
    change(document, "items.1.returnFee", -1)
    change(document, "lastUpdated", "never")
    with pytest.raises(EventError) as caught:
        parse_rma(document)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "rmaSummary.status",
        "items[0].paidPrice.amount",
        "items[0].paidTax.amount",
        "items[1].returnedItemId",
        "items[1].returnFee",
        "lastUpdated",
    ]
    assert str(caught.value).startswith("read RMA 41501000: rmaSummary.status: is missing; ")
    assert "submit it again" in caught.value.fix


def test_a_wrong_order_name_is_told_too(document: Document) -> None:
    assert problems_of(change(document, "rmaSummary.order_name", ["#1"])) == (
        "rmaSummary.order_name: is not text (a list)",
    )


def test_at_most_twenty_problems_are_listed(document: Document) -> None:
    problems = problems_of(change(document, "items", [None] * 100))
    assert len(problems) == 20
    assert problems[18] == "items[18]: is missing"
    assert problems[19] == "and 81 more problems"


# --- whatever comes -----------------------------------------------------------------------------------

TEXT = st.text("aZ09 -.é€\n\x1b\u0661", max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | TEXT
    | st.sampled_from(["", "-1", "1e400", "EUR", "2026-03-01", "0001-01-01T00:00+23:59"])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def places(node: object) -> list[tuple[Any, Any]]:
    """Every container in the document with each of its keys."""
    keys: list[Any] = list(node) if isinstance(node, dict) else []
    if isinstance(node, list):
        keys = list(range(len(node)))
    found: list[tuple[Any, Any]] = []
    for key in keys:
        child = node[key]  # type: ignore[index]
        found += [(node, key), *places(child)]
    return found


@given(document=st.dictionaries(st.sampled_from(["rmaSummary", "items", "shipments"]), JSON))
def test_arbitrary_json_gives_an_event_error(document: Document) -> None:
    assert 1 <= len(problems_of(document)) <= 20


@given(data=st.data())
def test_an_rma_spoilt_anywhere_gives_an_rma_or_an_event_error(data: st.DataObject) -> None:
    document: Any = load((SAMPLES / "one_item.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        node, key = data.draw(st.sampled_from(places(document)))
        node[key] = data.draw(JSON)
    try:
        rma = parse_rma(document)
    except EventError:
        return
    assert rma.rma_id
    assert len({item.returned_item_id for item in rma.items}) == len(rma.items) == len(document["items"])
    for item in rma.items:
        for money in (item.paid.customer, item.paid.shop, item.tax.customer, item.tax.shop):
            assert money.amount.is_finite()
            assert money.amount >= 0
            assert len(money.currency) == 3
        assert item.tax.shop.currency == item.paid.shop.currency

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.outcomes import Receipt, ReceiptLine, ReceiptVerdict, ValidationState
from hub.rma import Item, Money, Price
from hub.rma_update.dealing import Dealt, ItemValidation, deal

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

Quantity = int | str | None


def money(amount: str) -> Price:
    each = Money(amount=Decimal(amount), currency="EUR")
    return Price(customer=each, shop=each)


def unit(item_id: str, sku: str | None = "A", price: str = "10", resolution: str = "Refund") -> Item:
    return Item(
        returned_item_id=item_id,
        sku=sku,
        name="Thing",
        paid=money(price),
        tax=money("0"),
        is_tax_included=True,
        resolution_type=resolution,
        method=None,
    )


def line(sku: str, received: Quantity, expected: int | str) -> ReceiptLine:
    count = None if received is None else Decimal(received)
    return ReceiptLine(sku=sku, expected=Decimal(expected), received=count)


def receipt(
    *lines: ReceiptLine,
    verdict: ReceiptVerdict = ReceiptVerdict.PROCESS,
    is_complete: bool = False,
    reason: str = "goods were booked in",
) -> Receipt:
    return Receipt(
        document_id="123",
        reference="RMA 415",
        verdict=verdict,
        reason=reason,
        is_complete=is_complete,
        received_at=NOW - timedelta(hours=2),
        lines=lines,
        seen_at=NOW,
    )


def said(*, is_returned: bool | None = True) -> ItemValidation:
    return ItemValidation(
        is_returned=is_returned,
        is_restockable=None,
        validated_at=NOW - timedelta(days=1),
        source="someone",
        reason=None,
    )


ALIKE = (unit("1"), unit("2"), unit("3"))
UNLIKE = (unit("1"), unit("2"), unit("3", price="12"))


def assert_flagged(dealt: Dealt, says: str, changes: set[str] | None = None) -> None:
    assert dealt.state is ValidationState.FLAGGED
    assert says in " | ".join(dealt.flags)
    assert set(dealt.changes) == (changes or set())


# --- counts that fit ----------------------------------------------------------------------------------


def test_all_units_back_is_full_and_says_who_said_so() -> None:
    dealt = deal((unit("1"), unit("2", "B")), receipt(line("A", 1, 1), line("B", 1, 1)), {})
    assert dealt.state is ValidationState.FULL
    assert dealt.flags == ()
    assert list(dealt.changes) == ["1", "2"]
    assert dealt.changes["1"] == ItemValidation(
        is_returned=True, is_restockable=None, validated_at=NOW, source="document 123", reason=None
    )


def test_all_units_back_are_validated_also_when_they_differ_in_price() -> None:
    dealt = deal(UNLIKE, receipt(line("A", 3, 3)), {})
    assert (dealt.state, set(dealt.changes)) == (ValidationState.FULL, {"1", "2", "3"})


def test_units_that_are_alike_are_dealt_in_document_order() -> None:
    dealt = deal(ALIKE, receipt(line("A", 2, 3)), {})
    assert (dealt.state, list(dealt.changes), dealt.flags) == (ValidationState.PARTIAL, ["1", "2"], ())


def test_nothing_back_yet_is_none() -> None:
    assert deal(ALIKE, receipt(line("A", 0, 3)), {}) == Dealt(changes={}, state=ValidationState.NONE)


def test_the_rest_arriving_later_makes_it_full() -> None:
    first = deal(ALIKE, receipt(line("A", 1, 3)), {})
    second = deal(ALIKE, receipt(line("A", 3, 3), is_complete=True), first.changes)
    assert (second.state, list(second.changes), second.flags) == (ValidationState.FULL, ["2", "3"], ())


def test_lines_of_one_sku_at_several_prices_are_counted_together() -> None:
    lines = (line("A", 2, 2), line(" A ", 1, 1))
    assert deal(UNLIKE, receipt(*lines), {}).state is ValidationState.FULL


def test_skus_are_compared_without_case_where_that_leaves_one_product() -> None:
    assert deal((unit("1", " A "),), receipt(line("A ", 1, 1)), {}).state is ValidationState.FULL
    assert deal((unit("1", "a"),), receipt(line("A", 1, 1)), {}).state is ValidationState.FULL
    two = receipt(line("A", 1, 1), line("a", 1, 1))
    assert deal((unit("1", "a"), unit("2", "A")), two, {}).state is ValidationState.FULL
    assert_flagged(deal((unit("1", "\u00c4"),), receipt(line("A", 1, 1)), {}), "no line for SKU \u00c4")


def test_units_of_two_parcels_are_not_alike() -> None:
    units = tuple(replace(unit(each, "A"), shipment_id=f"S{each}") for each in ("1", "2"))
    assert_flagged(deal(units, receipt(line("A", 1, 2)), {}), "different parcels")
    assert deal(units, receipt(line("A", 2, 2)), {}).state is ValidationState.FULL


def test_the_same_receipt_twice_changes_nothing() -> None:
    found = receipt(line("A", 2, 3))
    first = deal(ALIKE, found, {})
    again = deal(ALIKE, found, first.changes)
    assert (again.changes, again.state) == ({}, ValidationState.PARTIAL)


# --- verdicts -----------------------------------------------------------------------------------------


def test_a_flag_receipt_validates_nothing_and_hands_on_its_reason() -> None:
    found = receipt(line("A", 3, 3), verdict=ReceiptVerdict.FLAG, reason="the note was voided")
    dealt = deal(ALIKE, found, {})
    assert dealt == Dealt(changes={}, state=ValidationState.FLAGGED, flags=("the note was voided",))
    assert deal(ALIKE, replace(found, reason=""), {}).flags != ("",)


def test_an_ignored_receipt_changes_neither_items_nor_state() -> None:
    assert deal(ALIKE, receipt(line("A", 3, 3), verdict=ReceiptVerdict.IGNORE), {}) == Dealt(
        changes={}, state=None
    )


# --- counts that do not fit ---------------------------------------------------------------------------


def test_an_unknown_quantity_is_never_all() -> None:
    dealt = deal(ALIKE, receipt(line("A", None, 3), is_complete=True), {})
    assert_flagged(dealt, "does not say how many of SKU A")
    assert_flagged(deal(ALIKE, receipt(line("A", 2, 2), line("A", None, 1)), {}), "does not say how many")


@pytest.mark.parametrize(
    ("received", "expected", "says"),
    [
        (4, 3, "4 of SKU A arrived, more than the 3"),
        (3, 2, "asks for 2 of SKU A, but the RMA has 3"),
        (3, 4, "asks for 4 of SKU A, but the RMA has 3"),
        ("1.5", 3, "not a whole number"),
        (3, "3.5", "not a whole number"),
        (-1, 3, "not a whole number"),
        ("NaN", 3, "not a whole number"),
        ("1e999999999", 3, "not a whole number"),
    ],
)
def test_a_count_that_does_not_match_is_flagged_and_other_skus_are_dealt(
    received: str, expected: str, says: str
) -> None:
    items = (*ALIKE, unit("9", "B"))
    dealt = deal(items, receipt(line("A", received, expected), line("B", 1, 1)), {})
    assert_flagged(dealt, says, {"9"})
    assert len(dealt.flags) == 1


def test_a_sku_the_document_lacks_is_flagged_and_the_others_are_dealt() -> None:
    dealt = deal((unit("1"), unit("2", "B")), receipt(line("A", 1, 1)), {})
    assert_flagged(dealt, "no line for SKU B", {"1"})


def test_a_line_that_is_on_no_item_is_flagged() -> None:
    dealt = deal(ALIKE, receipt(line("A", 3, 3), line("X", 1, 1)), {})
    assert_flagged(dealt, "a line for SKU X, which no credited item has", {"1", "2", "3"})
    assert_flagged(deal(ALIKE, receipt(line("A", 3, 3), line(" ", 1, 1)), {}), "no SKU", {"1", "2", "3"})


@pytest.mark.parametrize("sku", [None, "", " "])
def test_an_item_without_a_sku_cannot_be_counted(sku: str | None) -> None:
    dealt = deal((unit("1", sku), unit("2")), receipt(line("", 1, 1), line("A", 1, 1)), {})
    assert_flagged(dealt, "item 1 has no SKU", {"2"})


def test_a_document_without_lines_is_flagged() -> None:
    assert_flagged(deal(ALIKE, receipt(), {}), "no line for SKU A")


@pytest.mark.parametrize(
    "odd",
    [
        unit("3", price="12"),
        unit("3", resolution="StoreCredit"),
        replace(unit("3"), tax=money("1")),
        replace(unit("3"), restocking_fee=Money(amount=Decimal(1), currency="EUR")),
    ],
)
def test_some_of_units_that_are_not_alike_are_flagged_never_guessed(odd: Item) -> None:
    dealt = deal((unit("1"), unit("2"), odd), receipt(line("A", 2, 3)), {})
    assert_flagged(dealt, "differ in price or resolution")


def test_a_price_written_with_more_digits_is_the_same_price() -> None:
    items = (unit("1", price="10"), unit("2", price="10.00"))
    assert deal(items, receipt(line("A", 1, 2)), {}).state is ValidationState.PARTIAL


def test_units_missing_when_the_warehouse_is_done_are_flagged_and_stay_unvalidated() -> None:
    dealt = deal(ALIKE, receipt(line("A", 2, 3), is_complete=True), {})
    assert_flagged(dealt, "only 2 of 3 of SKU A arrived, and the warehouse is done", {"1", "2"})
    assert_flagged(deal(ALIKE, receipt(line("A", 0, 3), is_complete=True), {}), "only 0 of 3")


# --- what is held -------------------------------------------------------------------------------------


def test_fewer_than_validated_is_flagged_and_nothing_is_taken_back() -> None:
    held = {"1": said(), "2": said()}
    assert_flagged(
        deal(ALIKE, receipt(line("A", 1, 3)), held), "1 of SKU A arrived, but 2 are validated already"
    )


def test_units_validated_by_someone_else_count_towards_what_arrived() -> None:
    assert list(deal(ALIKE, receipt(line("A", 2, 3)), {"2": said()}).changes) == ["1"]
    assert deal(ALIKE, receipt(line("A", 1, 3)), {"2": said()}).changes == {}


def test_the_last_unlike_unit_is_certain_when_the_others_are_validated() -> None:
    dealt = deal(UNLIKE, receipt(line("A", 2, 3)), {"3": said()})
    assert (dealt.state, list(dealt.changes)) == (ValidationState.PARTIAL, ["1"])


def test_a_unit_held_as_not_returned_is_never_overwritten() -> None:
    held = {"1": said(is_returned=False)}
    assert_flagged(deal(ALIKE, receipt(line("A", 3, 3)), held), "held as not returned")
    dealt = deal(ALIKE, receipt(line("A", 2, 3)), held)
    assert (dealt.state, list(dealt.changes)) == (ValidationState.PARTIAL, ["2", "3"])


def test_a_held_validation_that_says_nothing_is_filled_in() -> None:
    assert list(deal((unit("1"),), receipt(line("A", 1, 1)), {"1": said(is_returned=None)}).changes) == ["1"]


def test_what_is_held_of_other_items_is_of_no_account() -> None:
    assert deal((unit("1"),), receipt(line("A", 0, 1)), {"kept": said()}).state is ValidationState.NONE


# --- whatever comes -----------------------------------------------------------------------------------

SKUS = st.sampled_from(["A", "B", "C"])
UNITS = st.lists(
    st.builds(
        unit,
        st.uuids().map(str),
        SKUS,
        st.sampled_from(["10", "10.00", "12"]),
        st.sampled_from(["Refund", "Exchange"]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda item: item.returned_item_id,
).map(tuple)
COUNTS = st.integers(0, 6).map(Decimal)
ODD = st.none() | st.decimals() | st.integers(-2, 9).map(Decimal)


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[Item, ...], Receipt, dict[str, ItemValidation]]:
    """Mostly receipts that could be, so that the dealing is reached; some odd in every way."""
    items = draw(UNITS)
    asked = Counter(str(item.sku) for item in items)
    lines = []
    for sku, count in asked.items():
        received = draw(st.integers(0, count).map(Decimal) | COUNTS | ODD)
        expected = draw(st.just(Decimal(count)) | COUNTS | st.decimals())
        lines.append(ReceiptLine(sku=sku, expected=expected, received=received))
    if draw(st.integers(0, 4)) == 0:
        lines.append(ReceiptLine(sku=draw(SKUS), expected=Decimal(1), received=draw(ODD)))
    verdict = draw(st.sampled_from([ReceiptVerdict.PROCESS, *ReceiptVerdict]))
    found = receipt(*lines, verdict=verdict, is_complete=draw(st.booleans()))
    ids = st.sampled_from([item.returned_item_id for item in items])
    held = draw(st.dictionaries(ids, st.sampled_from([said(), said(is_returned=False)]), max_size=3))
    return items, found, held


@given(cases())
def test_never_more_units_of_a_sku_are_validated_than_arrived(
    case: tuple[tuple[Item, ...], Receipt, dict[str, ItemValidation]],
) -> None:
    items, found, held = case
    dealt = deal(items, found, held)
    newly = Counter(item.sku for item in items if item.returned_item_id in dealt.changes)
    back = Counter(
        item.sku
        for item in items
        if item.returned_item_id in held and held[item.returned_item_id].is_returned
    )
    for sku, count in newly.items():
        arrived = [each.received for each in found.lines if each.sku == sku]
        assert count + back[sku] <= sum(Decimal(0) if each is None else each for each in arrived)
    assert found.verdict is ReceiptVerdict.PROCESS or not newly


@given(cases())
def test_what_is_held_stays_and_a_repeat_changes_nothing(
    case: tuple[tuple[Item, ...], Receipt, dict[str, ItemValidation]],
) -> None:
    items, found, held = case
    dealt = deal(items, found, held)
    assert not set(dealt.changes) & set(held)
    known = held | dict(dealt.changes)
    again = deal(items, found, known)
    assert (again.changes, again.state, again.flags) == ({}, dealt.state, dealt.flags)
    assert (dealt.state is ValidationState.FLAGGED) == bool(dealt.flags)
    if dealt.state is ValidationState.FULL:
        assert all(known[item.returned_item_id].is_returned for item in items)


def test_what_did_not_arrive_is_not_returned_when_the_merchant_chose_that() -> None:
    short = replace(receipt(line("A", 2, 3), is_complete=True), is_rest_not_returned=True)
    dealt = deal(ALIKE, short, {})
    assert {item_id: each.is_returned for item_id, each in dealt.changes.items()} == {
        "1": True,
        "2": True,
        "3": False,
    }
    assert dealt.changes["3"].reason == "it was not among the goods that arrived"
    assert (dealt.state, dealt.flags) == (ValidationState.PARTIAL, ())
    assert deal(ALIKE, short, dict(dealt.changes)).changes == {}


def test_unlike_units_are_not_told_apart_by_what_the_merchant_chose() -> None:
    short = replace(receipt(line("A", 2, 3), is_complete=True), is_rest_not_returned=True)
    assert_flagged(deal(UNLIKE, short, {}), "differ in price or resolution")


def test_an_unfinished_receipt_makes_nothing_not_returned() -> None:
    short = replace(receipt(line("A", 2, 3)), is_rest_not_returned=True)
    assert {each.is_returned for each in deal(ALIKE, short, {}).changes.values()} == {True}

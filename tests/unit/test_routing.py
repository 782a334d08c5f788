from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from hub.inbound.document import read_method_type
from hub.inbound.event import read_event
from hub.rma import Item, MethodRef, MethodType, Money, Price, Rma
from hub.routing import Decision, MethodBinding, Route, name_key, route

SAMPLES = Path(__file__).parents[1] / "samples"
UPS, KEEP = "UPS label", "Keep it"
PREPAID, KEPT = "Ship With Pre-Paid Label", "No shipment required"


def unit(number: int, method: str | None = UPS, wording: str = PREPAID) -> Item:
    price = Money(amount=Decimal(10), currency="EUR")
    none = Money(amount=Decimal(0), currency="EUR")
    ref = None
    if method is not None:
        ref = MethodRef(name=method, type=wording, kind=read_method_type(wording))
    return Item(
        returned_item_id=str(number),
        sku=f"SKU-{number}",
        name="Thing",
        paid=Price(customer=price, shop=price),
        tax=Price(customer=none, shop=none),
        is_tax_included=True,
        method=ref,
    )


def rma(*items: Item, status: str = "Approved") -> Rma:
    return Rma(rma_id="415", status=status, order_name="#1", order_id=None, items=items)


def bound(
    name: str = UPS,
    connection: str | None = "main",
    kind: MethodType = MethodType.PREPAID_LABEL,
    location: str | None = "3",
) -> dict[str, MethodBinding]:
    binding = MethodBinding(name=name, kind=kind, connection_id=connection, location_id=location)
    return {name_key(name): binding}


def ids(found: Route) -> list[str]:
    return [item.returned_item_id for item in found.items]


def assert_tells(found: Route, *, reason: str, fix: str = "") -> None:
    """A merchant can read it: one sentence, lower case, no full stop."""
    assert reason in found.reason
    assert fix in found.fix
    for text in (found.reason, found.fix):
        assert not text.endswith(".")
        assert text[:1] == text[:1].lower()


def test_an_approved_rma_goes_to_the_connection_and_location_of_its_method() -> None:
    found = route(rma(unit(1), unit(2)), bound())
    assert found == Route(
        decision=Decision.SEND,
        items=(unit(1), unit(2)),
        method=UPS,
        connection_id="main",
        location_id="3",
    )


@pytest.mark.parametrize("name", ["ups LABEL", " UPS  label ", "UPS\tlabel"])
def test_method_names_are_compared_without_case_and_extra_blanks(name: str) -> None:
    found = route(rma(unit(1, name)), bound())
    assert (found.decision, found.method) == (Decision.SEND, UPS)


@pytest.mark.parametrize("status", ["approved", " APPROVED "])
def test_the_status_is_compared_without_case(status: str) -> None:
    assert route(rma(unit(1), status=status), bound()).decision is Decision.SEND


@pytest.mark.parametrize("status", ["Pending", "Rejected", "Canceled", "pending"])
def test_an_rma_that_is_not_approved_makes_no_delivery(status: str) -> None:
    found = route(rma(unit(1), status=status), bound())
    assert (found.decision, found.items, found.fix) == (Decision.NONE, (), "")
    assert_tells(found, reason=status)


@pytest.mark.parametrize("status", ["Received", "Validated", "Done"])
def test_an_rma_first_seen_past_approval_waits_for_a_person(status: str) -> None:
    found = route(rma(unit(1), unit(2, KEEP, KEPT), status=status), bound())
    assert (found.decision, found.connection_id, ids(found)) == (Decision.ATTENTION, None, ["1"])
    assert_tells(found, reason="never saw it approved", fix="hub deliveries resolve <id> --note TEXT")


@pytest.mark.parametrize("status", ["Cancelled-ish", "Approved?"])
def test_an_unknown_status_word_waits_for_a_person(status: str) -> None:
    found = route(rma(unit(1), status=status), bound())
    assert found.decision is Decision.ATTENTION
    assert_tells(found, reason=f"does not know the RMA status '{status}'", fix="submit it again")


def test_a_kept_item_stays_off_with_its_reason() -> None:
    found = route(rma(unit(1, KEEP, KEPT), unit(2)), bound())
    assert (found.decision, ids(found)) == (Decision.SEND, ["2"])
    ((item, reason),) = found.kept
    assert item.returned_item_id == "1"
    assert (
        reason == "the customer keeps item 1 (SKU-1): return method 'Keep it' is of type No Shipment Required"
    )


def test_an_item_of_type_no_shipment_required_is_kept_even_when_its_method_sends() -> None:
    found = route(rma(unit(1, UPS, KEPT), unit(2)), bound())
    assert (ids(found), [item.returned_item_id for item, _ in found.kept]) == (["2"], ["1"])


def test_an_item_is_kept_when_its_method_is_set_up_as_no_shipment_required() -> None:
    methods = bound() | bound(KEEP, None, MethodType.NO_SHIPMENT_REQUIRED, None)
    found = route(rma(unit(1, KEEP, "some new wording"), unit(2)), methods)
    assert (found.decision, ids(found)) == (Decision.SEND, ["2"])


def test_a_kept_item_whose_method_has_no_name_is_kept() -> None:
    found = route(rma(unit(1, "", KEPT)), {})
    assert found.decision is Decision.SKIP
    assert found.kept[0][1].endswith("its return method is of type No Shipment Required")


def test_an_rma_whose_items_are_all_kept_is_skipped() -> None:
    found = route(rma(unit(1, KEEP, KEPT), unit(2, KEEP, KEPT)), bound())
    assert (found.decision, found.items, len(found.kept)) == (Decision.SKIP, (), 2)
    assert_tells(found, reason="the customer keeps every item")


def test_an_rma_without_items_is_skipped() -> None:
    assert_tells(route(rma(), bound()), reason="the RMA has no items")
    assert route(rma(), bound()).decision is Decision.SKIP


def test_do_not_update_is_skipped_and_says_how_to_change_that() -> None:
    found = route(rma(unit(1)), bound(connection=None))
    assert (found.decision, found.items, found.method) == (Decision.SKIP, (), UPS)
    assert_tells(
        found,
        reason="return method 'UPS label' is set to Do not update",
        fix="`hub methods set 'UPS label' --connection NAME`, then `hub deliveries retry <id>`",
    )


def test_an_unknown_method_waits_with_the_commands_that_make_it_known() -> None:
    found = route(rma(unit(1), unit(2, KEEP, KEPT)), {})
    assert (found.decision, ids(found), len(found.kept)) == (Decision.ATTENTION, ["1"], 1)
    assert_tells(
        found,
        reason="the hub does not know the return method 'UPS label'",
        fix="run `hub methods add 'UPS label' --type ship_with_prepaid_label` and "
        "`hub methods set 'UPS label' --connection NAME`, then run `hub deliveries retry <id>`",
    )


def test_an_unknown_method_of_an_unknown_type_leaves_the_type_to_the_person() -> None:
    assert "--type TYPE" in route(rma(unit(1, "Drone", "by air")), bound()).fix


def test_a_method_name_cannot_break_out_of_the_command_it_is_shown_in() -> None:
    assert "add '; rm -rf ~' --type" in route(rma(unit(1, "; rm -rf ~")), {}).fix


@pytest.mark.parametrize("name", [None, "", "  "])
def test_an_item_without_a_method_waits_for_a_person(name: str | None) -> None:
    found = route(rma(unit(1, name), unit(2)), bound())
    assert found.decision is Decision.ATTENTION
    assert_tells(
        found, reason="item 1 (SKU-1) names no return method", fix="return method in the returns platform"
    )


def test_many_items_without_a_method_are_not_all_named() -> None:
    found = route(rma(*(unit(n, None) for n in range(8))), bound())
    assert "item 4 (SKU-4) and 3 more name no return method" in found.reason


def test_two_sending_methods_on_one_rma_wait_for_a_person() -> None:
    found = route(rma(unit(1), unit(2, "Shop")), bound() | bound("Shop", "other"))
    assert (found.decision, ids(found), found.connection_id) == (Decision.ATTENTION, ["1", "2"], None)
    assert_tells(found, reason="'UPS label' and 'Shop'", fix="one return method")


def test_a_sending_method_beside_one_that_does_not_update_waits_for_a_person() -> None:
    found = route(rma(unit(1), unit(2, "Shop")), bound() | bound("Shop", None))
    assert found.decision is Decision.ATTENTION


def test_two_methods_that_do_not_update_are_skipped() -> None:
    found = route(rma(unit(1), unit(2, "Shop")), bound(connection=None) | bound("Shop", None))
    assert (found.decision, found.method) == (Decision.SKIP, None)


@pytest.mark.parametrize(
    ("sample", "decision", "sent", "kept"),
    [
        ("one_item", Decision.SEND, 2, 0),
        ("all_kept", Decision.SKIP, 0, 4),
        ("mixed_with_kept_item", Decision.SEND, 2, 1),
        ("still_pending", Decision.NONE, 0, 0),
        ("no_customer_address", Decision.SEND, 10, 0),
        ("long_order_name", Decision.SEND, 7, 0),
        ("order_name_with_quote", Decision.SEND, 6, 0),
    ],
)
def test_every_sample_ends_where_a_person_would_put_it(
    sample: str, decision: Decision, sent: int, kept: int
) -> None:
    methods = bound() | bound("Send it yourself") | bound("Store return")
    found = route(read_event((SAMPLES / f"{sample}.json").read_bytes()).rma, methods)
    assert (found.decision, len(found.items), len(found.kept)) == (decision, sent, kept)

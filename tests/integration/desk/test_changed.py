"""Changes after the note: other money, units or another customer are flagged, and nothing else is."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from hub.inbound.accept import accept
from hub.merchant import deliveries, mappings
from hub.merchant.connections import edit as edit_connection
from hub.outcomes import Status, ValidationState
from hub.store.models import Delivery, Rma
from tests.support.documents import event, rma, unit
from tests.support.notes import make_order

if TYPE_CHECKING:
    from tests.support.stage import Stage

EARLY, LATER, LAST = (f"2026-03-0{day}T10:00:00+00:00" for day in (1, 2, 3))


async def submit(stage: Stage, *units: Any, updated: str = EARLY, **others: Any) -> None:
    document = rma("901", *units, order_name="#901", updated=updated, **others)
    clock, registry = stage.hub.clock, stage.hub.registry
    await accept(clock, stage.store, event(document), source="test", registry=registry)


async def credited(stage: Stage, *units: Any, **others: Any) -> None:
    await submit(stage, *units, **others)
    await stage.settle()
    assert (await stage.delivery("901")).status is Status.DONE


async def flag(stage: Stage) -> str | None:
    row = await Rma.get(rma_id="901")
    assert (row.validation is ValidationState.FLAGGED) == (row.contradiction is not None)
    return row.contradiction


def fee(number: int, amount: str) -> Any:
    return {**unit(number, amount="50.00"), "returnFee": Decimal(amount)}


def exchange(number: int) -> Any:
    return {**unit(number), "resolutionName": "Exchange", "resolutionType": "InstantVariantExchange"}


def at(email: str | None, name: str = "Kim") -> list[dict[str, Any]]:
    return [{"shipmentId": "S1", "customerAddress": {"name": name, "email": email}}]


async def test_fee_that_was_raised_is_flagged_with_both_figures(stage: Stage) -> None:
    await edit_connection(stage.hub, await stage.connection(), {"fees": "freight"})
    await credited(stage, fee(1, "15"))
    await submit(stage, fee(1, "25"), updated=LATER)
    said = await flag(stage)
    assert said is not None
    assert "35.00 EUR was due then and 25.00 EUR is due now" in said


async def test_fee_that_the_note_leaves_off_changes_nothing(stage: Stage) -> None:
    await credited(stage, fee(1, "15"))
    await submit(stage, fee(1, "25"), updated=LATER)
    assert await flag(stage) is None


async def test_exchange_that_becomes_a_refund_is_flagged(stage: Stage) -> None:
    await edit_connection(stage.hub, await stage.connection(), {"credited_resolutions": "Refund"})
    await credited(stage, unit(1), exchange(2))
    await submit(stage, unit(1), unit(2), updated=LATER)
    assert "10.00 EUR was due then and 20.00 EUR is due now" in (await flag(stage) or "")


@pytest.mark.parametrize(("then", "now"), [("Keep it", "UPS label"), ("UPS label", "Keep it")])
async def test_kept_item_that_is_to_come_back_is_flagged_and_the_other_way_round(
    stage: Stage, then: str, now: str
) -> None:
    await credited(stage, unit(1), unit(2, method=then))
    await submit(stage, unit(1), unit(2, method=now), updated=LATER)
    assert await flag(stage) is not None


async def test_another_customer_is_flagged_and_one_that_appears_is_told(stage: Stage) -> None:
    await credited(stage, unit(1))
    await submit(stage, unit(1), updated=LATER, shipments=at("kim@example.com"))
    assert await flag(stage) is None
    story = (await stage.shown("901"))["timeline"][-1]["text"]
    assert "It names its customer now." in story


async def test_another_address_of_the_customer_is_flagged_without_being_named(stage: Stage) -> None:
    await credited(stage, unit(1), shipments=at("kim@example.com"))
    await submit(stage, unit(1), updated=LATER, shipments=at("lee@example.com"))
    row = await Rma.get(rma_id="901")
    assert row.validation is ValidationState.FLAGGED
    assert "lee@" not in f"{row.contradiction} {row.contradictions}"


async def test_other_contact_data_and_a_label_are_no_flag(stage: Stage) -> None:
    await credited(stage, unit(1), shipments=at("kim@example.com"))
    moved = at("kim@example.com", name="Kim Longer-Name")
    moved[0] |= {"labelURL": "https://labels.example.com/1", "trackingNumber": "1Z"}
    await submit(stage, unit(1), updated=LATER, shipments=moved)
    assert await flag(stage) is None


async def test_edited_settings_mapping_and_order_are_no_flag(stage: Stage) -> None:
    await make_order(stage, "#901", {"code": "SKU-001", "qty": 5})
    await credited(stage, fee(1, "15"))
    await edit_connection(stage.hub, await stage.connection(), {"fees": "freight", "prices": "net"})
    await mappings.store(stage.hub, await stage.connection(), '{"taxRate": 9}', by="a person")
    await submit(stage, {**fee(1, "15"), "returnReason": "too large"}, updated=LATER)
    assert await flag(stage) is None


async def test_row_that_an_earlier_version_froze_is_no_flag(stage: Stage) -> None:
    await make_order(stage, "#901", {"code": "SKU-999", "qty": 5})
    await edit_connection(stage.hub, await stage.connection(), {"look_up_orders": "off"})
    await credited(stage, unit(1))
    await Delivery.all().update(frozen_settings=None, look_up=None)
    await submit(stage, {**unit(1), "returnReason": "too large"}, updated=LATER)
    assert await flag(stage) is None


async def test_request_edited_by_a_person_is_no_flag_by_itself(stage: Stage) -> None:
    await edit_connection(stage.hub, await stage.connection(), {"look_up_orders": "required"})
    await submit(stage, unit(1))
    await stage.settle()
    written = {"reference": "by hand", "salesReference": "#901", "currencyCode": "EUR", "taxStatus": "Incl"}
    lines = [{"code": "SKU-001", "name": "Thing", "qty": -1, "unitPrice": 7}]
    row = await stage.delivery("901")
    await deliveries.edit(stage.hub, row, json.dumps({**written, "lineItems": lines}))
    await stage.settle()
    await submit(stage, {**unit(1), "returnReason": "too large"}, updated=LATER)
    assert await flag(stage) is None
    await submit(stage, unit(1, amount="12.00"), updated=LAST)
    assert "10.00 EUR was due then and 12.00 EUR is due now (7" in (await flag(stage) or "")


async def test_status_that_nobody_knows_is_flagged_and_lifted_when_it_is_known(stage: Stage) -> None:
    await credited(stage, unit(1))
    await submit(stage, unit(1), updated=LATER, status="Cancelled")
    assert "does not know that status" in (await flag(stage) or "")
    await submit(stage, unit(1), updated=LAST, status="Received")
    assert await flag(stage) is None
    assert (await stage.story("901"))[-1] == "rma.agrees"


async def test_what_a_person_closed_stays_closed_until_the_facts_change(stage: Stage) -> None:
    await credited(stage, unit(1))
    await submit(stage, unit(1, amount="12.00"), updated=LATER)
    await deliveries.resolve(stage.hub.clock, await stage.delivery("901"), "paid by hand")
    await submit(stage, {**unit(1, amount="12.00"), "returnReason": "too large"}, updated=LAST)
    assert await flag(stage) is None
    await submit(stage, unit(1, amount="13.00"), updated="2026-03-04T10:00:00+00:00")
    assert "13.00 EUR is due now" in (await flag(stage) or "")


def refund(amount: str, status: str = "Success") -> list[dict[str, Any]]:
    money = {
        "amount": Decimal(amount),
        "currency": "EUR",
        "shopAmount": Decimal(amount),
        "shopCurrency": "EUR",
    }
    return [{"id": 1, "type": "Refund", "status": status, "amount": money}]


@pytest.mark.parametrize(
    ("status", "given", "is_flagged"),
    [
        ("Done", refund("10.00"), False),
        ("Done", refund("6.00"), True),
        ("Done", [*refund("4.00"), *refund("6")], False),
        ("Done", [], False),
        ("Done", refund("6.00", "Failed"), False),
        ("Received", refund("6.00"), False),
        ("Received", refund("10.01"), True),
    ],
)
async def test_refund_that_is_not_the_notes_total(
    stage: Stage, status: str, given: list[dict[str, Any]], is_flagged: bool
) -> None:
    await credited(stage, unit(1))
    await submit(stage, unit(1), updated=LATER, status=status, transactions=given)
    said = await flag(stage)
    assert (said is not None) is is_flagged
    if given and not is_flagged and given[0]["status"] == "Success":
        assert "refunded" in (await stage.shown("901"))["timeline"][-1]["text"]

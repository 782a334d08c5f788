from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hub.merchant import deliveries, methods, stores, webhooks
from hub.store.models import RmaUpdate, UpdateSending
from hub.webhooks.subscription import Body
from tests.integration.webhooks.office import Office
from tests.support.documents import rma, unit
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from tests.support.stage import Stage

CREATED, FAILED = "rma.credit_note.created", "rma.credit_note.failed"
VALIDATED, COMPLETED, FLAGGED = "rma.item.validated", "rma.validation.completed", "rma.validation.flagged"
CLEARED = "rma.validation.cleared"
HAT, SOCK = "HAT-1", "SOCK-2"


async def received(office: Office) -> None:
    await office.stage.poll()
    await office.settle()


async def test_note_and_goods_are_told_in_order_with_what_is_known(office: Office) -> None:
    stage = office.stage
    await stage.submit(rma("900", unit(1, sku=HAT), unit(2, sku=SOCK)))
    await stage.settle()
    note = stage.notes[0]["id"]
    stage.sandbox.receive(note)
    await received(office)
    assert office.receiver.kinds() == [CREATED, VALIDATED, COMPLETED]
    created, validated, completed = (each.message["data"] for each in office.receiver.got)
    document = {"id": str(note), "reference": "RMA 900/ORDER:#900"}
    about = {"rma_id": "900", "order_name": "#900", "store": "default", "document": document}
    assert created == {
        **about,
        "connection": "main",
        "verdict": "created",
        "total": {"amount": "20.00", "currency": "EUR"},
    }
    assert {**about, "credited": 2, "returned": 2}.items() <= completed.items()
    assert [(item["sku"], item["is_returned"]) for item in validated["items"]] == [(HAT, True), (SOCK, True)]
    assert validated["items"][0]["is_restockable"] is None
    assert validated["items"][0]["source"] == "cin7_omni"


async def test_each_item_is_told_once_and_completion_when_the_last_is_back(office: Office) -> None:
    stage = office.stage
    await stage.submit(rma("900", unit(1, sku=HAT), unit(2, sku=SOCK)))
    await stage.settle()
    note = stage.notes[0]["id"]
    stage.sandbox.receive(note, {HAT: Decimal(1)}, is_complete=False)
    await received(office)
    await received(office)
    assert office.receiver.kinds() == [CREATED, VALIDATED]
    stage.sandbox.receive(note)
    await received(office)
    await received(office)
    assert office.receiver.kinds() == [CREATED, VALIDATED, VALIDATED, COMPLETED]
    told = [item["sku"] for each in office.receiver.got[1:3] for item in each.message["data"]["items"]]
    assert told == [HAT, SOCK]


async def test_what_needs_a_person_is_told_once(office: Office) -> None:
    stage = office.stage
    await stage.submit(rma("900"))
    await stage.settle()
    stage.sandbox.void(stage.notes[0]["id"])
    for _ in range(3):
        await received(office)
    assert office.receiver.kinds() == [CREATED, FLAGGED]
    assert office.receiver.got[1].message["data"]["reason"]


async def test_a_failed_note_is_told_and_what_a_person_makes_of_it(office: Office) -> None:
    stage = office.stage
    method = await methods.get(stage.store, "UPS label")
    await methods.point_at(method, await stage.connection(), "no such branch")
    await stage.submit(rma("900"))
    await stage.settle()
    await office.settle()
    row = await stage.delivery("900")
    await deliveries.resolve(stage.hub.clock, row, "made by hand", document_id="4711")
    await office.settle()
    assert office.receiver.kinds() == [FAILED, CREATED]
    failed, created = (each.message["data"] for each in office.receiver.got)
    assert failed["reason"] == row.reason
    assert created["document"]["id"] == "4711"
    assert created["verdict"] == "adopted"


async def test_closing_the_flag_of_goods_that_are_all_back_completes_the_validation(office: Office) -> None:
    stage = office.stage
    await stage.submit(rma("900"))
    await stage.settle()
    note = stage.notes[0]["id"]
    stage.sandbox.receive(note)
    await received(office)
    stage.sandbox.void(note)
    await received(office)
    row = await stage.delivery("900")
    await deliveries.resolve(stage.hub.clock, row, "voided by mistake")
    await received(office)
    assert office.receiver.kinds() == [CREATED, VALIDATED, COMPLETED, FLAGGED, COMPLETED, CLEARED]


async def test_that_the_erp_takes_a_flag_back_is_told(office: Office) -> None:
    stage = office.stage
    await stage.submit(rma("900", unit(1, sku=HAT), unit(2, sku=SOCK)))
    await stage.settle()
    note = stage.notes[0]["id"]
    stage.sandbox.receive(note, {HAT: Decimal(1), SOCK: Decimal(2)}, is_complete=False)
    await received(office)
    stage.sandbox.receive(note, {HAT: Decimal(1), SOCK: Decimal(0)}, is_complete=False)
    await received(office)
    await received(office)
    assert office.receiver.kinds() == [CREATED, VALIDATED, FLAGGED, CLEARED]
    assert {"credited": 2, "returned": 1}.items() <= office.receiver.got[-1].message["data"].items()


async def test_only_the_types_asked_for_are_sent(allowing_stage: Stage) -> None:
    async with Receiver() as receiver:
        office = await Office.open(allowing_stage, receiver, events=[COMPLETED], body=Body.THIN)
        await office.credit("900")
        allowing_stage.sandbox.receive(allowing_stage.notes[0]["id"])
        await received(office)
        assert receiver.kinds() == [COMPLETED]
        assert receiver.got[0].message["data"] == {"rma_id": "900", "store": "default"}


async def test_without_receivers_nothing_is_written(allowing_stage: Stage) -> None:
    await allowing_stage.submit(rma("900"))
    await allowing_stage.settle()
    assert (await RmaUpdate.all().count(), await UpdateSending.all().count()) == (0, 0)


async def test_a_receiver_added_later_gets_nothing_old(allowing_stage: Stage) -> None:
    async with Receiver() as first, Receiver() as second:
        early = await Office.open(allowing_stage, first)
        await early.credit("900")
        late = await Office.open(allowing_stage, second, name="late")
        await early.credit("901")
        for office in (early, late):
            await office.settle()
        assert [each.rma_id for each in first.got] == ["900", "901"]
        assert [each.rma_id for each in second.got] == ["901"]
        assert first.got[1].id == second.got[0].id


async def test_another_stores_subscriber_learns_nothing(allowing_stage: Stage) -> None:
    async with Receiver() as receiver:
        hub = allowing_stage.hub
        other = await stores.add("outlet", hub.clock.now())
        await webhooks.add(hub, other, receiver.url, name="o", events=(), body=Body.FULL)
        await allowing_stage.submit(rma("900"))
        await allowing_stage.settle()
        assert await UpdateSending.all().count() == 0

"""What the warehouse receives comes back onto the items of the RMA."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.dispatch import work as dispatch_work
from tests.support.documents import rma, unit
from tests.support.stage import open_stage

if TYPE_CHECKING:
    import pytest

    from hub.environment import Environment
    from tests.support.stage import Stage

HAT, SOCK = "SKU-001", "SKU-002"


async def note_for(stage: Stage, *skus: str) -> str:
    """An RMA of these units, its note made; the note's id."""
    units = [unit(90000 + number, sku=sku) for number, sku in enumerate(skus)]
    await stage.submit(rma("900", *units))
    await stage.settle()
    (note,) = stage.notes
    note_id: str = note["id"]
    return note_id


async def returned(stage: Stage) -> tuple[str, list[Any]]:
    """The RMA's state, and what is known of each of its units."""
    shown = await stage.shown("900")
    return shown["validation"], [item["validation"]["is_returned"] for item in shown["items"]]


async def test_nothing_is_validated_before_anything_arrives(stage: Stage) -> None:
    await note_for(stage, HAT, SOCK)
    await stage.poll()
    assert await returned(stage) == ("none", [None, None])


async def test_all_goods_received_validate_every_item(stage: Stage) -> None:
    note = await note_for(stage, HAT, HAT, SOCK)
    stage.sandbox.receive(note)
    report = await stage.poll()
    assert report.rmas == ("900",)
    assert await returned(stage) == ("full", [True, True, True])
    for item in (await stage.shown("900"))["items"]:
        assert item["validation"]["source"] == "cin7_omni"
        assert item["validation"]["validated_at"]
        assert item["validation"]["is_restockable"] is None


async def test_part_of_the_goods_is_partial_and_the_rest_makes_it_full(stage: Stage) -> None:
    note = await note_for(stage, HAT, HAT, SOCK)
    stage.sandbox.receive(note, {HAT: Decimal(1)}, is_complete=False)
    await stage.poll()
    state, units = await returned(stage)
    assert (state, units.count(True), units[2]) == ("partial", 1, None)
    stage.sandbox.receive(note)
    await stage.poll()
    assert await returned(stage) == ("full", [True, True, True])


async def test_document_closed_with_units_missing_is_flagged(stage: Stage) -> None:
    note = await note_for(stage, HAT, SOCK)
    stage.sandbox.receive(note, {HAT: Decimal(1)})
    await stage.poll()
    state, units = await returned(stage)
    assert (state, units) == ("flagged", [True, None])


async def test_unknown_quantities_are_flagged_and_validate_nothing(stage: Stage) -> None:
    note = await note_for(stage, HAT, SOCK)
    stage.sandbox.receive(note, is_quantity_known=False)
    for _ in range(3):
        await stage.poll()
    assert await returned(stage) == ("flagged", [None, None])
    assert (await stage.story("900")).count("validation.flagged") == 1


async def test_voided_document_is_flagged_and_validates_nothing(stage: Stage) -> None:
    note = await note_for(stage, HAT)
    stage.sandbox.void(note)
    await stage.poll()
    assert await returned(stage) == ("flagged", [None])


async def test_items_validated_once_are_never_taken_back(stage: Stage) -> None:
    note = await note_for(stage, HAT)
    stage.sandbox.receive(note)
    await stage.poll()
    stage.sandbox.void(note)
    await stage.poll()
    assert (await returned(stage))[1] == [True]


async def test_polling_again_tells_nothing_twice(stage: Stage) -> None:
    note = await note_for(stage, HAT)
    stage.sandbox.receive(note)
    reports = [await stage.poll() for _ in range(3)]
    assert [report.rmas for report in reports] == [("900",), (), ()]
    assert (await stage.story("900")).count("validation.received") == 1


async def test_working_polls_by_itself_when_it_is_time(ready: Environment) -> None:
    async with open_stage(ready, poll_interval_s="60") as stage:
        stage.sandbox.receive(await note_for(stage, HAT))
        await stage.work()
        assert await returned(stage) == ("none", [None])
        stage.time.set_forward(timedelta(seconds=61))
        await stage.work()
        assert await returned(stage) == ("full", [True])


async def test_poll_that_fails_is_told_and_the_next_one_goes_on(ready: Environment) -> None:
    async with open_stage(ready, poll_interval_s="60") as stage:
        stage.sandbox.receive(await note_for(stage, HAT))
        stage.fault("unavailable:times=all")
        stage.time.set_forward(timedelta(seconds=61))
        await stage.work()
        assert "503" in (await stage.connection()).last_error
        stage.sandbox.clear_faults()
        stage.time.set_forward(timedelta(hours=1))
        await stage.work()
        assert await returned(stage) == ("full", [True])
        assert not (await stage.connection()).last_error


async def test_live_return_does_not_wait_for_a_long_poll(
    ready: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_work, "PAGES_AT_ONCE", 1)
    quick = {"look_up_orders": "off", "check_double_credit": "off", "poll_interval_s": "60"}
    async with open_stage(ready, **quick) as stage:
        for number in range(1000, 1520):
            await stage.submit(rma(str(number), order_name=f"#{number}"))
        await stage.settle()
        stage.time.set_forward(timedelta(seconds=61))
        await stage.work()
        assert (await stage.connection()).polled_at is None, "the first turn ends in the middle of the poll"
        before = len(stage.sandbox.calls())
        await stage.submit(rma("900"))
        await stage.work()
        calls = [call["method"] for call in stage.sandbox.calls()[before:]]
        assert calls[0] == "POST"
        for _ in range(5):
            await stage.work()
        assert (await stage.connection()).polled_at is not None, "the poll goes on where it was"

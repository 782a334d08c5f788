"""What a person has decided is not undone by what the platform says next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.merchant import connections, deliveries
from hub.outcomes import Status
from tests.support.documents import rma, unit

if TYPE_CHECKING:
    from tests.support.stage import Stage

UNKNOWN = {**unit(1), "returnMethod": {"type": "Ship with any carrier", "name": "Nobody set this up"}}


def at(minute: int) -> str:
    return f"2026-03-01T11:{minute:02}:00+00:00"


async def reopen_and_approve(stage: Stage, *items: object) -> None:
    await stage.submit(rma("900", *items, status="Pending", updated=at(1)))
    await stage.submit(rma("900", *items, status="Approved", updated=at(2)))
    await stage.settle()


async def close(stage: Stage) -> None:
    await deliveries.resolve(stage.hub.clock, await stage.delivery("900"), "credited by hand in Cin7")


async def assert_asks_a_person(stage: Stage) -> None:
    assert stage.notes == []
    row = await stage.delivery("900")
    assert (row.status, row.next_attempt_at) == (Status.ATTENTION, None)
    assert "a person closed" in (row.reason or "")


async def test_closed_by_a_person_and_approved_again_asks_again(stage: Stage) -> None:
    await stage.submit(rma("900", UNKNOWN, updated=at(0)))
    await close(stage)
    await reopen_and_approve(stage, unit(1))
    await assert_asks_a_person(stage)
    # Nor does a comment or a label that follows.
    await stage.submit(rma("900", unit(1), updated=at(3)))
    await stage.settle()
    await assert_asks_a_person(stage)


async def test_tried_then_closed_by_a_person_and_approved_again_asks_again(stage: Stage) -> None:
    stage.fault("refuse:seconds=1000")
    await stage.submit(rma("900", unit(1), updated=at(0)))
    await stage.work()
    await connections.pause(await stage.connection(), "a person paused it")
    await close(stage)
    await connections.resume(await stage.connection())
    stage.sandbox.clear_faults()
    await reopen_and_approve(stage, unit(1))
    await assert_asks_a_person(stage)


async def test_closed_while_it_seemed_received_and_approved_afterwards_asks_again(stage: Stage) -> None:
    await stage.submit(rma("900", unit(1), status="Received", updated=at(0)))
    await close(stage)
    await stage.submit(rma("900", unit(1), status="Approved", updated=at(1)))
    await stage.settle()
    await assert_asks_a_person(stage)


async def test_a_person_may_still_have_it_credited_after_all(stage: Stage) -> None:
    await stage.submit(rma("900", UNKNOWN, updated=at(0)))
    await close(stage)
    await reopen_and_approve(stage, unit(1))
    await deliveries.retry(stage.hub.clock, await stage.delivery("900"))
    await stage.settle()
    assert (await stage.delivery("900")).status is Status.DONE
    assert len(stage.notes) == 1


@pytest.mark.parametrize("status", ["Canceled", "Received"])
async def test_what_a_person_closed_stays_closed_when_the_return_goes_on(stage: Stage, status: str) -> None:
    await stage.submit(rma("900", UNKNOWN, updated=at(0)))
    await close(stage)
    await stage.submit(rma("900", UNKNOWN, status=status, updated=at(1)))
    row = await stage.delivery("900")
    assert row.status is Status.SKIPPED
    assert "credited by hand" in (row.reason or "")


async def test_a_written_request_is_not_replaced_by_a_mere_update(stage: Stage) -> None:
    await stage.submit(rma("900", unit(1, sku=""), updated=at(0)))
    await stage.work()
    row = await stage.delivery("900")
    assert row.status is Status.ATTENTION
    await connections.pause(await stage.connection(), "a person paused it")
    request = (
        '{"reference": "RMA 900", "salesReference": "#900", "currencyCode": "EUR", "taxStatus": "Incl",'
        ' "lineItems": [{"code": "SKU-002", "name": "Thing", "qty": -1, "unitPrice": 7}]}'
    )
    await deliveries.edit(stage.hub, row, request)
    await stage.submit(rma("900", unit(1), updated=at(1)))
    await connections.resume(await stage.connection())
    stage.time.set_forward(timedelta(seconds=5))
    await stage.settle()
    (note,) = stage.notes
    assert [line["sku"] for line in note["lines"]] == ["SKU-002"]

"""No credit for a return that is not approved any more, and one for what it is when it is credited."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hub.errors import ConflictError
from hub.merchant import connections, deliveries, methods
from hub.outcomes import Status, ValidationState, Verdict
from hub.rma import MethodType
from hub.store.models import Rma
from tests.support.documents import rma, unit

if TYPE_CHECKING:
    from tests.support.stage import Stage

LATER = "2026-03-02T10:00:00+00:00"
LATEST = "2026-03-03T10:00:00+00:00"
METHOD = "UPS label"


async def point(stage: Stage, location: str | None = None) -> None:
    await methods.point_at(await methods.get(stage.store, METHOD), await stage.connection(), location)


async def refuse(stage: Stage, *units: object) -> None:
    """Cin7 refuses the note for good: its branch does not exist."""
    await point(stage, "999999")
    await stage.submit(rma("901", *units))
    await stage.settle()
    row = await stage.delivery("901")
    assert (row.status, row.attempts) == (Status.ATTENTION, 1)
    await point(stage)


@pytest.mark.parametrize("status", ["Canceled", "Rejected", "Pending"])
async def test_cancellation_withdraws_what_was_tried_and_certainly_not_made(
    stage: Stage, status: str
) -> None:
    stage.fault("too_many_requests:seconds=1000,on=POST")
    await stage.submit(rma("901"))
    await stage.work()
    assert (await stage.delivery("901")).attempts == 1
    await stage.submit(rma("901", status=status, updated=LATER))
    await stage.settle()
    row = await stage.delivery("901")
    assert (row.status, stage.notes) == (Status.SKIPPED, [])
    assert status in (row.reason or "")


async def test_resuming_a_connection_does_not_credit_what_was_cancelled_meanwhile(stage: Stage) -> None:
    stage.fault("forbidden:on=POST")
    await stage.submit(rma("901"))
    await stage.work()
    await stage.submit(rma("901", status="Canceled", updated=LATER))
    await connections.resume(await stage.connection())
    await stage.settle()
    assert stage.notes == []


async def test_doubt_that_finds_nothing_sends_nothing_for_a_cancelled_return(stage: Stage) -> None:
    stage.fault("drop_before_write:on=POST")
    await stage.submit(rma("901"))
    await stage.work()
    await stage.submit(rma("901", status="Canceled", updated=LATER))
    await stage.settle()
    row = await stage.delivery("901")
    assert (row.status, stage.notes) == (Status.SKIPPED, [])
    held = await Rma.get(rma_id="901")
    assert (held.validation, held.contradiction) == (ValidationState.NONE, None)


async def test_doubt_that_finds_the_note_of_a_cancelled_return_flags_it(stage: Stage) -> None:
    stage.fault("drop_after_write:on=POST")
    await stage.submit(rma("901"))
    await stage.work()
    await stage.submit(rma("901", status="Canceled", updated=LATER))
    await stage.settle()
    assert (await stage.delivery("901")).verdict is Verdict.ADOPTED
    assert (await Rma.get(rma_id="901")).validation is ValidationState.FLAGGED


async def test_person_cannot_send_for_a_cancelled_return(stage: Stage) -> None:
    await refuse(stage)
    await stage.submit(rma("901", status="Canceled", updated=LATER))
    row = await stage.delivery("901")
    for anew in (False, True):
        with pytest.raises(ConflictError, match="Canceled"):
            await deliveries.retry(stage.hub.clock, row, prepare_anew=anew)
    request = {key: value for key, value in json.loads(row.request or "").items() if key != "branchId"}
    with pytest.raises(ConflictError, match="Canceled"):
        await deliveries.edit(stage.hub, row, json.dumps(request))
    await stage.settle()
    assert stage.notes == []


async def test_new_approval_after_a_try_and_a_cancellation_credits_what_it_is_now(stage: Stage) -> None:
    stage.fault("drop_before_write:on=POST")
    await stage.submit(rma("901"))
    await stage.work()
    await stage.submit(rma("901", status="Canceled", updated=LATER))
    await stage.settle()
    await stage.submit(rma("901", unit(7, amount="12.00"), updated=LATEST))
    await stage.settle()
    assert [note["total"] for note in stage.notes] == ["12.00"]
    assert [item["returned_item_id"] for item in (await stage.shown("901"))["items"]] == ["7"]


async def test_return_received_while_it_waited_for_a_person_is_still_credited(stage: Stage) -> None:
    await methods.remove(await methods.get(stage.store, METHOD))
    await stage.submit(rma("901"))
    await stage.submit(rma("901", status="Received", updated=LATER))
    await methods.add(stage.store, METHOD, MethodType.PREPAID_LABEL)
    await point(stage)
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"))
    await stage.settle()
    assert len(stage.notes) == 1


async def test_return_never_seen_approved_is_not_credited_by_a_retry(stage: Stage) -> None:
    await stage.submit(rma("901", status="Received"))
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"))
    await stage.settle()
    assert (stage.notes, (await stage.delivery("901")).status) == ([], Status.ATTENTION)


async def test_skipped_return_that_changed_is_credited_as_it_is_now(stage: Stage) -> None:
    await methods.do_not_update(await methods.get(stage.store, METHOD))
    await stage.submit(rma("901", unit(1, amount="100.00"), unit(2, amount="50.00")))
    await stage.submit(rma("901", unit(1, amount="10.00"), unit(3, amount="7.00"), updated=LATER))
    await point(stage)
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"))
    await stage.settle()
    assert [note["total"] for note in stage.notes] == ["17.00"]
    assert (await Rma.get(rma_id="901")).contradiction is None


async def test_prepared_anew_takes_the_return_and_its_location_as_they_are_now(stage: Stage) -> None:
    await refuse(stage, unit(1), unit(2))
    await stage.submit(rma("901", unit(1, amount="5.00"), updated=LATER))
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"), prepare_anew=True)
    await stage.settle()
    assert [note["total"] for note in stage.notes] == ["5.00"]


async def test_prepared_anew_credits_what_a_setting_no_longer_keeps_off(stage: Stage) -> None:
    exchanged = unit(2, sku="SKU-002", amount="20.00")
    exchanged["resolutionName"] = exchanged["resolutionType"] = "Exchange"
    await connections.edit(stage.hub, await stage.connection(), {"credited_resolutions": "Refund"})
    await refuse(stage, unit(1), exchanged)
    await connections.edit(stage.hub, await stage.connection(), {"credited_resolutions": ""})
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"), prepare_anew=True)
    await stage.settle()
    assert [note["total"] for note in stage.notes] == ["30.00"]


async def test_person_can_close_what_waits_for_a_paused_connection(stage: Stage) -> None:
    await connections.pause(await stage.connection(), "credited by hand meanwhile")
    await stage.submit(rma("901"))
    await deliveries.resolve(stage.hub.clock, await stage.delivery("901"), "credited by hand")
    await connections.resume(await stage.connection())
    await stage.settle()
    assert stage.notes == []

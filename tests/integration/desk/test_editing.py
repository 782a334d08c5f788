"""A person writes the request by hand. However that goes, there is never a second note."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from connectors.cin7_omni.marker import marker
from hub.errors import ConfigError, ConflictError
from hub.inbound.accept import accept
from hub.merchant import deliveries, methods
from hub.merchant.connections import edit as edit_connection
from hub.outcomes import Status, Verdict
from hub.store.models import Attempt, Delivery
from tests.support.documents import event, rma
from tests.support.notes import make_note

if TYPE_CHECKING:
    from tests.support.stage import Stage

OLD = "RMA 901/ORDER:#901"


NO_BRANCH = "999999"


async def refused(stage: Stage) -> Delivery:
    """A delivery that was sent once, refused for its branch, and waits for a person."""
    method = await methods.get(stage.store, "UPS label")
    await methods.point_at(method, await stage.connection(), NO_BRANCH)
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    row = await stage.delivery("901")
    assert (row.status, row.attempts) == (Status.ATTENTION, 1)
    return row


async def late(stage: Stage, row: Delivery) -> None:
    """What was sent first turns up in the ERP after all."""
    await make_note(stage, reference=OLD, salesReference="#901", internalComments=marker(row.id, "901"))


async def unsent(stage: Stage) -> Delivery:
    """A delivery that could not be prepared: Cin7 does not have its order."""
    row = await stage.connection()
    await edit_connection(stage.hub, row, {"look_up_orders": "required"})
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    delivery = await stage.delivery("901")
    assert (delivery.status, delivery.attempts, delivery.request) == (Status.ATTENTION, 0, None)
    return delivery


def written(**changes: Any) -> str:
    record: dict[str, Any] = {
        "reference": "by hand 901",
        "salesReference": "#901",
        "currencyCode": "EUR",
        "taxStatus": "Incl",
        "lineItems": [{"code": "SKU-001", "name": "Thing", "qty": -1, "unitPrice": 9.5}],
        **changes,
    }
    return json.dumps(record)


async def test_one_that_was_never_sent_goes_out_as_the_person_wrote_it(stage: Stage) -> None:
    row = await unsent(stage)
    said = await deliveries.edit(stage.hub, row, written())
    assert "by hand 901" in said
    await stage.settle()
    done = await stage.delivery("901")
    assert (done.status, done.verdict, done.reference) == (Status.DONE, Verdict.CREATED, "by hand 901")
    (note,) = stage.notes
    assert (note["reference"], note["total"]) == ("by hand 901", "9.50")
    assert note["raw"]["internalComments"] == marker(row.id, "901")
    assert json.loads(done.origins)["lineItems[0].unitPrice"] == "written by a person"
    assert "delivery.edited" in await stage.story("901")


async def test_one_that_was_sent_is_looked_for_before_the_edited_request_goes_out(stage: Stage) -> None:
    row = await refused(stage)
    before = row.request
    await deliveries.edit(stage.hub, row, written())
    waiting = await stage.delivery("901")
    assert (waiting.status, waiting.request, waiting.reference) == (Status.IN_DOUBT, before, OLD)
    assert json.loads(waiting.edited_request or "")["reference"] == "by hand 901"
    await stage.settle()
    done = await stage.delivery("901")
    assert (done.status, done.reference, done.original_request) == (Status.DONE, "by hand 901", before)
    assert done.edited_request is None
    assert [note["reference"] for note in stage.notes] == ["by hand 901"]
    assert [each.reference for each in await Attempt.all().order_by("id")] == [OLD, "by hand 901"]


async def test_a_note_that_was_made_after_all_is_adopted_and_the_edit_dropped(stage: Stage) -> None:
    row = await refused(stage)
    await late(stage, row)
    await deliveries.edit(stage.hub, await stage.delivery("901"), written())
    await stage.settle()
    done = await stage.delivery("901")
    assert (done.status, done.verdict, done.reference) == (Status.DONE, Verdict.ADOPTED, OLD)
    assert (done.edited_request, len(stage.notes)) == (None, 1)
    story = (await stage.shown("901"))["timeline"][-1]["text"]
    assert "a person wrote was not needed" in story


async def test_every_reference_ever_sent_is_still_looked_for_after_an_edit(stage: Stage) -> None:
    row = await refused(stage)
    # The edited one, with other names, is refused too; meanwhile the first one turns up.
    await deliveries.edit(stage.hub, row, written(salesReference="#else", branchId=int(NO_BRANCH)))
    await stage.settle()
    again = await stage.delivery("901")
    assert (again.status, again.attempts, again.reference) == (Status.ATTENTION, 2, "by hand 901")
    await late(stage, row)
    await deliveries.edit(stage.hub, again, written(reference="third 901", salesReference="#else"))
    await stage.settle()
    done = await stage.delivery("901")
    assert (done.status, done.document_reference) == (Status.DONE, OLD)
    assert len(stage.notes) == 1


async def test_of_two_persons_at_once_one_is_told_that_it_changed(stage: Stage) -> None:
    row = await refused(stage)
    first, second = await stage.delivery("901"), await stage.delivery("901")
    came = await asyncio.gather(
        deliveries.edit(stage.hub, first, written(reference="first")),
        deliveries.edit(stage.hub, second, written(reference="second")),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in came) == ["ConflictError", "str"]
    with pytest.raises(ConflictError, match="changed meanwhile"):
        await deliveries.retry(stage.hub.clock, row)
    await stage.settle()
    assert len(stage.notes) == 1


async def test_one_in_doubt_one_that_waits_and_one_that_is_done_are_refused(stage: Stage) -> None:
    stage.fault("drop_after_write:times=1,on=POST")
    await stage.submit(rma("901", order_name="#901"))
    pending = await stage.delivery("901")
    with pytest.raises(ConflictError, match="it is pending"):
        await deliveries.edit(stage.hub, pending, written())
    await stage.work()
    doubt = await stage.delivery("901")
    with pytest.raises(ConflictError, match="it is in_doubt"):
        await deliveries.edit(stage.hub, doubt, written())
    await stage.settle()
    with pytest.raises(ConflictError, match="it is done"):
        await deliveries.edit(stage.hub, await stage.delivery("901"), written())
    assert [note["reference"] for note in stage.notes] == [OLD]


async def test_one_whose_rma_is_cancelled_meanwhile_is_refused(stage: Stage) -> None:
    row = await unsent(stage)
    canceled = rma("901", order_name="#901", status="Canceled", updated="2026-04-01T00:00:00+00:00")
    await accept(stage.hub.clock, stage.store, event(canceled), source="test")
    with pytest.raises(ConflictError):
        await deliveries.edit(stage.hub, row, written())
    with pytest.raises(ConflictError, match="not credited over this connection"):
        await deliveries.edit(stage.hub, await stage.delivery("901"), written())


async def test_a_retry_drops_an_edit_that_has_not_been_used(stage: Stage) -> None:
    row = await refused(stage)
    await deliveries.edit(stage.hub, row, written())
    await Delivery.filter(id=row.id).update(status=Status.ATTENTION)
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"))
    assert (await stage.delivery("901")).edited_request is None


async def test_a_connection_in_shadow_mode_takes_no_edit(stage: Stage) -> None:
    row = await unsent(stage)
    await edit_connection(stage.hub, await stage.connection(), {"mode": "shadow"})
    with pytest.raises(ConflictError, match="shadow"):
        await deliveries.edit(stage.hub, row, written())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not json", "not JSON"),
        ("[]", "not one JSON object"),
        ('{"reference": "a", "reference": "b"}', "twice"),
        (written(reference=" "), "reference is missing"),
        (written(reference="x" * 31), "31 characters"),
        (written(salesReference=None), "salesReference is missing"),
        (written(lineItems=[]), "would credit nothing"),
        (written(id=7), "Cin7 gives it"),
        (written(stage="New"), "no field stage"),
        (written(lineItems=[{"code": "A", "qty": "one"}]), r"lineItems\[0\].qty takes a number"),
        (written(lineItems={"code": "A"}), "takes a list"),
        (written(branchId="main"), "branchId takes a whole number"),
        (written(customFields={"orders_1": {"a": 1}}), "plain value"),
    ],
)
async def test_a_request_that_cin7_would_not_take_is_refused_with_its_place(
    stage: Stage, text: str, told: str
) -> None:
    row = await unsent(stage)
    with pytest.raises(ConfigError, match=told):
        await deliveries.edit(stage.hub, row, text)
    assert (await stage.delivery("901")).version == row.version


@pytest.mark.parametrize(
    "comments", ["", "a word", "[hub:0123456789abcdef rma:1] a word", " [hub:SELF rma:901] a word"]
)
async def test_our_mark_stands_first_whatever_the_person_did_to_it(stage: Stage, comments: str) -> None:
    row = await unsent(stage)
    comments = comments.replace("SELF", row.id)
    await deliveries.edit(stage.hub, row, written(internalComments=comments))
    await stage.settle()
    said = stage.notes[0]["raw"]["internalComments"]
    assert said == f"{marker(row.id, '901')} a word" if comments else marker(row.id, "901")
    assert said.count("[hub:") == 1


async def test_what_the_person_left_as_it_was_keeps_its_origin(stage: Stage) -> None:
    row = await refused(stage)
    record = json.loads(row.request or "")
    record["lineItems"][0]["unitPrice"] = 1
    await deliveries.edit(stage.hub, row, json.dumps(record))
    await stage.settle()
    origins = json.loads((await stage.delivery("901")).origins)
    assert origins["lineItems[0].unitPrice"] == "written by a person"
    assert origins["lineItems[0].code"] == json.loads(row.origins)["lineItems[0].code"]

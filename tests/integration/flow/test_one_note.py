"""However the ERP misbehaves, an approved RMA has exactly one credit note in the end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import pytest

from hub.dispatch.claims import claim
from hub.dispatch.http import READ_TIMEOUT_S, LoggedSession
from hub.errors import ConflictError, InDoubtError, RetriableError
from hub.merchant import connections, deliveries
from hub.outcomes import Status, Verdict
from hub.store.models import Delivery, Exchange
from tests.support.documents import rma, sample
from tests.support.stage import open_stage
from tests.support.times import set_loop_forward
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from hub.environment import Environment
    from tests.support.stage import Stage

LOST = [
    "drop_before_write",
    "drop_after_write",
    "apply_partly_then_drop",
    "server_error_html",
    "cut_off_body",
    "empty_200",
    "wrong_order",
    "missing_result",
]
NOT_APPLIED = ["unavailable:on=POST", "too_many_requests:seconds=30,on=POST", "refuse:seconds=1000"]

RMAS = ("901", "902", "903")

Result = TypeVar("Result")


async def submit_three(stage: Stage) -> None:
    for number in RMAS:
        await stage.submit(rma(number, order_name=f"#{number}"))


async def assert_one_note_each(stage: Stage) -> None:
    assert sorted(note["sales_reference"] for note in stage.notes) == [f"#{number}" for number in RMAS]
    by_id = {note["id"]: note["reference"] for note in stage.notes}
    for number in RMAS:
        delivery = await stage.delivery(number)
        assert delivery.status is Status.DONE
        assert by_id[delivery.document_id] == delivery.reference


@pytest.mark.parametrize("are_duplicates_allowed", [False, True])
@pytest.mark.parametrize("fault", LOST)
async def test_lost_answer_to_a_batch_ends_in_one_note_each(
    stage: Stage, fault: str, are_duplicates_allowed: bool
) -> None:
    if are_duplicates_allowed:
        # The ERP does not help: what would be sent twice would be there twice.
        stage.fault("allow_duplicate_references:times=all")
    stage.fault(f"{fault}:on=POST")
    await submit_three(stage)
    await stage.settle()
    await assert_one_note_each(stage)
    told = [await stage.story(number) for number in RMAS]
    assert any("delivery.in_doubt" in story for story in told)


@pytest.mark.parametrize("fault", LOST)
async def test_answers_lost_again_and_again_end_in_one_note_each(stage: Stage, fault: str) -> None:
    stage.fault("allow_duplicate_references:times=all")
    stage.fault(f"{fault}:times=3,on=POST")
    await submit_three(stage)
    await stage.settle()
    await assert_one_note_each(stage)


@pytest.mark.parametrize("fault", NOT_APPLIED)
async def test_write_that_was_certainly_not_applied_is_sent_again(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    await submit_three(stage)
    await stage.work()
    assert stage.notes == []
    stage.sandbox.clear_faults()
    await stage.settle()
    await assert_one_note_each(stage)
    assert {(await stage.delivery(number)).verdict for number in RMAS} == {Verdict.CREATED}


async def test_retry_after_is_waited_for(stage: Stage) -> None:
    stage.fault("too_many_requests:seconds=1000,on=POST")
    await stage.submit(rma("901"))
    before = stage.time.now()
    await stage.work()
    due = (await stage.delivery("901")).next_attempt_at
    assert due is not None
    assert due >= before + timedelta(seconds=1000)


async def lose(stage: Stage) -> None:
    """A note that appears when the faults are cleared; the first look is due."""
    stage.fault("apply_late_after_drop:seconds=1000,on=POST")
    await stage.submit(rma("901"))
    await stage.work()
    stage.time.set_forward(timedelta(seconds=1))
    assert (len(stage.posts), stage.notes) == (1, [])


async def test_note_that_appears_late_is_found_and_taken(ready: Environment) -> None:
    async with open_stage(ready, doubt_looks="1,20") as stage:
        stage.fault("allow_duplicate_references:times=all")
        await lose(stage)
        await stage.work()
        stage.sandbox.clear_faults()
        await until(lambda: bool(stage.notes))
        await stage.settle()
        delivery = await stage.delivery("901")
        assert (delivery.verdict, delivery.attempts, len(stage.notes)) == (Verdict.ADOPTED, 1, 1)
        assert (await stage.story("901")).count("delivery.looked") == 1


async def test_late_note_of_an_impatient_hub_is_still_the_only_one(ready: Environment) -> None:
    async with open_stage(ready, doubt_looks="1") as stage:
        # Applied just after the look, before it is sent again: the ERP refuses the second, and we look why.
        await lose(stage)
        stage.fault("slow:seconds=1000,on=GET")
        looking = asyncio.create_task(stage.work())
        await until(lambda: stage.sandbox.calls()[-1]["fault"] == "slow")
        assert stage.notes == []
        stage.sandbox.clear_faults()
        await looking
        await stage.settle()
        assert len(stage.posts) == 2
        delivery = await stage.delivery("901")
        assert (delivery.status, len(stage.notes)) == (Status.DONE, 1)
        assert delivery.document_id == stage.notes[0]["id"]


@pytest.mark.parametrize(("fault", "told"), [("unauthorized", "API key"), ("forbidden", "permission")])
async def test_refused_credentials_pause_the_connection_and_resume_goes_on(
    stage: Stage, fault: str, told: str
) -> None:
    stage.fault(f"{fault}:times=all")
    await submit_three(stage)
    await stage.settle()
    row = await stage.connection()
    assert row.is_paused
    assert told in row.pause_reason
    calls = len(stage.sandbox.calls())
    stage.time.set_forward(timedelta(hours=1))
    await stage.settle()
    assert len(stage.sandbox.calls()) == calls
    assert {row.status for row in await Delivery.all()} == {Status.PENDING}
    stage.sandbox.clear_faults()
    assert await connections.resume(await stage.connection()) == len(RMAS)
    await stage.settle()
    await assert_one_note_each(stage)


async def test_what_comes_while_a_connection_is_paused_waits(stage: Stage) -> None:
    await connections.pause(await stage.connection(), "a person paused it")
    await submit_three(stage)
    await stage.settle()
    assert (stage.notes, stage.sandbox.calls()) == ([], [])
    await connections.resume(await stage.connection())
    await stage.settle()
    await assert_one_note_each(stage)
    assert len(stage.posts) == 1


async def test_note_of_somebody_else_under_our_reference_goes_to_a_person(stage: Stage) -> None:
    await post_by_hand(stage, "RMA 901/ORDER:#901")
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    delivery = await stage.delivery("901")
    assert (delivery.status, delivery.document_id, len(stage.notes)) == (Status.ATTENTION, None, 1)
    assert stage.notes[0]["id"] in f"{delivery.reason} {delivery.fix}"
    await deliveries.retry(stage.hub.clock, delivery)
    await stage.settle()
    assert (await stage.delivery("901")).status is Status.ATTENTION
    assert len(stage.notes) == 1


async def post_by_hand(stage: Stage, reference: str) -> None:
    """As a person in Cin7 would write a note, for some other order."""
    line = {"code": "SKU-001", "qty": -1, "unitPrice": 10}
    note = {"reference": reference, "salesReference": "#1", "taxStatus": "Incl", "lineItems": [line]}
    row = await stage.connection()
    settings = connections.shown_values(stage.hub.registry.get(row.connector).schema, row, stage.hub)[0]
    auth = aiohttp.encode_basic_auth(*stage.sandbox.credentials.values())
    url = f"{settings['base_url']}/v1/CreditNotes"
    async with stage.http.post(url, json=[note], headers={"Authorization": auth}) as answer:
        assert (await answer.json())[0]["success"]


async def test_same_rma_again_makes_no_second_note(stage: Stage) -> None:
    stage.fault("allow_duplicate_references:times=all")
    await stage.submit(sample("one_item"))
    await stage.settle()
    assert (await stage.submit(sample("one_item"))).duplicate
    document = sample("one_item") | {"lastUpdated": "2026-05-01T00:00:00+00:00"}
    assert not (await stage.submit(document)).duplicate
    await stage.settle()
    assert (len(stage.notes), len(stage.posts)) == (1, 1)


async def test_retry_by_a_person_never_makes_a_second_note(stage: Stage) -> None:
    stage.fault("allow_duplicate_references:times=all")
    stage.fault("drop_after_write:on=POST")
    await stage.submit(rma("901"))
    await stage.work()
    # As if every look had failed and a person had been asked.
    await Delivery.all().update(status=Status.ATTENTION, next_attempt_at=None)
    await deliveries.retry(stage.hub.clock, await stage.delivery("901"))
    await stage.settle()
    delivery = await stage.delivery("901")
    assert (delivery.verdict, len(stage.notes)) == (Verdict.ADOPTED, 1)
    with pytest.raises(ConflictError):
        await deliveries.retry(stage.hub.clock, delivery)


async def out_of_patience(stage: Stage, method: str, call: Coroutine[Any, Any, Result]) -> Result:
    """What comes of something whose call the ERP has taken and does not answer, when the hub gives up."""
    calling = asyncio.create_task(call)
    await until(lambda: any(each["method"] == method for each in stage.sandbox.calls()))
    set_loop_forward(READ_TIMEOUT_S + 1)
    return await calling


@pytest.mark.parametrize("fault", ["hang:on=POST", "slow:seconds=1000,on=POST"])
async def test_answer_that_never_comes_is_in_doubt_and_batches_get_smaller(stage: Stage, fault: str) -> None:
    stage.fault("allow_duplicate_references:times=all")
    stage.fault(fault)
    await submit_three(stage)
    await out_of_patience(stage, "POST", stage.work())
    assert {row.status for row in await Delivery.all()} == {Status.IN_DOUBT}
    assert (await stage.connection()).batch_limit == 1
    await stage.settle()
    await assert_one_note_each(stage)


async def test_time_out_of_a_read_is_worth_a_retry_and_of_a_write_is_in_doubt(stage: Stage) -> None:
    row = await stage.connection()
    async with claim(row.id, "test", stage.hub.clock) as held:
        assert held is not None
        session = LoggedSession(
            connection_id=row.id,
            schema=stage.hub.registry.get(row.connector).schema,
            http=stage.http,
            clock=stage.hub.clock,
            secrets=("sandbox-key",),
            before_write=held.check,
            is_local=True,
        )
        settings = connections.shown_values(stage.hub.registry.get(row.connector).schema, row, stage.hub)[0]
        url = f"{settings['base_url']}/v1/CreditNotes"
        stage.fault("hang:times=2")
        reading = session.request("GET", url, headers={"X-Key": "sandbox-key"})
        with pytest.raises(RetriableError):
            await out_of_patience(stage, "GET", reading)
        writing = session.request("POST", url, body=b"[sandbox-key]", is_write=True)
        with pytest.raises(InDoubtError) as caught:
            await out_of_patience(stage, "POST", writing)
        assert caught.value.timed_out
    logged = await Exchange.all().order_by("id")
    assert [(each.method, each.status) for each in logged] == [("GET", None), ("POST", None)]
    assert "sandbox-key" not in logged[1].request_body
    assert all(each.error and each.finished_at for each in logged)

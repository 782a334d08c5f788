"""A declared epoch, on both databases: the hub looks for what it may have forgotten before it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.engine.embedded import running_engine
from hub.outcomes import Status, Verdict
from hub.store import epochs
from hub.store.models import (
    Attempt,
    Connection,
    Delivery,
    Event,
    ExchangeDelivery,
    Rma,
    RmaItem,
    SearchTerm,
    TimelineEntry,
)
from tests.support import documents
from tests.support.stage import open_stage
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.stage import Stage

RETURN = documents.rma("901", order_name="#901")


@pytest.fixture
async def stage(migrated: Environment) -> AsyncIterator[Stage]:
    async with open_stage(migrated) as opened:
        yield opened


async def forget(rma_id: str) -> None:
    """What a restored backup does: every row of a return is gone, and its note is in the ERP."""
    rma = await Rma.get(rma_id=rma_id)
    delivery = await Delivery.get(rma_id=rma.id)
    await ExchangeDelivery.filter(delivery_id=delivery.id).delete()
    await Attempt.filter(delivery_id=delivery.id).delete()
    await delivery.delete()
    for table in (Event, RmaItem, SearchTerm, TimelineEntry):
        await table.filter(rma_id=rma.id).delete()
    await rma.delete()


async def made_and_forgotten(stage: Stage) -> str:
    """Gives the id of the note."""
    stage.sandbox._books.has_unique_references = False  # noqa: SLF001 - nothing but our own care is to help
    await stage.submit(RETURN)
    await stage.settle()
    await forget("901")
    (note,) = stage.notes
    return str(note["id"])


async def test_what_was_made_and_forgotten_is_adopted(stage: Stage) -> None:
    made = await made_and_forgotten(stage)
    await epochs.begin(stage.hub.clock, "restored from a backup")
    await stage.submit(RETURN)
    await stage.settle()
    delivery = await stage.delivery("901")
    assert (delivery.status, delivery.verdict) == (Status.DONE, Verdict.ADOPTED)
    assert delivery.document_id == made
    assert delivery.attempts == 0
    assert len(stage.posts) == 1
    # It is polled like any other.
    assert (await stage.connection()).next_poll_at is not None
    stage.sandbox.receive(made)
    await stage.poll()
    assert (await stage.shown("901"))["validation"] == "full"


@pytest.mark.parametrize("check", ["on", "off"])
async def test_without_an_epoch_it_is_for_a_person(migrated: Environment, check: str) -> None:
    async with open_stage(migrated, check_double_credit=check) as stage:
        await stage.submit(RETURN)
        await stage.settle()
        await forget("901")
        await stage.submit(RETURN)
        await stage.settle()
        delivery = await stage.delivery("901")
        assert delivery.status is Status.ATTENTION
        assert delivery.reason
        assert len(stage.notes) == 1


async def test_a_return_that_changed_since_is_for_a_person(stage: Stage) -> None:
    await made_and_forgotten(stage)
    await epochs.begin(stage.hub.clock, "restored from a backup")
    units = [documents.unit(90100), documents.unit(90101)]
    await stage.submit(documents.rma("901", *units, order_name="#901"))
    await stage.settle()
    delivery = await stage.delivery("901")
    assert delivery.status is Status.ATTENTION
    assert delivery.reason is not None
    assert "under another delivery; its goods are not those of this one" in delivery.reason
    assert len(stage.notes) == 1


async def test_a_voided_one_is_for_a_person(stage: Stage) -> None:
    stage.sandbox.void(await made_and_forgotten(stage))
    await epochs.begin(stage.hub.clock, "restored from a backup")
    await stage.submit(RETURN)
    await stage.settle()
    delivery = await stage.delivery("901")
    assert delivery.status is Status.ATTENTION
    assert delivery.reason is not None
    assert "was voided in Cin7 Omni" in delivery.reason
    assert len(stage.posts) == 1


async def test_nothing_is_sent_before_a_look_has_come_through(migrated: Environment) -> None:
    # Without that check, notes are read by the look only.
    async with open_stage(migrated, check_double_credit="off") as stage:
        await epochs.begin(stage.hub.clock, "restored from a backup")
        await stage.submit(RETURN)
        stage.fault("unavailable:times=2,on=CreditNotes")
        await stage.work()
        assert (await stage.delivery("901")).status is Status.PENDING
        assert stage.posts == []
        await stage.settle()
        delivery = await stage.delivery("901")
        assert (delivery.status, delivery.verdict) == (Status.DONE, Verdict.CREATED)
        assert len(stage.posts) == 1


async def test_a_look_that_is_refused_pauses_the_connection(stage: Stage) -> None:
    await epochs.begin(stage.hub.clock, "restored from a backup")
    await stage.submit(RETURN)
    stage.fault("forbidden:times=all,on=CreditNotes")
    await stage.work()
    assert (await stage.connection()).is_paused
    assert (await stage.delivery("901")).status is Status.PENDING
    assert stage.posts == []


async def test_a_running_engine_obeys_an_epoch_declared_meanwhile(ready: Environment) -> None:
    async with open_stage(ready) as stage:
        made = await made_and_forgotten(stage)
        await Connection.all().update(next_poll_at=None)
        async with running_engine(stage.hub) as engine:
            await epochs.begin(stage.hub.clock, "restored from a backup")
            await stage.submit(RETURN)
            engine.ring()
            await until(Delivery.filter(status=Status.DONE).exists)
        assert (await stage.delivery("901")).document_id == made
        assert len(stage.posts) == 1

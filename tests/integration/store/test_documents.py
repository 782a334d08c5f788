"""One document of an ERP belongs to one delivery, whoever says so and whenever."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tortoise.exceptions import IntegrityError

from hub.errors import ConflictError
from hub.inbound.accept import accept
from hub.merchant import connections, deliveries, methods
from hub.outcomes import Document, Receipt, ReceiptLine, ReceiptVerdict, Status, ValidationState, Verdict
from hub.rma_update.apply import apply_receipts
from hub.store.models import Connection, Delivery, Rma, RmaItem
from tests.integration.store.test_recording import desk, outcome
from tests.support.documents import event, rma
from tests.support.standstill import standstill

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Store

ONE = Document(document_id="77", reference="RMA 1")
OTHER = Document(document_id="78", reference="RMA 2")


async def needing_person(hub: Hub, store: Store, *numbers: str) -> list[Delivery]:
    """Deliveries of which nothing went out, and which wait for a person."""
    for number in numbers:
        await accept(hub.clock, store, event(rma(number, order_name=f"#{number}")), source="test")
    await Delivery.filter(rma__rma_id__in=numbers).update(status=Status.ATTENTION, next_attempt_at=None)
    return [await Delivery.get(rma__rma_id=number) for number in numbers]


async def claimed(hub: Hub, row: Delivery, document: str = "77") -> str:
    """A person closes a delivery with a document; gives what came of that."""
    try:
        return await deliveries.resolve(hub.clock, row, "it is this one's", document)
    except ConflictError as error:
        return type(error).__name__


async def having(document: str) -> list[str]:
    rows = Delivery.filter(document_id=document).order_by("rma_id")
    return [str(each) for each in await rows.values_list("rma__rma_id", flat=True)]


async def second_connection(hub: Hub, store: Store) -> Connection:
    """Another connection to the account of ``main``, which *Send it yourself* goes over."""
    values = {"username": "shop", "api_key": "a secret key", "base_url": "http://127.0.0.1:9/api"}
    added = await connections.add(
        hub, store, "cin7_omni", "second", values, should_check=False, is_second_allowed=True
    )
    await methods.point_at(await methods.get(store, "Send it yourself"), added.row, None)
    return added.row


# --- persons -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("connection")
async def test_of_persons_who_name_one_document_at_once_one_gets_it(hub: Hub, store: Store) -> None:
    for first in (901, 911, 921):
        rows = await needing_person(hub, store, *(str(first + each) for each in range(4)))
        came = await asyncio.gather(*(claimed(hub, row, f"doc {first}") for row in rows))
        assert sorted(came)[:3] == ["ConflictError"] * 3
        assert len(await having(f"doc {first}")) == 1


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_of_persons_who_have_all_looked_before_one_writes_one_gets_it(hub: Hub, store: Store) -> None:
    rows = await needing_person(hub, store, "901", "902", "903", "904")
    async with standstill(hub.environment.database_url, "audit_entry") as still:
        claiming = asyncio.gather(*(claimed(hub, row) for row in rows))
        await still.until_waiting(4)
        await still.end()
        came = await claiming
    assert sorted(came)[:3] == ["ConflictError"] * 3
    assert len(await having("77")) == 1


@pytest.mark.usefixtures("connection")
async def test_of_two_connections_to_one_account_a_document_belongs_to_one_return(
    hub: Hub, store: Store
) -> None:
    await second_connection(hub, store)
    (one,) = await needing_person(hub, store, "901")
    other = rma("902", order_name="#902")
    other["items"][0]["returnMethod"]["name"] = "Send it yourself"
    await accept(hub.clock, store, event(other), source="test")
    await Delivery.filter(rma__rma_id="902").update(status=Status.ATTENTION)
    two = await Delivery.get(rma__rma_id="902")
    assert one.connection_id != two.connection_id
    came = await asyncio.gather(claimed(hub, one), claimed(hub, two))
    assert "ConflictError" in came
    assert len(await having("77")) == 1


async def test_the_database_itself_gives_a_document_one_owner(
    hub: Hub, store: Store, connection: Connection
) -> None:
    rows = await needing_person(hub, store, "901", "902")
    given = {"account_key": connection.account, "document_id": "77"}
    await Delivery.filter(id=rows[0].id).update(owns_document=True, **given)
    with pytest.raises(IntegrityError):
        await Delivery.filter(id=rows[1].id).update(owns_document=True, **given)
    await Delivery.filter(id=rows[1].id).update(owns_document=None, **given)


# --- the ERP -------------------------------------------------------------------------------------------


async def test_one_document_answered_for_two_is_recorded_and_both_go_to_a_person(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection, rmas=3) as at:
        rows = await at.sending()
        given = [
            outcome(row, Verdict.CREATED, "", document=document)
            for row, document in zip(rows, (ONE, OTHER, ONE), strict=True)
        ]
        await at.record.sent(rows, given)
        stored = [await at.stored(index) for index in range(3)]
    assert [row.status for row in stored] == [Status.ATTENTION, Status.DONE, Status.ATTENTION]
    assert [row.document_id for row in stored] == ["77", "78", "77"]
    assert [row.owns_document for row in stored] == [None, True, None]
    assert "is also that of RMA 902" in (stored[0].reason or "")
    assert f"resolve {stored[0].id} --document 77" in stored[0].fix
    assert "is also that of RMA 900" in (stored[2].reason or "")


async def test_what_a_person_took_before_goes_to_a_person_when_the_erp_answers_it(
    hub: Hub, store: Store, connection: Connection
) -> None:
    (taken,) = await needing_person(hub, store, "800")
    await claimed(hub, taken)
    async with desk(hub, store, connection, rmas=2) as at:
        rows = await at.sending()
        documents = (ONE, OTHER)
        given = [
            outcome(row, Verdict.CREATED, "", document=each)
            for row, each in zip(rows, documents, strict=True)
        ]
        await at.record.sent(rows, given)
        answered, neighbour = await at.stored(0), await at.stored(1)
    taken = await Delivery.get(id=taken.id)
    assert (taken.status, answered.status, neighbour.status) == (
        Status.ATTENTION,
        Status.ATTENTION,
        Status.DONE,
    )
    # A third one may not take it meanwhile. Then a person says whose it is, and that the other has none.
    (third,) = await needing_person(hub, store, "801")
    assert await claimed(hub, third) == "ConflictError"
    assert "77" in await claimed(hub, answered)
    assert await claimed(hub, taken) == "ConflictError"
    with pytest.raises(ConflictError, match="also that of another return"):
        await deliveries.resolve(hub.clock, taken, "it has none")
    await deliveries.resolve(hub.clock, taken, "it has none", is_without_document=True)
    taken = await Delivery.get(id=taken.id)
    assert (taken.status, taken.document_id, taken.is_open) == (Status.SKIPPED, None, False)
    assert await having("77") == ["900"]


async def test_a_person_and_the_erp_at_one_moment_are_both_recorded(
    hub: Hub, store: Store, connection: Connection
) -> None:
    (row,) = await needing_person(hub, store, "800")
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        answered = at.record.sent(rows, [outcome(at.row, Verdict.CREATED, "", document=ONE)])
        if hub.environment.is_sqlite:
            came, _ = await asyncio.gather(claimed(hub, row), answered)
        else:
            async with standstill(hub.environment.database_url, "audit_entry") as still:
                claiming = asyncio.create_task(claimed(hub, row))
                await still.until_held_up()
                recording = asyncio.create_task(answered)
                await still.until_waiting(2)
                await still.end()
                came, _ = await asyncio.gather(claiming, recording)
        recorded = await at.stored()
    taken = await Delivery.get(id=row.id)
    if came == "ConflictError":
        assert (recorded.status, taken.status) == (Status.DONE, Status.ATTENTION)
    else:
        assert (recorded.status, taken.status) == (Status.ATTENTION, Status.ATTENTION)
        assert recorded.document_id == taken.document_id == "77"
    assert await Delivery.filter(document_id="77", owns_document=True).count() <= 1


async def test_goods_of_a_document_that_two_returns_have_are_counted_for_neither(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection, rmas=2) as at:
        rows = await at.sending()
        await at.record.sent(rows, [outcome(row, Verdict.CREATED, "", document=ONE) for row in rows])
        received = Receipt(
            document_id="77",
            reference="RMA 1",
            verdict=ReceiptVerdict.PROCESS,
            reason="it arrived",
            is_complete=True,
            received_at=hub.clock.now(),
            lines=(ReceiptLine(sku="SKU-001", expected=Decimal(1), received=Decimal(1)),),
            seen_at=hub.clock.now(),
        )
        await apply_receipts(hub.clock, connection.id, "cin7_omni", [received])
    assert await RmaItem.filter(validated_at__isnull=False).count() == 0
    assert {row.validation for row in await Rma.all()} == {ValidationState.FLAGGED}


async def test_a_return_that_is_tried_again_is_looked_for_without_the_document_it_shares(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection, rmas=2) as at:
        rows = await at.sending()
        await at.record.sent(rows, [outcome(row, Verdict.CREATED, "", document=ONE) for row in rows])
        await deliveries.retry(hub.clock, await at.stored())
        row = await at.stored()
        assert (row.status, row.document_id, row.account_key) == (Status.IN_DOUBT, None, connection.account)
        # What it shared before it shares no more.
        assert "77" in await claimed(hub, await at.stored(1))

"""What another store has shows in no list, no page's end, no reconciliation and no call of the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.inbound.accept import accept
from hub.merchant import erasing, search
from hub.merchant.findings import FindingKind
from hub.merchant.reconcile import reconcile
from hub.outcomes import Status
from hub.store.bulk import insert
from hub.store.models import Delivery, Event, Exchange, ExchangeDelivery, Rma
from tests.support.documents import event
from tests.support.two_stores import open_two_stores

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.two_stores import Side

MANY = search.FURTHEST + 10
PERSON = {"name": "Zéphyrine Quillfeather", "email": "zephyrine@canary.example", "country": "GB"}


async def fill(side: Side, *, is_placed: bool) -> None:
    """So many returns of a store that need a person."""
    now = side.hub.clock.now()
    common = {"platform": "returngo", "status": "Approved", "document": "{}", "received_at": now}
    await insert(Rma, [{"store_id": side.store.id, "rma_id": f"x{n}", **common} for n in range(MANY)])
    ids = [row.id for row in await Rma.filter(store_id=side.store.id).only("id")]
    given = {"status": Status.ATTENTION, "created_at": now, "updated_at": now}
    given |= {"connection_id": side.connection_id if is_placed else None}
    await insert(Delivery, [{"id": f"{n:016x}", "rma_id": rma, **given} for n, rma in enumerate(ids)])


@pytest.mark.parametrize("status", ["attention", "needs_you"])
@pytest.mark.parametrize("is_placed", [True, False])
async def test_a_list_by_status_does_not_end_where_another_store_has_many(
    migrated: Environment, status: str, is_placed: bool
) -> None:
    async with open_two_stores(migrated) as two:
        await two.ours.sign("901", status="Who knows")
        await fill(two.theirs, is_placed=is_placed)
        page = await search.find(two.ours.store, search.Wanted(status=status), limit=5)
        assert [row.rma_id for row in page.rows] == ["901"]
        assert (page.cursor, page.is_cut) == (None, False)


async def test_reconciling_reads_of_no_other_account(ready: Environment) -> None:
    # Two accounts that give the same ids.
    async with open_two_stores(ready, seeds=(3, 3)) as two:
        ours, theirs = two.ours, two.theirs
        numbers = [str(number) for number in range(901, 907)]
        for number in numbers:
            await ours.sign(number)
            await theirs.sign(str(int(number) + 50))
        await two.settle()
        assert [each["id"] for each in ours.erp.documents()] == [
            each["id"] for each in theirs.erp.documents()
        ]
        for note in ours.erp.documents():
            ours.erp.void(str(note["id"]))
        found = await reconcile(ours.hub, ours.http, await ours.row(), since=None, owner="test")
        assert [(each.kind, each.rma_id) for each in found.findings] == [
            (FindingKind.VOID, number) for number in numbers
        ]


async def test_reconciling_one_account_names_no_delivery_of_another_store(ready: Environment) -> None:
    async with open_two_stores(ready, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        await theirs.sign()
        await two.settle()
        await ours.show()
        await two.settle()
        # As a restored ledger is: the account holds a note of theirs that nobody has in theirs.
        mine = Delivery.filter(rma__store_id=theirs.store.id)
        await mine.update(status=Status.ATTENTION, document_id=None)
        found = await reconcile(ours.hub, ours.http, await ours.row(), since=None, owner="test")
        other = (await theirs.delivery()).id
        assert other not in str(found.findings)
        assert theirs.store.name not in str(found.findings)


async def test_look_for_a_strangers_note_stands_in_neither_stores_log(ready: Environment) -> None:
    async with open_two_stores(ready, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        await theirs.sign()
        await two.settle()
        await ours.show()
        await two.settle()
        assert await ours.status() is Status.ATTENTION
        mine = await Exchange.filter(connection_id=ours.connection_id)
        ids = [each.id for each in mine]
        about = await ExchangeDelivery.filter(delivery_id=(await theirs.delivery()).id, exchange_id__in=ids)
        assert about == []
        kept = "".join(f"{each.url}{each.request_body}{each.reply_body}{each.error}" for each in mine)
        assert theirs.store.name not in kept
        assert [each.reply_body for each in mine][-1] == "[not kept]"


async def test_erasing_while_events_of_both_stores_come_in_leaves_nothing_of_the_customer(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs

        def document(number: str, minute: int) -> dict[str, object]:
            return ours.document(number, updated=f"2026-03-02T10:{minute:02}:00+00:00", customer=PERSON)

        async def send(number: str, minute: int) -> None:
            async with open_hub(migrated, clock=ours.hub.clock):
                await accept(ours.hub.clock, ours.store, event(document(number, minute)), source="test")

        async def erase(number: str) -> None:
            async with open_hub(migrated, clock=ours.hub.clock) as hub:
                await erasing.erase(hub, ours.store, [await ours.rma(number)])

        numbers = [str(number) for number in range(901, 907)]
        for number in numbers:
            await accept(ours.hub.clock, ours.store, event(document(number, 0)), source="test")
            await accept(theirs.hub.clock, theirs.store, event(document(number, 0)), source="test")
        await two.settle()
        for number in numbers:
            await asyncio.gather(send(number, 1), erase(number), send(number, 2))
        for row in await Rma.filter(store_id=ours.store.id):
            events = [each.document for each in await Event.filter(rma_id=row.id)]
            texts = [row.document, row.approved_document or "", *events]
            assert not [text for text in texts if PERSON["email"] in text or "Quillfeather" in text]
        # The other store's rows are its own.
        assert PERSON["email"] in (await theirs.rma("901")).document
        assert [two.made(ours, number) for number in numbers] == [1] * len(numbers)

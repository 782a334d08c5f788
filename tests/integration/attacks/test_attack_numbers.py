"""A store that signs events for the return numbers of another blocks, learns and doubles nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.errors import ConflictError
from hub.inbound.accept import accept
from hub.inbound.event import read_event
from hub.inbound.intake import Intake
from hub.merchant import connections, contested, deliveries
from hub.outcomes import Status
from hub.routing import Decision
from hub.store.models import Connection, Delivery, Event, Rma, RmaToFetch
from hub.store.timeline import TWIN, UNCONFIRMED
from tests.support.documents import event
from tests.support.two_stores import open_two_stores

if TYPE_CHECKING:
    from hub.environment import Environment
    from tests.support.two_stores import Side

LATER = "2026-03-02T10:00:00+00:00"


async def learns_nothing(reader: Side, other: Side) -> None:
    text = await reader.read()
    assert reader.store.name in text
    assert other.store.name not in text


async def test_number_that_a_stranger_signed_for_first_is_credited_where_the_platform_shows_it(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        assert (await theirs.sign()).decision is Decision.SEND
        await ours.show()
        assert await RmaToFetch.all().count() == 0
        # Theirs waited, and is withdrawn; ours has a story of its own.
        assert (await theirs.status(), await ours.status()) == (Status.SKIPPED, Status.PENDING)
        assert await theirs.kinds() == ["rma.approved", UNCONFIRMED]
        assert await ours.kinds() == ["rma.approved"]
        await two.settle()
        assert (two.made(ours), two.made(theirs)) == (1, 0)
        for reader, other in ((ours, theirs), (theirs, ours)):
            await learns_nothing(reader, other)


async def test_event_for_a_number_that_the_platform_shows_elsewhere_starts_nothing(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await ours.show()
        accepted = await theirs.sign()
        assert (accepted.duplicate, accepted.decision) == (False, Decision.SKIP)
        assert (await theirs.sign(updated=LATER)).delivery_id == accepted.delivery_id
        # A person cannot bring it about either.
        await deliveries.retry(ours.hub.clock, await theirs.delivery())
        await two.settle()
        assert await theirs.status() is Status.SKIPPED
        assert (two.made(ours), two.made(theirs)) == (1, 0)
        await learns_nothing(theirs, ours)


async def test_note_in_another_account_stops_nothing(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await theirs.sign()
        await two.settle()
        await ours.show()
        await two.settle()
        assert (two.made(ours), two.made(theirs)) == (1, 1)
        assert (await ours.status(), await theirs.status()) == (Status.DONE, Status.DONE)
        assert [each.rma_id for each in await contested.every()] == ["901"]
        await learns_nothing(ours, theirs)


async def test_note_in_the_same_account_stops_it_until_a_person_has_seen_to_that(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        await theirs.sign()
        await two.settle()
        (note,) = ours.erp.documents()
        await ours.show()
        await two.settle()
        row = await ours.delivery()
        assert (row.status, two.made(ours)) == (Status.ATTENTION, 1)
        assert str(note["id"]) in (row.reason or "")
        assert (await ours.kinds())[-1] == TWIN
        await learns_nothing(ours, theirs)
        # Handed back as it is, it is stopped again; with the other note cancelled it goes out.
        await deliveries.retry(ours.hub.clock, row)
        await two.settle()
        assert (await ours.status(), two.made(ours)) == (Status.ATTENTION, 1)
        ours.erp.void(str(note["id"]))
        await deliveries.retry(ours.hub.clock, await ours.delivery())
        await two.settle()
        assert (await ours.status(), two.made(ours)) == (Status.DONE, 1)


async def test_cancelled_note_in_the_same_account_is_shown_to_a_person_first(ready: Environment) -> None:
    async with open_two_stores(ready, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        await theirs.sign()
        await two.settle()
        (note,) = ours.erp.documents()
        ours.erp.void(str(note["id"]))
        await ours.show()
        await two.settle()
        assert (await ours.status(), two.made(ours)) == (Status.ATTENTION, 0)
        await deliveries.retry(ours.hub.clock, await ours.delivery())
        await two.settle()
        assert (await ours.status(), two.made(ours)) == (Status.DONE, 1)


@pytest.mark.parametrize("fault", ["drop_after_write", "drop_before_write"])
async def test_what_is_in_doubt_in_the_same_account_is_settled_first(
    migrated: Environment, fault: str
) -> None:
    async with open_two_stores(migrated, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        theirs.fault(f"{fault}:on=POST")
        await theirs.sign()
        await theirs.work()
        assert await theirs.status() is Status.IN_DOUBT
        await ours.show()
        # Nothing may be known yet, so nothing is sent; nor is what is in doubt withdrawn.
        await ours.work()
        assert (await ours.status(), await theirs.status()) == (Status.PENDING, Status.IN_DOUBT)
        await learns_nothing(ours, theirs)
        await two.settle()
        expected = (
            (Status.ATTENTION, Status.DONE) if fault == "drop_after_write" else (Status.DONE, Status.SKIPPED)
        )
        assert (await ours.status(), await theirs.status()) == expected
        assert two.made(ours) == 1


@pytest.mark.parametrize("fault", ["drop_after_write", "drop_before_write"])
async def test_a_stranger_who_leaves_a_try_in_doubt_holds_nobody_up(ready: Environment, fault: str) -> None:
    async with open_two_stores(ready, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        theirs.fault(f"{fault}:on=POST")
        await theirs.sign()
        await theirs.work()
        await connections.pause(await theirs.row(), "and never resumed")
        await ours.show()
        await two.settle()
        is_made = fault == "drop_after_write"
        assert await ours.status() is (Status.ATTENTION if is_made else Status.DONE)
        assert two.made(ours) == 1
        # Back at work, it finds that its turn has passed.
        await connections.resume(await theirs.row())
        await two.settle()
        assert await theirs.status() is (Status.DONE if is_made else Status.SKIPPED)
        assert two.made(ours) == 1


async def test_of_two_that_only_sign_one_is_credited_in_one_account_and_both_in_two(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated, is_one_account=True) as two:
        await two.ours.sign()
        await two.theirs.sign()
        await two.settle()
        statuses = {await two.ours.status(), await two.theirs.status()}
        assert statuses == {Status.DONE, Status.ATTENTION}
        assert two.made(two.ours) == 1


async def test_of_two_that_only_sign_both_are_credited_in_two_accounts(ready: Environment) -> None:
    async with open_two_stores(ready) as two:
        await two.ours.sign()
        await two.theirs.sign()
        await two.settle()
        assert (two.made(two.ours), two.made(two.theirs)) == (1, 1)


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_two_that_send_at_one_moment_make_one_note_in_one_account(
    migrated: Environment, is_confirmed: bool
) -> None:
    async with open_two_stores(migrated, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        numbers = [str(number) for number in range(901, 913)]
        await ours.connect_shop()
        for number in numbers:
            await theirs.sign(number)
            if is_confirmed:
                ours.ask(number)
                ours.approve(number)
            else:
                await ours.sign(number)

        async def beside(side: Side) -> None:
            # A hub of its own has a database connection of its own, as another process would.
            async with open_hub(migrated, clock=ours.hub.clock):
                await side.work()

        async def read() -> None:
            if is_confirmed:
                async with open_hub(migrated, clock=ours.hub.clock):
                    await ours.poll()

        await asyncio.gather(beside(theirs), read(), beside(ours))
        await two.settle()
        assert [two.made(ours, number) for number in numbers] == [1] * len(numbers)
        for number in numbers:
            assert {await ours.status(number), await theirs.status(number)} <= {
                Status.DONE,
                Status.ATTENTION,
                Status.SKIPPED,
            }


async def test_account_written_down_without_proof_stops_nobody(ready: Environment) -> None:
    async with open_two_stores(ready, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        # Whoever knows the account's name, and not its key.
        values = {"api_key": "not it", "look_up_orders": "off", "check_double_credit": "off"}
        await connections.edit(ours.hub, await theirs.row(), values)
        await theirs.sign()
        await theirs.work()
        row = await theirs.delivery()
        assert (row.status, row.attempts, (await theirs.row()).proved_at) == (Status.PENDING, 1, None)
        await deliveries.resolve(ours.hub.clock, row, "it is there", str(12345))
        await ours.show()
        # The ERP refuses the first look that is about theirs.
        await ours.work()
        await two.settle()
        assert (await ours.status(), two.made(ours)) == (Status.DONE, 1)


async def test_document_that_a_stranger_names_stops_nobody(ready: Environment) -> None:
    async with open_two_stores(ready, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        await ours.show("902")
        await two.settle()
        (note,) = ours.erp.documents()
        theirs.fault("unavailable:on=POST,times=all")
        await theirs.sign()
        await theirs.work()
        theirs.erp.clear_faults()
        await connections.pause(await theirs.row(), "to name a document")
        with pytest.raises(ConflictError, match="one document credits one return"):
            await deliveries.resolve(ours.hub.clock, await theirs.delivery(), "mine", str(note["id"]))
        await ours.show()
        await two.settle()
        assert (await ours.status(), two.made(ours)) == (Status.DONE, 1)


async def test_a_platform_at_an_address_of_ones_own_confirms_nothing(ready: Environment) -> None:
    async with open_two_stores(ready) as two:
        ours, theirs = two.ours, two.theirs
        await theirs.connect_shop()
        # As though their server stood elsewhere on the internet.
        await Connection.filter(id=theirs.platform_id).update(account_key="x")
        await ours.sign()
        theirs.ask()
        theirs.approve()
        document = theirs.document(status="Approved", updated=LATER)
        await accept(ours.hub.clock, theirs.store, event(document), source="elsewhere", is_read_now=True)
        assert (await theirs.rma()).confirmed_at is None
        assert await ours.status() is Status.PENDING
        await two.settle()
        assert two.made(ours) == 1


async def test_what_an_event_brought_is_confirmed_by_the_list_without_a_call_for_each(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await ours.connect_shop()
        ours.ask()
        ours.approve()
        held = read_event(json.dumps(ours.returngo.books.need("901")).encode())
        await accept(ours.hub.clock, ours.store, held, source=f"events/{ours.store.id}")
        assert (await ours.rma()).confirmed_at is None
        await ours.poll()
        assert (await ours.rma()).confirmed_at is not None
        assert not [call for call in ours.returngo.calls() if call["path"].endswith("/rma/901")]
        assert (await theirs.sign()).decision is Decision.SKIP


async def test_withdrawn_return_is_credited_once_its_shop_is_connected(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        ours, theirs = two.ours, two.theirs
        await ours.connect_shop()
        ours.ask()
        await ours.poll()
        await theirs.sign()
        await two.settle()
        assert await theirs.status() is Status.SKIPPED
        # The shop was connected to the wrong store: now it shows the return in the other one.
        await theirs.show()
        await two.settle()
        assert (await theirs.status(), two.made(theirs)) == (Status.DONE, 1)


async def test_two_stores_whose_events_come_at_one_moment_share_a_commit_and_nothing_else(
    migrated: Environment,
) -> None:
    async with open_two_stores(migrated) as two:
        intake = Intake(two.ours.hub.clock)
        accepted = await asyncio.gather(
            *(
                accept(
                    side.hub.clock,
                    side.store,
                    event(side.document(number)),
                    source="x",
                    event_id=number,
                    intake=intake,
                )
                for number in ("901", "902")
                for side in (two.ours, two.theirs)
            )
        )
        assert [each.duplicate for each in accepted] == [False] * 4
        for side in (two.ours, two.theirs):
            held = {row.rma_id: row.order_name for row in await Rma.filter(store_id=side.store.id)}
            assert held == {number: f"#{number}-{side.store.name}" for number in ("901", "902")}
        await two.settle()
        assert (two.made(two.ours), two.made(two.theirs)) == (1, 1)


async def test_one_event_id_of_two_stores_is_two_events(migrated: Environment) -> None:
    async with open_two_stores(migrated) as two:
        for side in (two.ours, two.theirs):
            document = event(two.ours.document())
            accepted = await accept(side.hub.clock, side.store, document, source="cli")
            assert not accepted.duplicate
        assert (await Event.all().count(), await Rma.all().count(), await Delivery.all().count()) == (2, 2, 2)


async def test_try_of_a_dead_process_is_waited_for_and_then_looked_for(ready: Environment) -> None:
    async with open_two_stores(ready, is_one_account=True) as two:
        ours, theirs = two.ours, two.theirs
        theirs.fault("drop_after_write:on=POST")
        await theirs.sign()
        await theirs.work()
        # As a process leaves it that dies at its last word, while its claim still stands.
        until = two.time.now() + timedelta(hours=20)
        await Delivery.filter(rma__store_id=theirs.store.id).update(status=Status.SENDING)
        held = Connection.filter(id=theirs.connection_id)
        await held.update(claim_token="dead", claim_expires_at=until)
        await ours.show()
        two.time.set_forward(timedelta(hours=10))
        await ours.work()
        assert await ours.status() is Status.PENDING
        two.time.set_forward(timedelta(hours=11))
        await ours.work()
        assert (await ours.status(), two.made(ours)) == (Status.ATTENTION, 1)

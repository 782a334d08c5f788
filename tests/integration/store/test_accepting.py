from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

import pytest

from hub.core import open_hub
from hub.errors import ConflictError, EventError
from hub.inbound.accept import accept
from hub.inbound.arriving import Accepted
from hub.merchant import deliveries, methods, stores
from hub.outcomes import Status, ValidationState
from hub.routing import Decision
from hub.store.models import Attempt, Connection, Delivery, Event, Rma, RmaItem, TimelineEntry
from tests.support.documents import event, rma, sample, unit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.core import Hub
    from hub.store.models import Store

    Submit = Callable[..., Awaitable[Accepted]]

APPROVED, LATER, LATEST = (f"2026-03-01T1{hour}:00:00+00:00" for hour in range(3))


@pytest.fixture
def submit(hub: Hub, store: Store, connection: Connection) -> Submit:
    assert connection.name == "main"

    async def submit(document: dict[str, Any], **options: Any) -> Accepted:
        options = {"source": "test", **options}
        return await accept(hub.clock, options.pop("store", store), event(document), **options)

    return submit


async def counts() -> dict[str, int]:
    models = (Event, Rma, RmaItem, Delivery, TimelineEntry)
    return {model.__name__: await model.all().count() for model in models}


async def sent(delivery: Delivery) -> None:
    """As the engine leaves a delivery whose document exists."""
    delivery.status, delivery.attempts, delivery.next_attempt_at = Status.DONE, 1, None
    delivery.document_id, delivery.is_open = "77", True
    await delivery.save()


async def test_event_its_rma_its_items_and_its_delivery_are_stored_together(
    submit: Submit, connection: Connection
) -> None:
    accepted = await submit(sample("one_item"))
    assert (accepted.duplicate, accepted.decision, accepted.rma_id) == (False, Decision.SEND, "41501000")
    assert await counts() == {"Event": 1, "Rma": 1, "RmaItem": 2, "Delivery": 1, "TimelineEntry": 1}
    delivery = await Delivery.get(id=accepted.delivery_id)
    assert (delivery.status, delivery.connection_id) == (Status.PENDING, connection.id)
    assert delivery.next_attempt_at is not None
    assert delivery.request is None


async def test_stored_document_keeps_every_digit_and_unknown_key(submit: Submit) -> None:
    document = rma("900", unit(1, amount="10.10"), later="12345678901234567890.12345678901234567890")
    document["numbers"] = unit(1, amount="0.1000000000000000000000001")["paidPrice"]
    await submit(document)
    stored = await Rma.get(rma_id="900")
    assert "12345678901234567890.12345678901234567890" in stored.document
    assert "0.1000000000000000000000001" in stored.document


async def test_same_document_twice_is_stored_once(submit: Submit) -> None:
    first = await submit(sample("one_item"))
    before = await counts()
    second = await submit(sample("one_item"))
    assert (second.duplicate, second.delivery_id) == (True, first.delivery_id)
    assert await counts() == before


async def test_same_document_at_the_same_moment_is_stored_once(submit: Submit, hub: Hub) -> None:
    async def elsewhere() -> Accepted:
        # A hub of its own has a database connection of its own, as another process would.
        async with open_hub(hub.environment, clock=hub.clock):
            return await submit(sample("one_item"))

    answers = await asyncio.gather(*(elsewhere() for _ in range(6)), return_exceptions=True)
    wrong = [each for each in answers if isinstance(each, BaseException)]
    assert wrong == []
    assert [each.duplicate for each in answers if isinstance(each, Accepted)].count(False) == 1
    assert (await counts())["Delivery"] == 1


async def test_same_event_id_with_another_content_is_refused_with_409(submit: Submit) -> None:
    await submit(rma(), event_id="evt-1")
    before = await counts()
    with pytest.raises(EventError) as caught:
        await submit(rma(comments=["another"]), event_id="evt-1")
    assert caught.value.status == 409
    assert await counts() == before


async def test_same_event_id_from_another_source_is_another_event(submit: Submit) -> None:
    await submit(rma(), event_id="evt-1")
    accepted = await submit(rma(updated=LATER), event_id="evt-1", source="elsewhere")
    assert not accepted.duplicate
    assert (await counts())["Delivery"] == 1


@pytest.mark.parametrize("changes", [{}, {"updated": LATER}])
async def test_same_number_of_another_store_is_a_return_of_its_own(
    submit: Submit, hub: Hub, store: Store, changes: dict[str, str]
) -> None:
    outlet = await stores.add("outlet", hub.clock.now())
    await submit(rma(updated=APPROVED))
    before = await Rma.get(store_id=store.id)
    accepted = await submit(rma(**{"updated": APPROVED, **changes}), store=outlet)
    # No return method of that name is set up there, so a person is asked, and the other store is not touched.
    assert (accepted.duplicate, accepted.decision) == (False, Decision.ATTENTION)
    assert (await Rma.get(store_id=store.id)).document == before.document
    assert await counts() == {"Event": 2, "Rma": 2, "RmaItem": 2, "Delivery": 2, "TimelineEntry": 3}


async def test_older_document_is_recorded_and_not_acted_on(submit: Submit) -> None:
    await submit(rma(updated=LATER))
    accepted = await submit(rma(status="Canceled", updated=APPROVED))
    assert accepted.is_stale
    row = await Rma.get(rma_id="900")
    assert row.status == "Approved"
    assert [each.is_stale for each in await Event.all().order_by("id")] == [False, True]
    assert (await Delivery.get()).status is Status.PENDING


async def test_pending_rma_has_no_delivery_until_it_is_approved(submit: Submit) -> None:
    waiting = await submit(rma(status="Pending", updated=APPROVED))
    assert (waiting.decision, waiting.delivery_id) == (Decision.NONE, None)
    approved = await submit(rma(status="Approved", updated=LATER))
    assert approved.decision is Decision.SEND
    assert (await Delivery.get()).status is Status.PENDING
    assert (await Rma.get(rma_id="900")).approved_document is not None


@pytest.mark.parametrize("status", ["Canceled", "Rejected", "Pending"])
async def test_cancellation_before_sending_withdraws_the_delivery(submit: Submit, status: str) -> None:
    await submit(rma(updated=APPROVED))
    await submit(rma(status=status, updated=LATER))
    delivery = await Delivery.get()
    assert (delivery.status, delivery.next_attempt_at) == (Status.SKIPPED, None)
    assert status in (delivery.reason or "")


async def test_new_approval_after_a_withdrawal_sends_after_all(submit: Submit) -> None:
    first = await submit(rma(updated=APPROVED))
    await submit(rma(status="Canceled", updated=LATER))
    again = await submit(rma(updated=LATEST))
    assert (again.decision, again.delivery_id) == (Decision.SEND, first.delivery_id)
    assert (await Delivery.get()).status is Status.PENDING


@pytest.mark.parametrize("status", ["Canceled", "Rejected", "Pending"])
async def test_cancellation_after_sending_flags_and_takes_nothing_back(submit: Submit, status: str) -> None:
    await submit(rma(updated=APPROVED))
    await sent(await Delivery.get())
    await submit(rma(status=status, updated=LATER))
    row = await Rma.get(rma_id="900")
    assert row.validation is ValidationState.FLAGGED
    assert status in (row.contradiction or "")
    assert (await Delivery.get()).status is Status.DONE


@pytest.mark.parametrize("state", [Status.SENDING, Status.IN_DOUBT])
async def test_cancellation_while_it_may_be_sent_withdraws_nothing(submit: Submit, state: Status) -> None:
    await submit(rma(updated=APPROVED))
    await Delivery.all().update(status=state, attempts=1)
    await submit(rma(status="Canceled", updated=LATER))
    assert (await Delivery.get()).status is state
    assert (await Rma.get(rma_id="900")).validation is ValidationState.FLAGGED


@pytest.mark.parametrize(
    ("units", "told"),
    [
        ([unit(1), unit(2)], "10.00 EUR was due then and 20.00 EUR is due now"),
        ([unit(1, method="Keep it")], "10.00 EUR was due then and nothing is due now"),
        ([unit(1, amount="10.01")], "10.00 EUR was due then and 10.01 EUR is due now"),
        ([unit(1, sku="SKU-002")], "of SKU SKU-001 1 then and 0 now; of SKU SKU-002 0 then and 1 now"),
    ],
)
async def test_approval_of_other_items_after_sending_flags(
    submit: Submit, units: list[Any], told: str
) -> None:
    await submit(rma("900", unit(1), updated=APPROVED))
    await sent(await Delivery.get())
    await submit(rma("900", *units, updated=LATER))
    row = await Rma.get(rma_id="900")
    assert row.validation is ValidationState.FLAGGED
    assert told in (row.contradiction or "")
    assert await Delivery.all().count() == 1
    assert [each.returned_item_id for each in await RmaItem.all()] == ["1"]


async def test_same_items_again_after_sending_are_only_told(submit: Submit) -> None:
    await submit(rma("900", unit(1), updated=APPROVED))
    await sent(await Delivery.get())
    await submit(rma("900", unit(1), updated=LATER, comments=["a label was made"]))
    row = await Rma.get(rma_id="900")
    assert (row.validation, row.contradiction) == (ValidationState.NONE, None)


async def test_changed_rma_that_waits_for_a_person_is_decided_anew(submit: Submit) -> None:
    unknown = unit(1)
    unknown["returnMethod"]["name"] = "Pigeon post"
    first = await submit(rma("900", unknown, updated=APPROVED))
    assert first.decision is Decision.ATTENTION
    assert first.delivery_id is not None
    assert first.delivery_id in (await Delivery.get()).fix
    again = await submit(rma("900", unit(1), updated=LATER))
    assert (again.decision, again.delivery_id) == (Decision.SEND, first.delivery_id)


async def test_skipped_rma_that_merely_changes_stays_skipped(submit: Submit, store: Store) -> None:
    await methods.do_not_update(await methods.get(store, "UPS label"))
    await submit(rma(updated=APPROVED))
    await methods.point_at(await methods.get(store, "UPS label"), await Connection.get(name="main"), None)
    await submit(rma(updated=LATER, comments=["a label was made"]))
    assert (await Delivery.get()).status is Status.SKIPPED


async def test_items_the_customer_keeps_stay_off(submit: Submit) -> None:
    await submit(sample("mixed_with_kept_item"))
    rows = await RmaItem.all().order_by("position")
    assert [row.is_credited for row in rows].count(False) == 1
    (kept,) = [row for row in rows if not row.is_credited]
    assert (kept.return_method, "keeps" in (kept.reason or "")) == ("Keep it", True)


async def test_refused_document_leaves_nothing_behind(submit: Submit) -> None:
    broken = copy.deepcopy(sample("one_item"))
    broken["items"][1]["returnedItemId"] = broken["items"][0]["returnedItemId"]
    with pytest.raises(EventError) as caught:
        await submit(broken)
    assert caught.value.status == 422
    assert set((await counts()).values()) == {0}


async def test_retry_of_a_delivery_that_was_sent_looks_first(submit: Submit, hub: Hub) -> None:
    await submit(rma())
    row = await Delivery.get().select_related("rma")
    row.status, row.attempts = Status.ATTENTION, 1
    await row.save()
    await deliveries.retry(hub.clock, row)
    assert (await Delivery.get()).status is Status.IN_DOUBT
    assert await Attempt.all().count() == 0


async def test_retry_of_a_delivery_that_is_done_is_refused(submit: Submit, hub: Hub) -> None:
    await submit(rma())
    await sent(await Delivery.get())
    with pytest.raises(ConflictError):
        await deliveries.retry(hub.clock, await Delivery.get())


async def test_retry_routes_anew_by_the_settings_as_they_are_now(
    submit: Submit, hub: Hub, store: Store, connection: Connection
) -> None:
    ups = await methods.get(store, "UPS label")
    await methods.do_not_update(ups)
    await submit(rma())
    assert (await Delivery.get()).status is Status.SKIPPED
    await methods.point_at(ups, connection, "3")
    await deliveries.retry(hub.clock, await Delivery.get())
    row = await Delivery.get()
    assert (row.status, row.connection_id, row.location_id) == (Status.PENDING, connection.id, "3")


@pytest.mark.parametrize("is_read_now", [True, False])
async def test_what_was_read_just_now_counts_also_when_it_stood_so_before(
    submit: Submit, is_read_now: bool
) -> None:
    """A platform that gives no times: approved, cancelled, and approved again to the letter."""
    approved, cancelled = rma(), rma(status="Canceled")
    del approved["lastUpdated"], cancelled["lastUpdated"]
    for document in (approved, cancelled):
        await submit(document, is_read_now=is_read_now)
    assert (await Delivery.get()).status is Status.SKIPPED
    again = await submit(approved, is_read_now=is_read_now)
    assert again.duplicate is not is_read_now
    # A file that is submitted a second time may be an old one, and starts nothing.
    assert (await Delivery.get()).status is (Status.PENDING if is_read_now else Status.SKIPPED)
    before = await counts()
    assert (await submit(approved, is_read_now=is_read_now)).duplicate is True
    assert await counts() == before

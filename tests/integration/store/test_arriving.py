"""New RMAs that arrive at one moment are stored together, and each keeps an outcome of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tortoise.exceptions import IntegrityError

from hub.errors import EventError
from hub.inbound import intake as intakes
from hub.inbound.accept import accept
from hub.inbound.arriving import Accepted, Arrival, store_new
from hub.inbound.intake import MOST_TOGETHER, Intake
from hub.merchant import event_secrets
from hub.store.models import Delivery, Event, Rma, Store
from tests.support.documents import event, rma, unit
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.clock import Clock
    from hub.core import Hub
    from hub.store.models import Connection

MANY = 30


@pytest.fixture
def is_let_in() -> asyncio.Event:
    """When a test clears it, the next transaction does not begin before it is set."""
    event = asyncio.Event()
    event.set()
    return event


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch, is_let_in: asyncio.Event) -> list[int]:
    """How many events each transaction was given, in order."""
    seen: list[int] = []

    async def counted(clock: Clock, arrivals: Sequence[Arrival]) -> list[Accepted | None]:
        seen.append(len(arrivals))
        await is_let_in.wait()
        return await store_new(clock, arrivals)

    monkeypatch.setattr(intakes, "store_new", counted)
    return seen


@pytest.fixture
async def intake(hub: Hub, connection: Connection) -> AsyncIterator[Intake]:
    assert connection.name == "main"
    intake = Intake(hub.clock)
    yield intake
    await intake.close()


async def arrive(
    hub: Hub, intake: Intake, store: Store, rma_id: str, event_id: str | None = None, **others: Any
) -> Accepted:
    document = event(rma(rma_id, unit(int(rma_id))))
    return await accept(
        hub.clock, store, document, source="test", event_id=event_id or rma_id, intake=intake, **others
    )


async def test_one_that_arrives_alone_is_stored_at_once_and_what_comes_meanwhile_together(
    hub: Hub, store: Store, intake: Intake, sizes: list[int], is_let_in: asyncio.Event
) -> None:
    is_let_in.clear()
    alone = asyncio.create_task(arrive(hub, intake, store, "900"))
    await until(lambda: bool(sizes))
    others = [asyncio.create_task(arrive(hub, intake, store, str(900 + n))) for n in range(1, MANY)]
    await until(lambda: len(intake._waiting) == len(others))  # noqa: SLF001 - nobody else counts them
    is_let_in.set()
    answers = await asyncio.gather(alone, *others)
    assert sizes == [1, MANY - 1]
    assert [each.rma_id for each in answers] == [str(900 + n) for n in range(MANY)]
    deliveries = {row.id: row.rma.rma_id for row in await Delivery.all().select_related("rma")}
    assert {each.delivery_id: each.rma_id for each in answers} == deliveries


async def test_no_transaction_takes_more_than_its_most(
    hub: Hub, store: Store, intake: Intake, sizes: list[int]
) -> None:
    count = MOST_TOGETHER + 20
    await asyncio.gather(*(arrive(hub, intake, store, str(1000 + n)) for n in range(count)))
    assert sizes == [MOST_TOGETHER, 20]
    assert await Rma.all().count() == await Event.all().count() == count


async def test_an_rma_and_an_event_that_come_twice_together_are_stored_once(
    hub: Hub, store: Store, intake: Intake, sizes: list[int]
) -> None:
    given = [("900", "a"), ("901", "b"), ("901", "b"), ("901", "c"), ("902", "d")]
    answers = await asyncio.gather(*(arrive(hub, intake, store, *each) for each in given))
    assert sizes == [5]
    assert [each.duplicate for each in answers] == [False, False, True, True, False]
    assert sorted(each.event_id for each in await Event.all()) == ["a", "b", "c", "d"]
    assert await Delivery.all().count() == 3


async def test_one_that_cannot_be_stored_fails_alone(
    hub: Hub, store: Store, intake: Intake, sizes: list[int]
) -> None:
    nobodys = Store(id=store.id + 999, name="nobody")
    stores = [store, store, nobodys, store]
    answers = await asyncio.gather(
        *(arrive(hub, intake, each, str(900 + n)) for n, each in enumerate(stores)), return_exceptions=True
    )
    assert isinstance(answers[2], IntegrityError)
    assert [isinstance(each, Accepted) for each in answers] == [True, True, False, True]
    assert sorted(each.rma_id for each in await Rma.all()) == ["900", "901", "903"]
    assert await Delivery.all().count() == 3


async def test_what_a_removed_secret_signed_is_refused_alone_when_it_is_stored(
    hub: Hub, store: Store, intake: Intake
) -> None:
    kept, _ = await event_secrets.add(hub, store)
    removed, _ = await event_secrets.add(hub, store, name="old")
    await event_secrets.remove(hub, store, "old")
    await arrive(hub, intake, store, "905", signed_by=kept.id)
    signers = [kept.id, kept.id, removed.id]
    given = [*enumerate(signers, 900), (905, removed.id)]
    answers = await asyncio.gather(
        *(arrive(hub, intake, store, str(n), signed_by=each) for n, each in given), return_exceptions=True
    )
    assert [isinstance(each, Accepted) for each in answers] == [True, True, False, False]
    for refused in answers[2:]:
        assert isinstance(refused, EventError)
        assert refused.status == 401
    assert sorted(each.rma_id for each in await Rma.all()) == ["900", "901", "905"]


async def test_who_goes_away_meanwhile_takes_nobody_along(hub: Hub, store: Store, intake: Intake) -> None:
    tasks = [asyncio.create_task(arrive(hub, intake, store, str(900 + n))) for n in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, Accepted) for each in done] == [False, True, False, True]
    await intake.close()
    # What was on its way is stored all the same: the sender's next try is a duplicate.
    assert sorted(each.rma_id for each in await Rma.all()) == ["900", "901", "902", "903"]
    again = await arrive(hub, intake, store, "902")
    assert again.duplicate

"""Which updates are due, on both databases."""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.clock import Clock
from hub.dispatch.claims import ClaimLostError, claim
from hub.dispatch.policy import MOST_TRIES
from hub.errors import AuthError, InDoubtError, RejectedError, RetriableError
from hub.inbound.accept import accept
from hub.sending.contract import Sent
from hub.sending.due import due_receivers
from hub.sending.loop import run
from hub.sending.schedule import platform_wait
from hub.store.database import in_transaction
from hub.store.models import Connection, Rma, RmaUpdate, Role, SendingStatus, TimelineEntry, UpdateSending
from hub.telling import News, UpdateKind, tell_receivers
from tests.support.documents import event, rma

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.errors import ConnectorError
    from hub.sending.contract import OutgoingUpdate, Send
    from hub.store.models import Store


class StillTime:
    """Stands still until it is set forward: nothing falls due because a machine is slow."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self.clock = Clock(now=lambda: self._now)

    def set_forward(self, span: timedelta) -> None:
        self._now += span


@pytest.fixture
def time() -> StillTime:
    return StillTime()


async def receiver(hub: Hub, store: Store, name: str = "one") -> Connection:
    return await Connection.create(
        id=hub.clock.new_id(),
        store=store,
        name=name,
        name_key=f"platform:{name}",
        role=Role.PLATFORM,
        connector="imagined",
        settings="{}",
        credentials="",
        created_at=hub.clock.now(),
    )


async def tell(hub: Hub, rma_id: str, *numbers: int) -> None:
    row = await Rma.get(rma_id=rma_id)
    news = [News(rma=row.id, kind=UpdateKind.ITEM_VALIDATED, facts={"number": each}) for each in numbers]
    async with in_transaction():
        await tell_receivers(hub.clock, news)


async def send_all(hub: Hub, row: Connection, send: Send) -> None:
    await row.refresh_from_db()
    async with claim(row.id, "test", hub.clock) as held:
        assert held is not None
        await run(hub, row, held, send, platform_wait)


class Sender:
    """Keeps what it was given; fails as a test orders."""

    def __init__(self, *errors: ConnectorError, only_for: str = "") -> None:
        self.errors = list(errors)
        self.only_for = only_for
        self.given: list[tuple[str, int]] = []
        self.done: list[tuple[str, int]] = []

    async def __call__(self, update: OutgoingUpdate) -> Sent:
        which = (update.rma_id, update.facts["number"])
        self.given.append(which)
        if self.errors and self.only_for in {"", update.rma_id}:
            raise self.errors.pop(0)
        self.done.append(which)
        return Sent(story="It was told.")


@pytest.fixture
async def row(hub: Hub, store: Store) -> Connection:
    for rma_id in ("900", "901"):
        await accept(hub.clock, store, event(rma(rma_id, order_name=f"#{rma_id}")), source="test")
    made = await receiver(hub, store)
    for rma_id in ("900", "901"):
        await tell(hub, rma_id, 1, 2)
    return made


async def test_return_that_needs_a_person_as_it_arrives_is_told_once(hub: Hub, store: Store) -> None:
    await receiver(hub, store)
    for minute in (0, 1):
        document = rma("900", updated=f"2026-03-01T10:0{minute}:00+00:00")
        await accept(hub.clock, store, event(document), source="test")
    assert [each.kind for each in await RmaUpdate.all()] == [UpdateKind.CREDIT_NOTE_FAILED]


async def test_all_go_in_order_and_are_told(hub: Hub, row: Connection) -> None:
    sender = Sender()
    assert await due_receivers(hub.clock.now()) == {row.id}
    await send_all(hub, row, sender)
    for rma_id in ("900", "901"):
        assert [number for its, number in sender.done if its == rma_id] == [1, 2]
    assert await due_receivers(hub.clock.now()) == set()
    assert await TimelineEntry.filter(kind="update.sent").count() == 4


async def test_one_in_doubt_holds_up_its_own_rma_only(hub: Hub, row: Connection, time: StillTime) -> None:
    sender = Sender(InDoubtError("send: lost"), only_for="900")
    await send_all(hub, row, sender)
    assert sender.done == [("901", 1), ("901", 2)]
    assert await due_receivers(hub.clock.now()) == set(), "what stands behind it is not due"
    time.set_forward(timedelta(minutes=1))
    await send_all(hub, row, sender)
    assert sender.done[2:] == [("900", 1), ("900", 2)]


async def test_a_receiver_that_is_away_rests_whole(hub: Hub, row: Connection, time: StillTime) -> None:
    sender = Sender(RetriableError("send: away", retry_after=timedelta(hours=1)))
    await send_all(hub, row, sender)
    assert len(sender.given) == 1
    await tell(hub, "901", 3)
    assert await due_receivers(hub.clock.now()) == set()
    time.set_forward(timedelta(hours=1))
    await send_all(hub, row, sender)
    assert len(sender.done) == 5
    assert (await Connection.get(id=row.id)).resting_until is None


async def test_one_refused_for_good_is_told_and_the_next_goes(hub: Hub, row: Connection) -> None:
    sender = Sender(RejectedError("comment", why="too long"), only_for="900")
    await send_all(hub, row, sender)
    assert sorted(sender.done) == [("900", 2), ("901", 1), ("901", 2)]
    [failed] = await UpdateSending.filter(status=SendingStatus.FAILED)
    assert failed.reason == "refused: comment: too long"
    assert await TimelineEntry.filter(kind="update.failed").count() == 1


async def test_refused_credentials_pause_it_and_lose_nothing(hub: Hub, row: Connection) -> None:
    sender = Sender(AuthError("comment: the key is refused"))
    await send_all(hub, row, sender)
    assert len(sender.given) == 1
    paused = await Connection.get(id=row.id)
    assert (paused.is_paused, paused.pause_reason) == (True, "comment: the key is refused")
    assert await due_receivers(hub.clock.now()) == set()
    await Connection.filter(id=row.id).update(is_paused=False)
    await send_all(hub, row, sender)
    assert len(sender.done) == 4


async def test_trying_ends_and_the_next_one_of_the_rma_goes(
    hub: Hub, row: Connection, time: StillTime
) -> None:
    first = await UpdateSending.filter(rma__rma_id="900").order_by("id").first()
    assert first is not None
    await UpdateSending.filter(id=first.id).update(attempts=MOST_TRIES - 2)
    sender = Sender(*[InDoubtError("send: lost")] * 2, only_for="900")
    for _ in range(3):
        await send_all(hub, row, sender)
        time.set_forward(timedelta(minutes=16))
    await first.refresh_from_db()
    assert (first.status, first.attempts) == (SendingStatus.FAILED, MOST_TRIES)
    assert [n for r, n in sender.done if r == "900"] == [2]


async def test_who_has_lost_the_claim_writes_nothing(hub: Hub, row: Connection) -> None:
    async def send(_: OutgoingUpdate) -> Sent:
        await Connection.filter(id=row.id).update(claim_token="somebody else")
        return Sent()

    with pytest.raises(ClaimLostError):
        await send_all(hub, row, send)
    assert await UpdateSending.filter(status=SendingStatus.PENDING).count() == 4


async def test_a_removed_or_paused_receiver_is_never_due(hub: Hub, row: Connection) -> None:
    await Connection.filter(id=row.id).update(is_paused=True)
    assert await due_receivers(hub.clock.now()) == set()
    await Connection.filter(id=row.id).update(is_paused=False, removed_at=hub.clock.now())
    assert await due_receivers(hub.clock.now()) == set()


async def test_nothing_is_told_of_what_is_not_committed(hub: Hub, row: Connection) -> None:
    news = [News(rma=(await Rma.get(rma_id="900")).id, kind=UpdateKind.ITEM_VALIDATED, facts={})]

    async def broken_off() -> None:
        async with in_transaction():
            await tell_receivers(hub.clock, news)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken_off()
    assert await UpdateSending.all().count() == 4


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_fails_each_rma_learns_everything_in_order(
    hub: Hub, row: Connection, time: StillTime, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - a drawing that can be repeated
    taken: list[tuple[str, int]] = []

    async def send(update: OutgoingUpdate) -> Sent:
        drawn = dice.random()
        if drawn < 0.2:
            raise RetriableError("away")
        if drawn < 0.5:
            if drawn < 0.35:
                taken.append((update.rma_id, update.facts["number"]))
            raise InDoubtError("lost")
        taken.append((update.rma_id, update.facts["number"]))
        return Sent()

    for number in (3, 4):
        for rma_id in ("900", "901"):
            await tell(hub, rma_id, number)
        await send_all(hub, row, send)
    while await UpdateSending.filter(status=SendingStatus.PENDING).exists():
        time.set_forward(timedelta(minutes=16))
        await send_all(hub, row, send)
    for rma_id in ("900", "901"):
        numbers = [n for r, n in taken if r == rma_id]
        assert list(dict.fromkeys(numbers)) == sorted(set(numbers)) == [1, 2, 3, 4]
        assert numbers == sorted(numbers), "none is repeated after a later one went"


async def test_a_batch_of_many_costs_as_many_statements_as_one(
    hub: Hub, row: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    counts = []
    for numbers in ([5], range(100, 200)):
        with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
            await tell(hub, "900", *numbers)
        counts.append(len(caplog.records))
        caplog.clear()
    assert counts[0] == counts[1] > 0


async def test_a_key_that_was_refused_pauses_nothing_once_another_was_entered(
    hub: Hub, row: Connection
) -> None:
    is_entered = False

    async def refuse(_: OutgoingUpdate) -> Sent:
        nonlocal is_entered
        if not is_entered:
            is_entered = True
            await Connection.filter(id=row.id).update(credentials="another")
        raise AuthError("send", why="401")

    await send_all(hub, row, refuse)
    await row.refresh_from_db()
    assert (row.is_paused, row.last_error) == (False, "send: 401")
    await send_all(hub, row, refuse)
    await row.refresh_from_db()
    assert row.is_paused

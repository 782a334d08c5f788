from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest

from hub.dispatch.claims import ClaimLostError, claim
from hub.dispatch.opening import open_connection
from hub.dispatch.policy import MOST_TRIES
from hub.dispatch.record import Recorder
from hub.inbound.accept import accept
from hub.outcomes import (
    Document,
    Outcome,
    Prepared,
    Rejected,
    Sighting,
    SightingKind,
    Status,
    Verdict,
)
from hub.store.models import Attempt, Connection, Delivery, TimelineEntry
from tests.support.documents import event, rma

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.core import Hub
    from hub.store.models import Store

DOCUMENT = Document(document_id="77", reference="RMA 1")


@dataclass(kw_only=True)
class Desk:
    """A recorder under a claim, and deliveries to write about."""

    hub: Hub
    record: Recorder
    rows: list[Delivery]

    @property
    def row(self) -> Delivery:
        return self.rows[0]

    async def prepared(self) -> list[Delivery]:
        answers = [
            Prepared(delivery_id=row.id, reference=f"RMA {row.id}", request=f'{{"of": "{row.id}"}}')
            for row in self.rows
        ]
        return await self.record.prepared(self.rows, answers, {row.id: 3 for row in self.rows})

    async def sending(self) -> list[Delivery]:
        return await self.record.start(await self.prepared())

    async def stored(self, index: int = 0) -> Delivery:
        return await Delivery.get(id=self.rows[index].id)


@asynccontextmanager
async def desk(hub: Hub, store: Store, connection: Connection, rmas: int = 1) -> AsyncIterator[Desk]:
    rows = []
    for number in range(rmas):
        accepted = await accept(hub.clock, store, event(rma(str(900 + number))), source="test")
        rows.append(await Delivery.get(id=accepted.delivery_id))
    async with aiohttp.ClientSession() as http, claim(connection.id, "test", hub.clock) as held:
        assert held is not None
        row = await Connection.get(id=connection.id)
        yield Desk(hub=hub, record=Recorder(hub, open_connection(hub, row, http, held), held), rows=rows)


async def kinds() -> list[str]:
    return [entry.kind for entry in await TimelineEntry.all().order_by("id")]


def outcome(row: Delivery, verdict: Verdict, reason: str = "it said so", **others: object) -> Outcome:
    return Outcome(delivery_id=row.id, verdict=verdict, reason=reason, **others)  # type: ignore[arg-type]


async def test_prepared_request_is_frozen(hub: Hub, store: Store, connection: Connection) -> None:
    async with desk(hub, store, connection) as at:
        assert [row.id for row in await at.prepared()] == [at.row.id]
        row = await at.stored()
        assert (row.status, row.request) == (Status.PENDING, f'{{"of": "{row.id}"}}')
        assert (row.reference, row.mapping_version) == (f"RMA {row.id}", 3)
        assert await Attempt.all().count() == 0


async def test_refused_preparation_waits_for_a_person(hub: Hub, store: Store, connection: Connection) -> None:
    async with desk(hub, store, connection, rmas=2) as at:
        good = Prepared(delivery_id=at.rows[1].id, reference="R", request="{}")
        bad = Rejected(delivery_id=at.row.id, reason="it is too long", fix="shorten it")
        ready = await at.record.prepared(at.rows, [bad, good], {row.id: 0 for row in at.rows})
        assert [row.id for row in ready] == [at.rows[1].id]
        row = await at.stored()
        assert (row.status, row.reason, row.fix) == (Status.ATTENTION, "it is too long", "shorten it")
        assert (await at.stored(1)).status is Status.PENDING


async def test_cancellation_during_preparation_is_not_written_over(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection, rmas=2) as at:
        await accept(
            hub.clock, store, event(rma("900", status="Canceled", updated="2026-04-01")), source="test"
        )
        assert [row.id for row in await at.sending()] == [at.rows[1].id]
        row = await at.stored()
        assert (row.status, row.request, row.attempts) == (Status.SKIPPED, None, 0)


async def test_cancellation_after_preparation_is_not_sent(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        ready = await at.prepared()
        await accept(
            hub.clock, store, event(rma("900", status="Canceled", updated="2026-04-01")), source="test"
        )
        assert await at.record.start(ready) == []
        assert await Attempt.all().count() == 0


async def test_attempt_is_written_before_anything_is_sent(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        await at.sending()
        row, attempt = await at.stored(), await Attempt.get()
        assert (row.status, row.attempts) == (Status.SENDING, 1)
        assert (attempt.number, attempt.reference, attempt.finished_at) == (1, row.reference, None)
        assert attempt.claim_token == (await Connection.get(id=connection.id)).claim_token


@pytest.mark.parametrize("verdict", [Verdict.CREATED, Verdict.ADOPTED])
async def test_document_ends_the_delivery_and_starts_the_polling(
    hub: Hub, store: Store, connection: Connection, verdict: Verdict
) -> None:
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        await at.record.sent(rows, [outcome(at.row, verdict, "", document=DOCUMENT)])
        row, attempt = await at.stored(), await Attempt.get()
        assert (row.status, row.verdict, row.document_id) == (Status.DONE, verdict, "77")
        assert (row.is_open, row.next_attempt_at, row.reason) == (True, None, None)
        assert (attempt.verdict, attempt.finished_at is None) == (verdict, False)
        assert (await Connection.get(id=connection.id)).next_poll_at is not None
        assert (await kinds())[-1] == f"delivery.{verdict}"


async def test_neighbours_of_a_batch_each_get_their_own_outcome(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection, rmas=3) as at:
        rows = await at.sending()
        verdicts = [Verdict.REJECTED, Verdict.CREATED, Verdict.IN_DOUBT]
        documents = [None, DOCUMENT, None]
        given = [
            outcome(row, verdict, document=document)
            for row, verdict, document in zip(rows, verdicts, documents, strict=True)
        ]
        await at.record.sent(rows, given)
        stored = [(await at.stored(index)).status for index in range(3)]
        assert stored == [Status.ATTENTION, Status.DONE, Status.IN_DOUBT]
        assert [each.verdict for each in await Attempt.all().order_by("id")] == verdicts


async def test_retry_waits_and_then_gives_up(hub: Hub, store: Store, connection: Connection) -> None:
    async with desk(hub, store, connection) as at:
        (row,) = await at.prepared()
        row.retries = MOST_TRIES - 2
        for is_last in (False, True):
            rows = await at.record.start([row])
            await at.record.sent(rows, [outcome(row, Verdict.RETRY, "no connection")])
            row = await at.stored()
            assert row.status is (Status.ATTENTION if is_last else Status.PENDING)
            assert (row.next_attempt_at is None) is is_last
        assert row.attempts == 2
        assert f"given up after {MOST_TRIES} tries" in (row.reason or "")


async def test_retry_waits_at_least_as_long_as_the_remote_asked(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        before = hub.clock.now()
        await at.record.sent(rows, [outcome(at.row, Verdict.RETRY, retry_after=timedelta(hours=3))])
        due = (await at.stored()).next_attempt_at
        assert due is not None
        assert due >= before + timedelta(hours=3)


async def test_lost_answer_is_looked_for_and_the_same_request_sent_again_only_after_the_last_look(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        frozen = at.row.request
        await at.record.sent(rows, [outcome(at.row, Verdict.IN_DOUBT)])
        lost = await at.stored()
        assert lost.lost_at is not None
        looks = []
        while (await at.stored()).status is Status.IN_DOUBT:
            row = await at.stored()
            assert row.next_attempt_at is not None
            looks.append((row.next_attempt_at - lost.lost_at).total_seconds())
            await at.record.sighted([row], [Sighting(delivery_id=row.id, kind=SightingKind.ABSENT)])
        row = await at.stored()
        assert looks == [5, 60, 300]
        assert (row.status, row.request, row.attempts) == (Status.PENDING, frozen, 1)


async def test_look_that_fails_does_not_count(hub: Hub, store: Store, connection: Connection) -> None:
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        await at.record.sent(rows, [outcome(at.row, Verdict.IN_DOUBT)])
        await at.record.sighted([await at.stored()], [outcome(at.row, Verdict.RETRY, "no connection")])
        row = await at.stored()
        assert (row.status, row.looks) == (Status.IN_DOUBT, 0)
        assert "no connection" in (row.reason or "")


@pytest.mark.parametrize("kind", [SightingKind.SEVERAL, SightingKind.FOREIGN, SightingKind.VOID])
async def test_what_is_not_plainly_ours_goes_to_a_person(
    hub: Hub, store: Store, connection: Connection, kind: SightingKind
) -> None:
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        await at.record.sent(rows, [outcome(at.row, Verdict.IN_DOUBT)])
        seen = Sighting(delivery_id=at.row.id, kind=kind, documents=(DOCUMENT,), reason="look at it")
        await at.record.sighted([await at.stored()], [seen])
        row = await at.stored()
        assert (row.status, row.document_id, row.next_attempt_at) == (Status.ATTENTION, None, None)
        assert "77" in row.fix


async def test_paused_outcome_pauses_the_connection_and_keeps_the_delivery(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        await at.record.sent(rows, [outcome(at.row, Verdict.PAUSED, "the key is refused")])
        row, paused = await at.stored(), await Connection.get(id=connection.id)
        assert row.status is Status.PENDING
        assert (paused.is_paused, paused.pause_reason) == (True, "the key is refused")


async def test_rows_a_dead_process_left_are_in_doubt_and_looked_for_at_once(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        await at.record.orphans(await at.sending())
        row = await at.stored()
        assert (row.status, row.looks) == (Status.IN_DOUBT, 0)
        assert row.next_attempt_at is not None
        assert row.next_attempt_at <= hub.clock.now()


async def test_nothing_is_written_once_the_claim_is_lost(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        rows = await at.sending()
        story = await kinds()
        await Connection.all().update(claim_token="somebody else")
        with pytest.raises(ClaimLostError):
            await at.record.sent(rows, [outcome(at.row, Verdict.CREATED, "", document=DOCUMENT)])
        row = await at.stored()
        assert (row.status, row.document_id) == (Status.SENDING, None)
        assert await kinds() == story
        assert (await Attempt.get()).finished_at is None


async def test_nothing_is_started_once_the_claim_is_lost(
    hub: Hub, store: Store, connection: Connection
) -> None:
    async with desk(hub, store, connection) as at:
        ready = await at.prepared()
        await Connection.all().update(claim_token="somebody else")
        with pytest.raises(ClaimLostError):
            await at.record.start(ready)
        assert (await at.stored()).status is Status.PENDING
        assert await Attempt.all().count() == 0

"""One flush of one connection: look into doubts, then prepare, freeze and send what is due."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.batch import halving
from hub.dispatch.disabling import why_disabled
from hub.dispatch.due import due
from hub.dispatch.opening import UnreadableError, as_started, views
from hub.dispatch.record import Recorder
from hub.dispatch.transitions import after_refusal, recognised
from hub.dispatch.twins import calls_forgotten, can_be_passed_over, is_asked_for, seen_by_hooks, stops
from hub.errors import InDoubtError, PluginError, RejectedError
from hub.outcomes import Outcome, Status, Verdict
from hub.store import epochs
from hub.store.models import Connection, Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub import hookspecs
    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.dispatch.opening import OpenedConnection
    from hub.dispatch.twins import Obstacle
    from hub.outcomes import Prepared, Rejected, Sighting


class Flush:
    """The work of one connection, under one claim."""

    def __init__(self, hub: Hub, opened: OpenedConnection, claim: Claim) -> None:
        self._hub = hub
        self._opened = opened
        self._record = Recorder(hub, opened, claim)
        self._has_forgotten = False

    @property
    def is_outdated(self) -> bool:
        """True when a person has changed the connection since it was opened."""
        return not self._opened.is_led_by(self._opened.row)

    async def run(self, most_batches: int | None = None) -> None:
        """Works until nothing is due, the connection is paused or changed, or its connector switched off.

        Args:
            most_batches: come back after so many; None for all that are due.
        """
        orphans = await Delivery.filter(connection_id=self._opened.row.id, status=Status.SENDING)
        if orphans:
            await self._record.orphans(orphans)
        batches = 0
        while batches != most_batches and await self._is_running():
            batches += 1
            self._has_forgotten = await epochs.current() is not None
            if doubts := await self._due(Status.IN_DOUBT):
                await self._look(doubts)
            elif pending := await self._due(Status.PENDING):
                await self._deliver(pending)
            else:
                return

    async def _is_running(self) -> bool:
        row = self._opened.row
        await row.refresh_from_db(
            fields=["is_paused", "removed_at", "batch_limit", "settings", "credentials"]
        )
        if row.is_paused or row.removed_at is not None or self.is_outdated:
            return False
        return await why_disabled(row.connector) is None

    async def _due(self, status: Status) -> list[Delivery]:
        most = self._opened.connector.schema.max_batch
        order = ["next_attempt_at", "created_at", "id"]
        if status is Status.PENDING:
            most = min(most, self._opened.row.batch_limit or most)
            # What was approved last goes first: a backfill, approved long ago, holds up no live return.
            order.insert(0, "-rma__approved_at")
        return (
            await Delivery.filter(
                connection_id=self._opened.row.id,
                status=status,
            )
            .filter(due("next_attempt_at", self._hub.clock.now()))
            .order_by(*order)
            .limit(most)
        )

    async def _read(self, rows: Sequence[Delivery]) -> tuple[list[Delivery], list[hookspecs.Delivery]]:
        """Hands what cannot be read or looked for to a person. Gives the others, and how hooks see them."""
        rows = await self._record.of_this_account(rows)
        try:
            return rows, await views(rows, self._opened.row)
        except UnreadableError as error:
            await self._record.unreadable([row for row in rows if row.id in error.reasons], error.reasons)
            readable = [row for row in rows if row.id not in error.reasons]
            return readable, await views(readable, self._opened.row)

    async def _look(self, waiting: Sequence[Delivery]) -> None:
        rows, deliveries = await self._read(waiting)
        if not rows:
            return
        answers = await self._find(deliveries)
        reach(CrashPoint.LOOK_AFTER_ANSWER)
        await self._record.sighted(rows, answers)

    async def _look_first(self, rows: Sequence[Delivery]) -> list[Delivery]:
        """In an epoch after a rollback: adopts what was made and forgotten. Gives the rows to send."""
        answers = await self._find(await views(rows, self._opened.row))
        reach(CrashPoint.FIRST_LOOK_AFTER_ANSWER)
        return await self._record.looked_first(rows, answers)

    async def _find(
        self, deliveries: Sequence[hookspecs.Delivery], *, about: Sequence[str] | None = None
    ) -> list[Sighting | Outcome]:
        """Looks for documents. ``about``: whose the calls are in the log; None for the deliveries' own."""
        opened = self._opened

        async def find(batch: Sequence[hookspecs.Delivery]) -> Sequence[Sighting]:
            concerned = [each.delivery_id for each in batch] if about is None else about
            with opened.session.about(concerned):
                return await opened.connector.find_documents(opened.view, batch)

        answers = await halving(find, deliveries, (RejectedError, PluginError))
        if not self._has_forgotten:
            return answers
        return [each if await self._is_remembered(each) else recognised(each) for each in answers]

    async def _is_remembered(self, answer: Sighting | Outcome) -> bool:
        """Whether a document that seems forgotten is another store's, and in its ledger."""
        if isinstance(answer, Outcome) or not answer.is_of_this_rma:
            return False
        ids = [document.document_id for document in answer.documents]
        same = Delivery.filter(document_id__in=ids, connection__quota_key=self._opened.row.quota_key)
        return await same.exists()

    async def _deliver(self, waiting: Sequence[Delivery]) -> None:
        rows, deliveries = await self._read(waiting)
        rows = await self._record.still_approved(rows)
        seen = {each.delivery_id: each for each in deliveries}
        fresh = [row for row in rows if row.request is None]
        ready = [row for row in rows if row.request is not None]
        if fresh:
            ready += await self._prepare(fresh, [seen[row.id] for row in fresh])
        if ready and self._has_forgotten:
            ready = await self._look_first(ready)
        # Preparing may have waited for quota: a person may have switched the connector off since.
        while ready and await self._is_running():
            if sending := await self._record.start(ready):
                await self._send(sending, [as_started(seen[row.id], row) for row in sending])
            ready = await self._meet_twins()

    async def _meet_twins(self) -> list[Delivery]:
        """Deals with what other stores have under the same numbers. Gives the rows that it does not stop."""
        free = []
        for obstacle in self._record.twins.obstacles:
            if obstacle.is_unconfirmed:
                await self._record.yielded(obstacle.row)
            elif obstacle.wait_until is not None:
                await self._record.waiting_for_twin(obstacle.row, obstacle.wait_until)
            elif await self._is_passed(obstacle):
                free.append(obstacle.row)
        return free

    async def _is_passed(self, obstacle: Obstacle) -> bool:
        """Looks for what twins have left in this account. True when that is nothing."""
        row = obstacle.row
        is_asked = await is_asked_for(row)
        for twin in obstacle.tried:
            if (view := await seen_by_hooks(twin)) is None:
                await self._record.stopped_by_twin(row, twin, ())
                return False
            # What is asked and answered is for neither store to read: it is about the other's return too.
            async with calls_forgotten(self._opened.row):
                (answer,) = await self._find([view], about=())
            reach(CrashPoint.TWIN_AFTER_LOOK)
            if isinstance(answer, Outcome):
                if not can_be_passed_over(twin, answer):
                    await self._record.not_looked_for(row, answer)
                    return False
            elif stops(answer, is_asked=is_asked):
                ids = [document.document_id for document in answer.documents]
                await self._record.stopped_by_twin(row, twin, ids)
                return False
            self._record.twins.settle(twin)
        return True

    async def _prepare(
        self, rows: Sequence[Delivery], deliveries: Sequence[hookspecs.Delivery]
    ) -> list[Delivery]:
        opened = self._opened
        deliveries = [replace(each, is_looked_for_first=self._has_forgotten) for each in deliveries]

        async def prepare(
            batch: Sequence[hookspecs.Delivery],
        ) -> Sequence[Prepared | Rejected]:
            with opened.session.about([each.delivery_id for each in batch]):
                return await opened.connector.prepare(opened.view, batch)

        answers = await halving(prepare, deliveries, (RejectedError, PluginError))
        reach(CrashPoint.PREPARE_AFTER_ANSWER)
        versions = {each.delivery_id: each.mapping_version for each in deliveries}
        ready = await self._record.prepared(rows, answers, versions)
        await self._pause_if_asked(answers)
        return ready

    async def _send(self, rows: Sequence[Delivery], deliveries: Sequence[hookspecs.Delivery]) -> None:
        opened = self._opened
        was_too_slow = False

        async def send(batch: Sequence[hookspecs.Delivery]) -> Sequence[Outcome]:
            nonlocal was_too_slow
            try:
                with opened.session.about([each.delivery_id for each in batch]):
                    return await opened.connector.on_rma_approved(opened.view, batch)
            except InDoubtError as error:
                was_too_slow = was_too_slow or error.timed_out
                raise

        # Only a refusal of the whole batch unread is sent again in halves: nothing of it was applied.
        outcomes = await halving(send, deliveries, (RejectedError,), was_sending=True)
        refused = [each for each in outcomes if each.verdict is Verdict.REJECTED]
        if refused:
            reach(CrashPoint.SEND_AFTER_REFUSAL)
            outcomes = await self._looked_up(deliveries, outcomes, refused)
        await self._record.sent(rows, outcomes)
        await self._resize(len(rows), was_too_slow=was_too_slow)

    async def _looked_up(
        self,
        deliveries: Sequence[hookspecs.Delivery],
        outcomes: list[Outcome],
        refused: Sequence[Outcome],
    ) -> list[Outcome]:
        """Looks refused ones up once, in shared calls: the refusal may be due to our own earlier document."""
        ids = {each.delivery_id for each in refused}
        answers = await self._find([each for each in deliveries if each.delivery_id in ids])
        reach(CrashPoint.SEND_REFUSAL_LOOKED_UP)
        seen = {answer.delivery_id: answer for answer in answers}
        return [
            after_refusal(each, seen[each.delivery_id]) if each.delivery_id in ids else each
            for each in outcomes
        ]

    async def _pause_if_asked(self, answers: Sequence[object]) -> None:
        for answer in answers:
            if isinstance(answer, Outcome) and answer.verdict is Verdict.PAUSED:
                await self._record.pause(answer.reason)
                return

    async def _resize(self, size: int, *, was_too_slow: bool) -> None:
        """Halves the batches after a time-out, and doubles them again after each success."""
        row = self._opened.row
        if was_too_slow:
            limit: int | None = max(1, size // 2)
        elif row.batch_limit is not None and size >= row.batch_limit:
            doubled = row.batch_limit * 2
            limit = doubled if doubled < self._opened.connector.schema.max_batch else None
        else:
            return
        await Connection.filter(id=row.id).update(batch_limit=limit)

"""Writes what came of an attempt: row, attempt and story in one transaction, under the claim."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.dispatch.policy import next_look_at, retry_wait
from hub.outcomes import Outcome, Prepared, Rejected, Sighting, SightingKind, Status, Verdict
from hub.store.database import in_transaction
from hub.store.models import Attempt, Connection, Delivery, TimelineEntry
from hub.store.timeline import entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.dispatch.opening import OpenedConnection

ROW_FIELDS = (
    "status",
    "verdict",
    "reason",
    "fix",
    "request",
    "reference",
    "origins",
    "warnings",
    "total",
    "mapping_version",
    "document_id",
    "document_reference",
    "attempts",
    "looks",
    "lost_at",
    "next_attempt_at",
    "version",
    "is_open",
    "updated_at",
)


class Recorder:
    """Turns answers of one connection's connector into rows.

    Args:
        hub: for the clock.
        opened: whose deliveries.
        claim: checked in every transaction.
    """

    def __init__(self, hub: Hub, opened: OpenedConnection, claim: Claim) -> None:
        self._clock = hub.clock
        self._opened = opened
        self._claim = claim
        self._noun = opened.connector.schema.document_noun
        self._title = opened.connector.schema.title

    async def save(self, rows: Sequence[Delivery], story: Sequence[TimelineEntry]) -> None:
        """Writes changed rows and what is told about them, in one transaction."""
        async with in_transaction():
            await self._claim.check()
            await self._write(rows, story)

    async def _write(self, rows: Sequence[Delivery], story: Sequence[TimelineEntry]) -> None:
        now = self._clock.now()
        for row in rows:
            row.version += 1
            row.updated_at = now
        if rows:
            await Delivery.bulk_update(rows, fields=ROW_FIELDS)
        if story:
            await TimelineEntry.bulk_create(story)

    # --- prepare ---------------------------------------------------------------------------------------

    async def prepared(
        self,
        rows: Sequence[Delivery],
        answers: Sequence[Prepared | Rejected | Outcome],
        mapping_versions: dict[str, int],
    ) -> list[Delivery]:
        """Freezes what was prepared. Gives the rows that may be sent now."""
        now = self._clock.now()
        story = []
        ready = []
        for row, answer in zip(rows, answers, strict=True):
            if isinstance(answer, Prepared):
                self._freeze(row, answer, mapping_versions[row.id])
                total = f", total {answer.total}" if answer.total else ""
                text = f"The {self._noun} was prepared as {answer.reference!r}{total}."
                story.append(entry(row.rma_id, now, "delivery.prepared", text))
                story += [
                    entry(row.rma_id, now, "delivery.warning", f"Note: {warning}.")
                    for warning in answer.warnings
                ]
                if self._opened.is_shadow:
                    self._end(row, Status.SKIPPED, Verdict.SKIPPED, "shadow mode: prepared, not written")
                    text = f"Shadow mode: nothing was written to {self._opened.row.name}."
                    story.append(entry(row.rma_id, now, "delivery.skipped", text))
                else:
                    ready.append(row)
            elif isinstance(answer, Rejected):
                story.append(self._attention(row, now, answer.reason, answer.fix, Verdict.REJECTED))
            else:
                story.append(self._settle(row, answer, now))
        await self.save(rows, story)
        return ready

    @staticmethod
    def _freeze(row: Delivery, answer: Prepared, mapping_version: int) -> None:
        row.request, row.reference = answer.request, answer.reference
        row.origins = json.dumps(dict(answer.origins), ensure_ascii=False)
        row.warnings = json.dumps(list(answer.warnings), ensure_ascii=False)
        row.total = str(answer.total) if answer.total else None
        row.mapping_version = mapping_version

    # --- send ------------------------------------------------------------------------------------------

    async def start(self, rows: Sequence[Delivery]) -> list[Delivery]:
        """Commits the attempts, before the first byte goes out.

        Returns:
            The rows that are still to be sent: a cancellation may have come meanwhile.
        """
        now = self._clock.now()
        async with in_transaction():
            await self._claim.check()
            ids = [row.id for row in rows]
            still = await Delivery.filter(id__in=ids, status=Status.PENDING).select_for_update()
            by_id = {row.id: row for row in still}
            sending = [by_id[row_id] for row_id in ids if row_id in by_id]
            for row in sending:
                row.status = Status.SENDING
                row.attempts += 1
                row.lost_at = now
                row.looks = 0
            await Attempt.bulk_create(
                Attempt(
                    delivery_id=row.id,
                    number=row.attempts,
                    reference=row.reference,
                    mapping_version=row.mapping_version,
                    claim_token=self._claim.token,
                    started_at=now,
                )
                for row in sending
            )
            name = self._opened.row.name
            story = [
                entry(row.rma_id, now, "delivery.sent", f"Sent to {name} (attempt {row.attempts}).")
                for row in sending
            ]
            await self._write(sending, story)
        return sending

    async def sent(self, rows: Sequence[Delivery], outcomes: Sequence[Outcome]) -> None:
        """Records what came of the attempts started last."""
        now = self._clock.now()
        story = [self._settle(row, outcome, now) for row, outcome in zip(rows, outcomes, strict=True)]
        numbers = {row.id: row.attempts for row in rows}
        by_id = {outcome.delivery_id: outcome for outcome in outcomes}
        async with in_transaction():
            await self._claim.check()
            attempts = [
                attempt
                for attempt in await Attempt.filter(delivery_id__in=list(numbers), finished_at__isnull=True)
                if attempt.number == numbers[attempt.delivery_id]
            ]
            for attempt in attempts:
                attempt.finished_at = now
                attempt.verdict = by_id[attempt.delivery_id].verdict
                attempt.reason = by_id[attempt.delivery_id].reason
            if attempts:
                await Attempt.bulk_update(attempts, fields=["finished_at", "verdict", "reason"])
            await self._write(rows, story)
            paused = [outcome for outcome in outcomes if outcome.verdict is Verdict.PAUSED]
            if paused:
                await self.pause(paused[0].reason)
            elif any(outcome.document for outcome in outcomes):
                await self._worked(now)

    async def _worked(self, now: datetime) -> None:
        mine = Connection.filter(id=self._opened.row.id)
        await mine.update(last_success_at=now, last_error="")
        # From the first document on there is something to poll for.
        first_poll = now + timedelta(seconds=self._opened.poll_interval_s)
        await mine.filter(next_poll_at__isnull=True).update(next_poll_at=first_poll)

    async def pause(self, reason: str) -> None:
        """Pauses the connection; what waits stays pending and goes on when a person resumes it."""
        await Connection.filter(id=self._opened.row.id).update(
            is_paused=True, pause_reason=reason, last_error=reason, last_error_at=self._clock.now()
        )

    def _settle(self, row: Delivery, outcome: Outcome, now: datetime) -> TimelineEntry:
        """Changes a row as an outcome demands, and says so in one sentence."""
        name = self._opened.row.name
        row.reason, row.fix, row.verdict = outcome.reason or None, outcome.fix, outcome.verdict
        match outcome.verdict:
            case Verdict.CREATED | Verdict.ADOPTED if outcome.document is not None:
                row.document_id = outcome.document.document_id
                row.document_reference = outcome.document.reference
                row.is_open = True
                self._end(row, Status.DONE, outcome.verdict, None)
                made = "was created" if outcome.verdict is Verdict.CREATED else "was found, made earlier"
                text = (
                    f"The {self._noun} {row.document_id} ({row.document_reference}) {made} in {self._title}."
                )
                return entry(row.rma_id, now, f"delivery.{outcome.verdict}", text)
            case Verdict.SKIPPED:
                self._end(row, Status.SKIPPED, Verdict.SKIPPED, outcome.reason)
                return entry(row.rma_id, now, "delivery.skipped", f"Nothing was written: {outcome.reason}.")
            case Verdict.RETRY:
                return self._later(row, outcome, now)
            case Verdict.PAUSED:
                row.status, row.next_attempt_at = Status.PENDING, now
                text = f"Connection {name} is paused, and this waits for it: {outcome.reason}."
                return entry(row.rma_id, now, "delivery.paused", text)
            case Verdict.REJECTED:
                return self._attention(row, now, outcome.reason, outcome.fix, Verdict.REJECTED)
            case _:
                return self._doubt(row, now, outcome.reason)

    def _later(self, row: Delivery, outcome: Outcome, now: datetime) -> TimelineEntry:
        wait = retry_wait(
            max(row.attempts, 1), jitter=self._clock.random.random(), asked=outcome.retry_after
        )
        if wait is None:
            reason = f"given up after {row.attempts} attempts: {outcome.reason}"
            return self._attention(row, now, reason, outcome.fix, Verdict.RETRY)
        row.status, row.next_attempt_at = Status.PENDING, now + wait
        text = f"Not sent, and tried again in {_spell(wait)}: {outcome.reason}."
        return entry(row.rma_id, now, "delivery.retry", text)

    def _doubt(self, row: Delivery, now: datetime, reason: str) -> TimelineEntry:
        row.status, row.verdict, row.reason = Status.IN_DOUBT, Verdict.IN_DOUBT, reason
        row.lost_at, row.looks = now, 0
        row.next_attempt_at = next_look_at(now, 0, self._opened.doubt_looks)
        text = (
            f"It is not known whether the {self._noun} was made ({reason}). "
            f"The hub looks in {self._title} before anything is sent again."
        )
        return entry(row.rma_id, now, "delivery.in_doubt", text)

    # --- look ------------------------------------------------------------------------------------------

    async def orphans(self, rows: Sequence[Delivery]) -> None:
        """Rows left in ``sending`` by a process that died: in doubt, and looked for at once."""
        now = self._clock.now()
        story = [self._doubt(row, now, "the hub stopped while it was being sent") for row in rows]
        for row in rows:
            row.next_attempt_at = now
        await self.save(rows, story)

    async def sighted(self, rows: Sequence[Delivery], answers: Sequence[Sighting | Outcome]) -> None:
        """Records what a look for documents in doubt found."""
        now = self._clock.now()
        story = [
            self._after_look(row, answer, now) for row, answer in zip(rows, answers, strict=True)
        ]
        await self.save(rows, [each for each in story if each])
        if any(row.document_id for row in rows):
            await self._worked(now)
        paused = [a for a in answers if isinstance(a, Outcome) and a.verdict is Verdict.PAUSED]
        if paused:
            await self.pause(paused[0].reason)

    def _after_look(self, row: Delivery, answer: Sighting | Outcome, now: datetime) -> TimelineEntry | None:
        if isinstance(answer, Outcome):
            # The look itself failed: nothing was learnt, so it does not count as one of the looks.
            wait = timedelta(seconds=self._opened.doubt_looks[0])
            if answer.retry_after:
                wait = max(wait, answer.retry_after)
            row.next_attempt_at = now + wait
            row.reason = f"not known whether it was made, and the look failed: {answer.reason}"
            return None
        if answer.kind is not SightingKind.ABSENT:
            return self._seen(row, answer, now)
        row.looks += 1
        row.next_attempt_at = next_look_at(row.lost_at or now, row.looks, self._opened.doubt_looks)
        if row.next_attempt_at is None:
            row.status, row.next_attempt_at = Status.PENDING, now
            text = f"Looked {row.looks} times: no {self._noun} was made. The same request is sent again."
        else:
            due = row.next_attempt_at.strftime("%H:%M:%S")
            text = f"Looked: no {self._noun} yet. Looking again at {due} UTC."
        return entry(row.rma_id, now, "delivery.looked", text)

    def _seen(self, row: Delivery, sighting: Sighting, now: datetime) -> TimelineEntry:
        """Anything but absent."""
        if sighting.kind is SightingKind.OURS:
            outcome = Outcome(
                delivery_id=row.id, verdict=Verdict.ADOPTED, document=sighting.documents[0]
            )
            return self._settle(row, outcome, now)
        reason = sighting.reason or f"the look found {sighting.kind}"
        seen = ", ".join(document.document_id for document in sighting.documents)
        fix = f"look at {self._noun} {seen} in {self._title} and decide which one counts"
        return self._attention(row, now, reason, fix, Verdict.IN_DOUBT)

    def outcome_after_refusal(self, outcome: Outcome, answer: Sighting | Outcome) -> Outcome:
        """What a refusal really was, once looked up: it may have been caused by our own earlier document."""
        if isinstance(answer, Outcome):
            return Outcome(
                delivery_id=outcome.delivery_id,
                verdict=Verdict.IN_DOUBT,
                reason=f"{outcome.reason}; and the look for an earlier one failed: {answer.reason}",
            )
        if answer.kind is SightingKind.OURS:
            return Outcome(
                delivery_id=outcome.delivery_id, verdict=Verdict.ADOPTED, document=answer.documents[0]
            )
        if answer.kind is SightingKind.ABSENT:
            return outcome
        return Outcome(
            delivery_id=outcome.delivery_id,
            verdict=Verdict.REJECTED,
            reason=f"{outcome.reason}; {answer.reason}",
            fix=outcome.fix,
        )

    # --- ends ------------------------------------------------------------------------------------------

    def _attention(
        self, row: Delivery, now: datetime, reason: str, fix: str, verdict: Verdict
    ) -> TimelineEntry:
        self._end(row, Status.ATTENTION, verdict, reason)
        row.fix = fix
        advice = f" To mend it: {fix}." if fix else ""
        return entry(row.rma_id, now, "delivery.attention", f"Needs a person: {reason}.{advice}")

    @staticmethod
    def _end(row: Delivery, status: Status, verdict: Verdict, reason: str | None) -> None:
        row.status, row.verdict, row.reason = status, verdict, reason
        row.next_attempt_at = row.lost_at = None


def _spell(wait: timedelta) -> str:
    seconds = round(wait.total_seconds())
    if seconds < 120:
        return f"{max(seconds, 1)} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"

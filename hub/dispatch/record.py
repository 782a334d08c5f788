"""Writes what came of an attempt: row, attempt and story in one transaction, under the claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.frozen import freeze
from hub.dispatch.owners import connection_names, share_out
from hub.dispatch.questions import ask_first, lock_account
from hub.dispatch.standing import leave_off, not_approved, take_anew
from hub.dispatch.transitions import Transitions
from hub.dispatch.twins import Twins
from hub.inbound.later import withdrawn
from hub.outcomes import (
    Outcome,
    Prepared,
    Rejected,
    Sighting,
    SightingKind,
    Status,
    ValidationState,
    Verdict,
)
from hub.store import bulk, epochs
from hub.store.accounts import connections_to
from hub.store.credited import mark_void
from hub.store.database import in_transaction
from hub.store.models import Attempt, Connection, Delivery, Rma
from hub.store.terms import remember
from hub.store.timeline import entry, tell_all
from hub.telling import of_delivery, tell_receivers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.dispatch.opening import OpenedConnection
    from hub.store.models import TimelineEntry

log = structlog.get_logger()

PROGRESS_FIELDS = (
    "status",
    "verdict",
    "reason",
    "fix",
    "question",
    "edited_request",
    "account_key",
    "document_id",
    "document_reference",
    "owns_document",
    "attempts",
    "retries",
    "looks",
    "lost_at",
    "credited_at",
    "next_attempt_at",
    "version",
    "is_open",
    "updated_at",
)
"""What changes while a frozen request is sent."""
ROW_FIELDS = (
    *PROGRESS_FIELDS,
    "request",
    "original_request",
    "is_prepared_anew",
    "reference",
    "origins",
    "warnings",
    "total",
    "units",
    "mapping_version",
    "frozen_settings",
    "look_up",
)


class Recorder:
    """Turns answers of one connection's connector into rows.

    Args:
        hub: for the clock and the database's place.
        opened: whose deliveries.
        claim: checked in every transaction.
    """

    def __init__(self, hub: Hub, opened: OpenedConnection, claim: Claim) -> None:
        self._clock = hub.clock
        self._environment = hub.environment
        self._opened = opened
        self._claim = claim
        self._noun = opened.connector.schema.document_noun
        self._rows = Transitions(opened, hub.clock.random.random)
        self.twins = Twins(opened)

    async def _hold(self, rows: Sequence[Delivery]) -> None:
        """Begins every transaction: what is locked before RMAs and deliveries.

        Raises:
            ClaimLostError: the claim is no longer ours.
        """
        if any(row.document_id is not None for row in rows):
            await connections_to(self._opened.row.id, is_for_update=True)
        await self._claim.check()

    async def _save(self, rows: Sequence[Delivery], story: Sequence[TimelineEntry]) -> set[str]:
        """Writes changed rows and what is told about them, in the caller's transaction.

        A row that somebody else changed since it was read is left as they made it: a cancellation that
        arrives while a request is prepared must not be undone by writing the prepared row.

        Returns:
            The ids of the rows that were written.
        """
        unchanged = await self._unchanged(rows)
        written = [row for row in rows if row.id in unchanged]
        mine = {row.rma_id for row in written}
        await self._write(written, [each for each in story if each.rma_id in mine])
        return unchanged

    async def _unchanged(self, rows: Sequence[Delivery]) -> set[str]:
        """Which rows still are as they were read; locks them until the transaction ends."""
        versions = {row.id: row.version for row in rows}
        stored = await Delivery.filter(id__in=list(versions)).select_for_update().only("id", "version")
        return {row.id for row in stored if row.version == versions[row.id]}

    async def _write(
        self,
        rows: Sequence[Delivery],
        story: Sequence[TimelineEntry],
        fields: Sequence[str] = ROW_FIELDS,
    ) -> None:
        now = self._clock.now()
        others, told = await share_out(rows, self._opened.account, self._rows, now)
        for row in (*rows, *others):
            row.version += 1
            row.updated_at = now
        await bulk.update(rows, fields)
        await bulk.update(others, PROGRESS_FIELDS)
        await tell_all([*story, *told])
        named = [row for row in rows if row.reference and row.status is not Status.SENDING]
        texts = {row.rma_id: (row.reference, row.document_reference, row.document_id) for row in named}
        await remember(self._opened.row.store_id, texts)
        ended = [row for row in rows if row.status in {Status.DONE, Status.ATTENTION}]
        news = [of_delivery(row, self._opened.row.name) for row in ended]
        news += [
            of_delivery(row, name) for row, name in zip(others, await connection_names(others), strict=True)
        ]
        await tell_receivers(self._clock, news)

    async def _log(self, what: str, rows: Sequence[Delivery]) -> None:
        """A line for each delivery; why it is so is in its story, which may name its customer."""
        ids = [row.rma_id for row in rows]
        numbers = dict(await Rma.filter(id__in=ids).values_list("id", "rma_id")) if ids else {}
        for row in rows:
            log.info(
                what,
                rma=numbers[row.rma_id],
                delivery=row.id,
                connection=self._opened.row.id,
                attempt=row.attempts,
                status=row.status.value,
                verdict=row.verdict.value if row.verdict else None,
                document=row.document_id,
            )

    # --- prepare ---------------------------------------------------------------------------------------

    async def prepared(
        self,
        rows: Sequence[Delivery],
        answers: Sequence[Prepared | Rejected | Outcome],
        mapping_versions: dict[str, int],
    ) -> list[Delivery]:
        """Freezes what was prepared. Gives the rows that may be sent now.

        Nothing is frozen when a person has changed the connection since: it is prepared anew then.
        """
        async with in_transaction():
            await lock_account(self._opened.row)
            await self._hold(rows)
            if not self._opened.is_led_by(await Connection.get(id=self._opened.row.id)):
                return []
            answers = await ask_first(self._opened.row, rows, answers)
            story, ready = self._take_prepared(rows, answers, mapping_versions)
            written = await self._save(rows, story)
            await leave_off(rows, answers, written)
            reach(CrashPoint.PREPARE_BEFORE_COMMIT)
        reach(CrashPoint.PREPARE_AFTER_COMMIT)
        return [row for row in ready if row.id in written]

    def _take_prepared(
        self,
        rows: Sequence[Delivery],
        answers: Sequence[Prepared | Rejected | Outcome],
        mapping_versions: dict[str, int],
    ) -> tuple[list[TimelineEntry], list[Delivery]]:
        """Changes the rows as the answers say. Gives their story, and the rows that may be sent."""
        now = self._clock.now()
        story: list[TimelineEntry] = []
        ready: list[Delivery] = []
        for row, answer in zip(rows, answers, strict=True):
            if isinstance(answer, Prepared):
                freeze(row, answer, mapping_versions[row.id], self._opened.row.settings)
                total = f", total {answer.total}" if answer.total else ""
                text = f"The {self._noun} was prepared as {answer.reference!r}{total}."
                story.append(entry(row.rma_id, now, "delivery.prepared", text))
                story += [
                    entry(row.rma_id, now, "delivery.warning", f"Note: {warning}.")
                    for warning in answer.warnings
                ]
                if self._opened.is_shadow:
                    self._rows.end(row, Status.SKIPPED, Verdict.SKIPPED, "shadow mode: prepared, not written")
                    text = f"Shadow mode: nothing was written to {self._opened.row.name}."
                    story.append(entry(row.rma_id, now, "delivery.skipped", text))
                else:
                    ready.append(row)
            elif isinstance(answer, Rejected):
                verdict = Verdict.REJECTED
                story.append(
                    self._rows.attention(row, now, answer.reason, answer.fix, verdict, answer.question)
                )
            else:
                story.append(self._rows.settle(row, answer, now))
        return story, ready

    async def unreadable(self, rows: Sequence[Delivery], reasons: Mapping[str, str]) -> None:
        """Hands deliveries to a person whose stored RMA this version cannot read."""
        now = self._clock.now()
        fix = f"look in {self._opened.connector.schema.title} for its document, then close it with "
        story = [
            self._rows.attention(
                row,
                now,
                f"the stored RMA cannot be read: {reasons[row.id]}",
                f"{fix}`hub deliveries resolve {row.id} --note TEXT`; and report this",
                Verdict.REJECTED,
            )
            for row in rows
        ]
        async with in_transaction():
            await self._hold(rows)
            await self._save(rows, story)

    async def of_this_account(self, rows: Sequence[Delivery]) -> list[Delivery]:
        """Hands deliveries to a person that were sent to another account than is worked in. Gives the others.

        Nothing can be learnt of them here: a look would find nothing, and they would be made again.
        """
        away = [row for row in rows if row.account_key not in {None, self._opened.account}]
        if away:
            now = self._clock.now()
            async with in_transaction():
                await self._claim.check()
                await self._save(away, [self._rows.elsewhere(row, now) for row in away])
        return [row for row in rows if row not in away]

    async def still_approved(self, rows: Sequence[Delivery]) -> list[Delivery]:
        """Withdraws rows whose RMA is not approved any more. Gives the others."""
        if not (doubtful := await not_approved(rows)):
            return list(rows)
        now = self._clock.now()
        async with in_transaction():
            await self._claim.check()
            await _locked([row.rma_id for row in rows if row.id in doubtful])
            # Read again: one may have been approved again meanwhile, which changes nothing on its delivery.
            gone = await not_approved([row for row in rows if row.id in doubtful])
            if not gone:
                return list(rows)
            ending = [row for row in rows if row.id in gone]
            story = []
            for row in ending:
                reason = withdrawn(gone[row.id], attempts=row.attempts)
                self._rows.end(row, Status.SKIPPED, Verdict.SKIPPED, reason)
                row.fix, row.edited_request = "", None
                story.append(entry(row.rma_id, now, "delivery.skipped", f"Nothing is credited: {reason}."))
            written = await self._save(ending, story)
            mine = [row.rma_id for row in ending if row.id in written]
            # Without a document the cancellation contradicts nothing.
            await Rma.filter(id__in=mine).update(
                contradiction=None, contradictions="[]", validation=ValidationState.NONE
            )
        return [row for row in rows if row.id not in gone]

    # --- send ------------------------------------------------------------------------------------------

    async def start(self, rows: Sequence[Delivery]) -> list[Delivery]:
        """Commits the attempts, before the first byte goes out.

        Returns:
            The rows that are still to be sent: a cancellation may have come meanwhile, and what ``twins``
            names has an obstacle first. None of them when a person has paused or changed the connection since
            it was opened.

        Raises:
            ConfigError: the mark beside the database cannot be written, so that nothing may be sent.
        """
        now = self._clock.now()
        async with in_transaction():
            await self._claim.check()
            if not await self._may_send():
                self.twins.obstacles = []
                return []
            blocked = await self.twins.blocked(rows, now)
            unchanged = await self._unchanged(rows)
            sending = [row for row in rows if row.id in unchanged - blocked]
            for row in sending:
                row.status, row.account_key = Status.SENDING, self._opened.account
                row.attempts += 1
                row.lost_at = now
                row.looks = 0
            await bulk.insert(
                Attempt,
                [
                    {
                        "delivery_id": row.id,
                        "number": row.attempts,
                        "reference": row.reference,
                        "mapping_version": row.mapping_version,
                        "claim_token": self._claim.token,
                        "account": self._opened.row.account,
                        "started_at": now,
                    }
                    for row in sending
                ],
            )
            name = self._opened.row.name
            story = [
                entry(row.rma_id, now, "delivery.sent", f"Sent to {name} (attempt {row.attempts}).")
                for row in sending
            ]
            await self._write(sending, story, PROGRESS_FIELDS)
            last_attempt = await epochs.last_attempt() if self._environment.is_sqlite else 0
            reach(CrashPoint.START_BEFORE_COMMIT)
        reach(CrashPoint.START_AFTER_COMMIT)
        if self._environment.is_sqlite:
            await epochs.move_mark(self._environment.database_file, last_attempt)
        reach(CrashPoint.START_MARKED)
        return sending

    async def _may_send(self) -> bool:
        """Whether the connection is as it was opened. Its row is locked: whoever changes it waits for us."""
        row = await Connection.get(id=self._opened.row.id)
        return not row.is_paused and row.removed_at is None and self._opened.is_led_by(row)

    # --- twins -----------------------------------------------------------------------------------------

    async def yielded(self, row: Delivery) -> None:
        """Withdraws a delivery whose RMA the platform shows in a shop of another store."""
        await self._held_up(row, self._rows.yields(row, self._clock.now()))

    async def waiting_for_twin(self, row: Delivery, until: datetime) -> None:
        """Puts a delivery off until a twin's try is settled."""
        self._rows.waits_for_twin(row, until)
        await self._held_up(row, None)

    async def stopped_by_twin(self, row: Delivery, twin: Delivery, documents: Sequence[str]) -> None:
        """Hands a delivery to a person, since this account holds a document that a twin made."""
        told = self._rows.stopped_by_twin(row, documents, self._clock.now())
        await self._held_up(row, told)
        # Whose it is, only whoever runs the hub is told.
        log.warning("return is credited already by another store", delivery=row.id, other=twin.id)

    async def not_looked_for(self, row: Delivery, answer: Outcome) -> None:
        """Puts a delivery off, since the look for what a twin left failed: nothing was learnt or sent."""
        if answer.verdict is not Verdict.PAUSED:
            # The ERP's own words may repeat what was asked, which is another store's.
            reason = f"{self._opened.connector.schema.title} could not be asked for an earlier {self._noun}"
            answer = replace(answer, reason=reason, fix="")
        told = self._rows.after_first_look(row, answer, self._clock.now())
        await self._held_up(row, told)
        if answer.verdict is Verdict.PAUSED:
            await self.pause(answer.reason)

    async def _held_up(self, row: Delivery, told: TimelineEntry | None) -> None:
        async with in_transaction():
            await self._claim.check()
            await _locked([row.rma_id])
            await self._save([row], [told] if told else [])
            reach(CrashPoint.TWIN_BEFORE_COMMIT)

    # --- what came of it -------------------------------------------------------------------------------

    async def sent(self, rows: Sequence[Delivery], outcomes: Sequence[Outcome]) -> None:
        """Records what came of the attempts started last."""
        reach(CrashPoint.RECORD_BEGUN)
        now = self._clock.now()
        story = [self._rows.settle(row, outcome, now) for row, outcome in zip(rows, outcomes, strict=True)]
        numbers = {row.id: row.attempts for row in rows}
        by_id = {outcome.delivery_id: outcome for outcome in outcomes}
        async with in_transaction():
            await self._hold(rows)
            attempts = [
                attempt
                for attempt in await Attempt.filter(delivery_id__in=list(numbers), finished_at__isnull=True)
                if attempt.number == numbers[attempt.delivery_id]
            ]
            for attempt in attempts:
                attempt.finished_at = now
                attempt.verdict = by_id[attempt.delivery_id].verdict
                attempt.reason = by_id[attempt.delivery_id].reason
            await bulk.update(attempts, ("finished_at", "verdict", "reason"))
            await self._write(rows, story, PROGRESS_FIELDS)
            paused = [outcome for outcome in outcomes if outcome.verdict is Verdict.PAUSED]
            if paused:
                await self.pause(paused[0].reason)
            elif any(outcome.document for outcome in outcomes):
                await self._worked(now)
            reach(CrashPoint.RECORD_BEFORE_COMMIT)
        reach(CrashPoint.RECORD_AFTER_COMMIT)
        await self._log("delivery sent", rows)

    async def _worked(self, now: datetime) -> None:
        row = self._opened.row
        mine = Connection.filter(id=row.id)
        await mine.update(last_success_at=now, last_error="")
        if row.proved_at is None:
            await mine.filter(quota_key=row.quota_key, proved_at__isnull=True).update(proved_at=now)
        # From the first document on there is something to poll for.
        first_poll = now + timedelta(seconds=self._opened.poll_interval_s)
        await mine.filter(next_poll_at__isnull=True).update(next_poll_at=first_poll)

    async def pause(self, reason: str) -> None:
        """Pauses the connection; what waits stays pending and goes on when a person resumes it.

        One that a person has changed since it was opened goes on: what was refused may be mended.
        """
        settings, credentials = self._opened.opened_with
        mine = Connection.filter(id=self._opened.row.id, settings=settings, credentials=credentials)
        await mine.update(
            is_paused=True, pause_reason=reason, last_error=reason, last_error_at=self._clock.now()
        )

    # --- look ------------------------------------------------------------------------------------------

    async def orphans(self, rows: Sequence[Delivery]) -> None:
        """Rows left in ``sending`` by a process that died: in doubt, and looked for at once."""
        now = self._clock.now()
        story = [self._rows.doubt(row, now, "the hub stopped while it was being sent") for row in rows]
        for row in rows:
            row.next_attempt_at = now
        async with in_transaction():
            await self._hold(rows)
            await self._save(rows, story)
            reach(CrashPoint.ORPHANS_BEFORE_COMMIT)
        reach(CrashPoint.ORPHANS_AFTER_COMMIT)
        await self._log("delivery was left under way", rows)

    async def sighted(self, rows: Sequence[Delivery], answers: Sequence[Sighting | Outcome]) -> None:
        """Records what a look for documents in doubt found."""
        now = self._clock.now()
        story = [self._rows.after_look(row, answer, now) for row, answer in zip(rows, answers, strict=True)]
        anew = [row for row in rows if row.status is Status.PENDING and row.request is None]
        async with in_transaction():
            await self._hold(rows)
            # Before the deliveries, as an event that comes in locks them.
            rmas = {rma.id: rma for rma in await _locked([row.rma_id for row in anew])}
            written = await self._save_sighted(rows, answers, [each for each in story if each])
            for row in anew:
                if row.id in written and (otherwise := await take_anew(row, rmas[row.rma_id])):
                    told = self._rows.attention(row, now, otherwise.reason, otherwise.fix, Verdict.REJECTED)
                    await self._write([row], [told])
            reach(CrashPoint.LOOK_BEFORE_COMMIT)
        reach(CrashPoint.LOOK_AFTER_COMMIT)
        await self._log("delivery looked for", rows)

    async def looked_first(
        self, rows: Sequence[Delivery], answers: Sequence[Sighting | Outcome]
    ) -> list[Delivery]:
        """Records what a look before sending found. Gives the rows of which nothing was: they may be sent."""
        now = self._clock.now()
        told = [self._rows.after_first_look(row, each, now) for row, each in zip(rows, answers, strict=True)]
        changed = [(row, each) for row, each in zip(rows, told, strict=True) if each]
        async with in_transaction():
            await self._hold(rows)
            await self._save_sighted([row for row, _ in changed], answers, [each for _, each in changed])
        reach(CrashPoint.FIRST_LOOK_AFTER_COMMIT)
        await self._log("delivery looked for", [row for row, _ in changed])
        return [row for row, each in zip(rows, told, strict=True) if each is None]

    async def _save_sighted(
        self,
        rows: Sequence[Delivery],
        answers: Sequence[Sighting | Outcome],
        story: Sequence[TimelineEntry],
    ) -> set[str]:
        written = await self._save(rows, story)
        void = [a.delivery_id for a in answers if isinstance(a, Sighting) and a.kind is SightingKind.VOID]
        await mark_void([each for each in void if each in written], is_void=True)
        if any(row.document_id for row in rows):
            await self._worked(self._clock.now())
        paused = [a for a in answers if isinstance(a, Outcome) and a.verdict is Verdict.PAUSED]
        if paused:
            await self.pause(paused[0].reason)
        return written


async def _locked(rma_ids: Sequence[int]) -> Sequence[Rma]:
    held = Rma.filter(id__in=list(rma_ids)).order_by("id").select_for_update(no_key=True)
    return await held if rma_ids else ()

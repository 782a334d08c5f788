"""How a delivery's row changes with what came of it, and the sentence told about it. No database, no clock.

Every function changes the row it is given and leaves the writing to :mod:`hub.dispatch.record`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.dispatch.frozen import edited_of, replace_by_edited
from hub.dispatch.policy import failed_look_wait, next_look_at, retry_wait
from hub.outcomes import Outcome, Sighting, SightingKind, Status, Verdict
from hub.questions import write_question
from hub.routing import CONFIRMING, UNCONFIRMED
from hub.store.timeline import TWIN, entry
from hub.store.timeline import UNCONFIRMED as KIND_UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from hub.dispatch.opening import OpenedConnection
    from hub.questions import Question
    from hub.store.models import Delivery, TimelineEntry

TWO_MINUTES_S = 120
TWO_HOURS_S = 7200


class Transitions:
    """The changes of one connection's deliveries.

    Args:
        opened: for names, nouns and the times of looks.
        random: gives 0 to 1, for jitter.
    """

    def __init__(self, opened: OpenedConnection, random: Callable[[], float]) -> None:
        self._opened = opened
        self._random = random
        self._noun = opened.connector.schema.document_noun
        self._title = opened.connector.schema.title

    def settle(self, row: Delivery, outcome: Outcome, now: datetime) -> TimelineEntry:
        """Changes a row as an outcome demands, and says so in one sentence."""
        name = self._opened.row.name
        row.reason, row.fix, row.verdict = outcome.reason or None, outcome.fix, outcome.verdict
        row.question = None
        match outcome.verdict:
            case Verdict.CREATED | Verdict.ADOPTED if outcome.document is not None:
                row.document_id = outcome.document.document_id
                row.document_reference = outcome.document.reference
                row.is_open, row.credited_at = True, now
                self.end(row, Status.DONE, outcome.verdict, None)
                made = "was created" if outcome.verdict is Verdict.CREATED else "was found, made earlier"
                text = (
                    f"The {self._noun} {row.document_id} ({row.document_reference}) {made} in {self._title}."
                )
                if row.edited_request is not None:
                    row.edited_request = None
                    text += " The request that a person wrote was not needed."
                return entry(row.rma_id, now, f"delivery.{outcome.verdict}", text)
            case Verdict.SKIPPED:
                self.end(row, Status.SKIPPED, Verdict.SKIPPED, outcome.reason)
                return entry(row.rma_id, now, "delivery.skipped", f"Nothing was written: {outcome.reason}.")
            case Verdict.RETRY:
                return self._later(row, outcome, now)
            case Verdict.PAUSED:
                row.status, row.next_attempt_at = Status.PENDING, now
                text = f"Connection {name} is paused, and this waits for it: {outcome.reason}."
                return entry(row.rma_id, now, "delivery.paused", text)
            case Verdict.REJECTED:
                return self.attention(row, now, outcome.reason, outcome.fix, Verdict.REJECTED)
            case _:
                return self.doubt(row, now, outcome.reason)

    def _later(self, row: Delivery, outcome: Outcome, now: datetime) -> TimelineEntry:
        row.retries += 1
        wait = retry_wait(row.retries, jitter=self._random(), asked=outcome.retry_after)
        if wait is None:
            reason = f"given up after {row.retries} tries: {outcome.reason}"
            return self.attention(row, now, reason, outcome.fix, Verdict.RETRY)
        row.status, row.next_attempt_at = Status.PENDING, now + wait
        text = f"Not sent, and tried again in {_spell(wait)}: {outcome.reason}."
        return entry(row.rma_id, now, "delivery.retry", text)

    def doubt(self, row: Delivery, now: datetime, reason: str) -> TimelineEntry:
        """The answer was lost: look, again and again, before anything is sent."""
        row.status, row.verdict, row.reason, row.question = Status.IN_DOUBT, Verdict.IN_DOUBT, reason, None
        row.lost_at, row.looks = now, 0
        row.next_attempt_at = next_look_at(now, 0, self._opened.doubt_looks)
        text = (
            f"It is not known whether the {self._noun} was made ({reason}). "
            f"The hub looks in {self._title} before anything is sent again."
        )
        return entry(row.rma_id, now, "delivery.in_doubt", text)

    def after_look(self, row: Delivery, answer: Sighting | Outcome, now: datetime) -> TimelineEntry | None:
        """After a look for a document in doubt. None when there is nothing to tell."""
        if isinstance(answer, Outcome):
            # The look itself failed: nothing was learnt, so it does not count as one of the looks.
            doubt_for = now - (row.lost_at or now)
            row.next_attempt_at = now + failed_look_wait(doubt_for, asked=answer.retry_after)
            row.reason = f"not known whether it was made, and the look failed: {answer.reason}"
            return None
        if answer.kind is not SightingKind.ABSENT:
            return self.seen(row, answer, now)
        row.looks += 1
        row.next_attempt_at = next_look_at(row.lost_at or now, row.looks, self._opened.doubt_looks)
        if row.next_attempt_at is None:
            row.status, row.next_attempt_at = Status.PENDING, now
            again = "The same request is sent again."
            self._forget_gone(row)
            if edited := edited_of(row):
                replace_by_edited(row, edited)
                again = f"The request that a person wrote is sent, as {row.reference!r}."
            elif row.is_prepared_anew:
                row.original_request, row.request, row.is_prepared_anew = row.request, None, False
                again = "A new request is prepared."
            text = f"Looked {row.looks} times: no {self._noun} was made. {again}"
        else:
            due = row.next_attempt_at.strftime("%H:%M:%S")
            text = f"Looked: no {self._noun} yet. Looking again at {due} UTC."
        return entry(row.rma_id, now, "delivery.looked", text)

    @staticmethod
    def _forget_gone(row: Delivery) -> None:
        """The document that the ledger knew is certainly not there any more."""
        row.document_id = row.document_reference = row.credited_at = row.owns_document = None
        row.is_open = False

    def after_first_look(
        self, row: Delivery, answer: Sighting | Outcome, now: datetime
    ) -> TimelineEntry | None:
        """After a look made before anything was sent. None when nothing is there, so that it may be sent."""
        if isinstance(answer, Sighting):
            return None if answer.kind is SightingKind.ABSENT else self.seen(row, answer, now)
        if answer.verdict is not Verdict.PAUSED:
            # Nothing was learnt and nothing sent, whatever the look died of.
            answer = replace(answer, verdict=Verdict.RETRY)
        return self.settle(row, answer, now)

    def seen(self, row: Delivery, sighting: Sighting, now: datetime) -> TimelineEntry:
        """Anything but absent."""
        if sighting.kind is SightingKind.OURS:
            outcome = Outcome(delivery_id=row.id, verdict=Verdict.ADOPTED, document=sighting.documents[0])
            return self.settle(row, outcome, now)
        reason = sighting.reason or f"the look found {sighting.kind}"
        seen = ", ".join(document.document_id for document in sighting.documents)
        fix = f"look at {self._noun} {seen} in {self._title} and decide which one counts"
        return self.attention(row, now, reason, fix, Verdict.IN_DOUBT)

    def yields(self, row: Delivery, now: datetime) -> TimelineEntry:
        """The platform shows the RMA in a shop of another store, and in none of this one."""
        self.end(row, Status.SKIPPED, Verdict.SKIPPED, UNCONFIRMED)
        row.fix, row.edited_request = CONFIRMING, None
        return entry(row.rma_id, now, KIND_UNCONFIRMED, f"Nothing is credited: {UNCONFIRMED}.")

    def waits_for_twin(self, row: Delivery, until: datetime) -> None:
        """Another try for this return in this account is not settled yet."""
        row.reason = (
            f"it is not known yet whether {self._title} holds a {self._noun} of this return: another try "
            "over this account is being settled"
        )
        row.next_attempt_at = until

    def stopped_by_twin(self, row: Delivery, documents: Sequence[str], now: datetime) -> TimelineEntry:
        """The account holds a document of this return that another connection to it made.

        Args:
            row: the delivery.
            documents: their ids; empty when what another try left cannot be told.
            now: the present.
        """
        seen = f"{self._noun} {', '.join(documents)}" if documents else f"perhaps a {self._noun}"
        reason = (
            f"{self._title} holds {seen} of this return already, made over another connection to this account"
        )
        fix = (
            f"look at it in {self._title}: if it credits this return, run `hub deliveries resolve {row.id} "
            f"--note TEXT`; if not, cancel it there and run `hub deliveries retry {row.id}`"
        )
        told = self.attention(row, now, reason, fix, Verdict.REJECTED)
        told.kind = TWIN
        return told

    def attention(
        self,
        row: Delivery,
        now: datetime,
        reason: str,
        fix: str,
        verdict: Verdict,
        question: Question | None = None,
    ) -> TimelineEntry:
        """Nothing more happens until a person has looked."""
        self.end(row, Status.ATTENTION, verdict, reason)
        row.fix, row.question = fix, write_question(question)
        advice = f" To mend it: {fix}." if fix else ""
        return entry(row.rma_id, now, "delivery.attention", f"Needs a person: {reason}.{advice}")

    def shared(self, row: Delivery, now: datetime, others: str) -> TimelineEntry:
        """The ERP gave several deliveries one document: a person says whose it is.

        Args:
            row: one of them.
            now: the present.
            others: names the others: ``RMA 902``.
        """
        row.owns_document = None
        reason = f"{self._noun} {row.document_id} is also that of {others}"
        fix = (
            f"see in {self._title} which return it credits, and close that one with `hub deliveries resolve "
            f"{row.id} --document {row.document_id} --note TEXT`; close the other with its own or without one"
        )
        return self.attention(row, now, reason, fix, row.verdict or Verdict.ADOPTED)

    def elsewhere(self, row: Delivery, now: datetime) -> TimelineEntry:
        """What was sent went to another account of the ERP than the connection leads to now."""
        name = self._opened.row.name
        reason = f"it was sent to another account of {self._title} than the one that {name} leads to now"
        fix = (
            f"look in that account for its {self._noun} and close this with `hub deliveries resolve {row.id} "
            f"--note TEXT`; or lead {name} back to it and run `hub deliveries retry {row.id}`"
        )
        return self.attention(row, now, reason, fix, Verdict.IN_DOUBT)

    @staticmethod
    def end(row: Delivery, status: Status, verdict: Verdict, reason: str | None) -> None:
        """Nothing more is due."""
        row.status, row.verdict, row.reason, row.question = status, verdict, reason, None
        row.next_attempt_at = row.lost_at = None


def recognised(answer: Sighting | Outcome) -> Sighting | Outcome:
    """What a look by a hub that may have forgotten documents really found: one of its own, perhaps."""
    if isinstance(answer, Sighting) and answer.is_of_this_rma and len(answer.documents) == 1:
        return replace(answer, kind=SightingKind.OURS)
    return answer


def after_refusal(outcome: Outcome, answer: Sighting | Outcome) -> Outcome:
    """What a refusal really was, once looked up: it may have been caused by our own earlier document."""
    if isinstance(answer, Outcome):
        return Outcome(
            delivery_id=outcome.delivery_id,
            verdict=Verdict.IN_DOUBT,
            reason=f"{outcome.reason}; and the look for an earlier one failed: {answer.reason}",
        )
    if answer.kind is SightingKind.OURS:
        return Outcome(delivery_id=outcome.delivery_id, verdict=Verdict.ADOPTED, document=answer.documents[0])
    if answer.kind is SightingKind.ABSENT:
        return outcome
    return Outcome(
        delivery_id=outcome.delivery_id,
        verdict=Verdict.REJECTED,
        reason=f"{outcome.reason}; {answer.reason}",
        fix=outcome.fix,
    )


def _spell(wait: timedelta) -> str:
    seconds = round(wait.total_seconds())
    if seconds < TWO_MINUTES_S:
        return f"{max(seconds, 1)} s"
    if seconds < TWO_HOURS_S:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"

"""Hubs that are broken on purpose: the simulator must find each of them out.

Each is one small change of the kind that a hurried edit might bring, in force within the block.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from connectors.cin7_omni import finding, validation
from connectors.cin7_omni import plugin as cin7
from hub.dispatch import policy, transitions
from hub.dispatch.claims import Claim, ClaimLostError
from hub.dispatch.flush import Flush
from hub.dispatch.record import Recorder
from hub.dispatch.transitions import Transitions
from hub.inbound import accept
from hub.merchant import deliveries
from hub.outcomes import Outcome, SightingKind, Status, Verdict
from hub.registry import Connector
from hub.store.database import in_transaction
from hub.store.models import Connection, Delivery
from tests.simulator import actions
from tests.simulator import broken_outside as outside
from tests.simulator.schedule import Focus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from connectors.cin7_omni.models import CreditNoteRow
    from hub.outcomes import Sighting, ValidationPage
    from tests.simulator.schedule import Schedule


@contextmanager
def blind_retry() -> Iterator[None]:
    """A lost answer is taken for a failure, and the request sent again."""

    def again(self: Transitions, row: Delivery, now: datetime, reason: str) -> Any:
        outcome = Outcome(delivery_id=row.id, verdict=Verdict.RETRY, reason=reason)
        return self._later(row, outcome, now)

    with patch.object(Transitions, "doubt", again):
        yield


@contextmanager
def looking_once() -> Iterator[None]:
    """One look that finds nothing is believed; an ERP may finish later what it began."""
    original = policy.next_look_at

    def once(lost_at: datetime, looks: int, doubt_looks: Sequence[float]) -> datetime | None:
        return original(lost_at, looks, doubt_looks[:1])

    with patch.object(transitions, "next_look_at", once):
        yield


@contextmanager
def adopting_by_reference() -> Iterator[None]:
    """A note with our reference is taken for ours, whoever wrote it."""
    original = finding.judge

    def credulous(*given: Any, **options: Any) -> Sighting:
        sighting = original(*given, **options)
        if sighting.kind is SightingKind.FOREIGN:
            return replace(sighting, kind=SightingKind.OURS)
        return sighting

    with patch.object(finding, "judge", credulous):
        yield


@contextmanager
def preparing_each_time() -> Iterator[None]:
    """Each attempt prepares the request anew instead of sending the frozen one."""
    original = Flush._deliver  # noqa: SLF001 - broken on purpose

    async def anew(self: Flush, rows: Sequence[Delivery]) -> None:
        for row in rows:
            row.request = None
        await original(self, rows)

    with patch.object(Flush, "_deliver", anew):
        yield


@contextmanager
def cursor_before_rows() -> Iterator[None]:
    """The poll's cursor is stored before what the page brought."""
    original = Connector.poll_validations

    async def early(self: Connector, *given: Any) -> ValidationPage:
        page = await original(self, *given)
        await Connection.all().update(poll_cursor=page.cursor)
        return page

    with patch.object(Connector, "poll_validations", early):
        yield


@contextmanager
def claim_not_read_again() -> Iterator[None]:
    """Whoever once held a connection goes on writing, also when it was given to another."""

    original = Claim.check

    async def believe(self: Claim) -> None:
        with suppress(ClaimLostError):
            await original(self)

    with patch.object(Claim, "check", believe):
        yield


@contextmanager
def attempt_not_written_first() -> Iterator[None]:
    """An attempt is kept in memory until its answer is there."""

    async def in_memory(self: Recorder, rows: Sequence[Delivery]) -> list[Delivery]:
        for row in rows:
            row.attempts += 1
        return list(rows)

    with patch.object(Recorder, "start", in_memory):
        yield


@contextmanager
def orphans_sent_again() -> Iterator[None]:
    """What a dead process left under way is taken for never sent."""

    async def send(self: Recorder, rows: Sequence[Delivery]) -> None:
        for row in rows:
            row.status, row.next_attempt_at = Status.PENDING, self._clock.now()
        async with in_transaction():
            await self._save(rows, [])

    with patch.object(Recorder, "orphans", send):
        yield


@contextmanager
def refusal_believed() -> Iterator[None]:
    """A refused record counts as refused, though our own earlier note may be the cause."""

    async def believe(_self: Flush, _deliveries: Any, outcomes: Any, _refused: Any) -> Any:
        return outcomes

    with patch.object(Flush, "_looked_up", believe):
        yield


@contextmanager
def older_document_acted_on() -> Iterator[None]:
    """What arrives last counts, not what is newest."""
    original = accept.accept

    async def blind(clock: Any, store: Any, event: Any, **options: Any) -> Any:
        event = replace(event, rma=replace(event.rma, last_updated_at=None))
        return await original(clock, store, event, **options)

    with patch.object(actions, "accept", blind):
        yield


@contextmanager
def retried_without_a_look() -> Iterator[None]:
    """A person's retry sends at once."""
    original = deliveries.retry

    async def at_once(clock: Any, delivery: Delivery, **options: Any) -> str:
        text = await original(clock, delivery, **options)
        await Delivery.filter(id=delivery.id, status=Status.IN_DOUBT).update(status=Status.PENDING)
        return text

    with patch.object(deliveries, "retry", at_once):
        yield


@contextmanager
def changed_rows_written_over() -> Iterator[None]:
    """A row is written as it was read, whatever happened to it meanwhile."""

    async def all_of_them(_self: Recorder, rows: Sequence[Delivery]) -> set[str]:
        return {row.id for row in rows}

    with patch.object(Recorder, "_unchanged", all_of_them):
        yield


@contextmanager
def completed_means_all_came() -> Iterator[None]:
    """A note that the warehouse has completed is taken for received in full."""
    original = validation.read_receipt

    def generous(note: CreditNoteRow, *given: Any, **options: Any) -> Any:
        receipt = original(note, *given, **options)
        if not receipt.is_complete:
            return receipt
        return replace(receipt, lines=tuple(replace(line, received=line.expected) for line in receipt.lines))

    with patch.object(cin7, "read_receipt", generous):
        yield


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One broken hub.

    Attributes:
        breaks: in force within its block.
        focus: the kind of seed that should show it; None for one with a platform.
        sign: part of what the oracle says of it.
        first: where the search for such a seed begins: a little before one that shows it. A change of the
            hub may move that one; then the search takes longer, and `make simulate BROKEN=NAME` finds
            where it may begin.
    """

    breaks: Callable[[], AbstractContextManager[None]]
    focus: Focus | None
    sign: str
    first: int = 0

    @property
    def name(self) -> str:
        """For people."""
        return self.breaks.__name__

    def concerns(self, schedule: Schedule) -> bool:
        """Whether a seed is of that kind."""
        if self.focus is None:
            return schedule.plan is not None
        return schedule.focus is self.focus


_TWICE = "credit notes were made"
_COMMENTS = "times among the comments"
VARIANTS = (
    Variant(breaks=blind_retry, focus=Focus.DOUBT, sign=_TWICE),
    Variant(breaks=looking_once, focus=Focus.DOUBT, sign=_TWICE, first=120),
    Variant(breaks=adopting_by_reference, focus=Focus.PEOPLE, sign="which a stranger wrote"),
    Variant(breaks=preparing_each_time, focus=Focus.DOUBT, sign="another request was sent than before"),
    Variant(
        breaks=cursor_before_rows, focus=Focus.GOODS, sign="were received, and 0 are validated", first=4_260
    ),
    Variant(breaks=claim_not_read_again, focus=Focus.WORKERS, sign=_TWICE, first=2_140),
    Variant(breaks=attempt_not_written_first, focus=Focus.CRASHES, sign=_TWICE, first=260),
    Variant(breaks=orphans_sent_again, focus=Focus.CRASHES, sign=_TWICE, first=260),
    Variant(breaks=refusal_believed, focus=Focus.DOUBT, sign="and its own note", first=900),
    Variant(breaks=older_document_acted_on, focus=Focus.CHANGES, sign="RMA", first=270),
    Variant(breaks=retried_without_a_look, focus=Focus.PEOPLE, sign=_TWICE, first=220),
    Variant(breaks=changed_rows_written_over, focus=Focus.CHANGES, sign="is told", first=540),
    Variant(breaks=completed_means_all_came, focus=Focus.GOODS, sign="are validated, and", first=80),
    Variant(breaks=outside.comment_repeated_without_looking, focus=None, sign=_COMMENTS, first=15),
    Variant(breaks=outside.platform_cursor_before_rows, focus=None, sign="has no delivery", first=415),
    Variant(breaks=outside.hint_believed, focus=None, sign="nobody ever approved it", first=15),
    Variant(breaks=outside.told_after_the_commit, focus=None, sign="is told to nobody", first=40),
    Variant(breaks=outside.sent_out_of_order, focus=None, sign="out of order", first=15),
    Variant(breaks=outside.shipment_validated_in_part, focus=None, sign="items are not back", first=80),
    Variant(breaks=outside.validated_while_flagged, focus=None, sign="a person is needed", first=115),
    Variant(breaks=outside.closed_flag_not_told, focus=None, sign="all of shipment", first=115),
    Variant(breaks=outside.echo_taken_for_an_approval, focus=None, sign=_TWICE, first=2),
    Variant(breaks=outside.try_not_written_first, focus=None, sign="never saw them", first=15),
)

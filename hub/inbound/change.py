"""A new state of an RMA that its store knows: brought onto its rows, and decided about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.errors import EventError
from hub.inbound.arriving import Accepted
from hub.inbound.deciding import arrival, decide, methods_of, place, store_items
from hub.inbound.document import parse_rma
from hub.inbound.later import (
    Previous,
    is_approved_again,
    is_only_talk,
    is_taken_on,
    look_then_prepare_anew,
    persons_word,
    take_note,
    take_note_of_closed,
    withdraw,
)
from hub.inbound.twins import is_confirmed_elsewhere, is_withdrawn_for_twin
from hub.outcomes import Status, ValidationState
from hub.routing import (
    Decision,
    asks_for_nothing,
    hold_back,
    hold_unconfirmed,
    is_not_approved,
    is_past_approval,
)
from hub.store.models import Connection, Delivery, Rma, RmaItem
from hub.store.timeline import EDITED, KIND_LENGTH, RESOLVED, tell
from hub.telling import of_delivery, of_goods, tell_receivers

if TYPE_CHECKING:
    from datetime import datetime

    from hub import rma as domain
    from hub.clock import Clock
    from hub.inbound.event import IncomingEvent
    from hub.registry import Registry
    from hub.routing import Route


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A new state of an RMA, on its way onto the rows.

    Attributes:
        row: the RMA, locked.
        event: what came in.
        event_id: the id it is known by.
        credit_from: what was approved before is not credited; None credits whatever is approved.
        is_newly_confirmed: True when its platform shows it in a shop of its store for the first time.
        registry: of the hub's connectors; None compares amounts without them.
    """

    row: Rma
    event: IncomingEvent
    event_id: str
    credit_from: datetime | None
    is_newly_confirmed: bool
    registry: Registry | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Before:
    """How an RMA stood before a change; ``word`` is what a person did last with its delivery."""

    document: str
    status: str
    updated_at: datetime | None
    delivery_status: Status | None
    contradiction: str | None
    word: str | None


async def apply(clock: Clock, change: Change) -> Accepted:
    """Brings a stored RMA up to an event, and decides what it means; in the caller's transaction."""
    row, event, rma = change.row, change.event, change.event.rma
    delivery = await Delivery.filter(rma_id=row.id).select_for_update().first()
    before = _Before(
        document=row.document,
        status=row.status,
        updated_at=row.last_updated_at,
        delivery_status=delivery.status if delivery else None,
        contradiction=row.contradiction,
        word=await persons_word(row, delivery) if delivery is not None else None,
    )
    row.status, row.document = rma.status, event.text
    row.order_name = rma.order_name or row.order_name
    row.last_updated_at = rma.last_updated_at or row.last_updated_at
    await row.save()
    is_freed = change.is_newly_confirmed and delivery is not None and await is_withdrawn_for_twin(delivery)
    if delivery is None or await _is_decided_anew(row, delivery, before, rma, is_freed=is_freed):
        return await _decide(clock, change, delivery, before)
    is_talk = await _take_note(clock, change, delivery, before, is_freed=is_freed)
    await _tell_receivers(clock, row, delivery, before)
    return Accepted(
        event_id=change.event_id,
        rma_id=row.rma_id,
        duplicate=False,
        is_talk=is_talk,
        delivery_id=delivery.id,
    )


async def _take_note(
    clock: Clock, change: Change, delivery: Delivery, before: _Before, *, is_freed: bool
) -> bool:
    """What a change means for a delivery that is not decided anew. True for mere talk."""
    row, rma, now = change.row, change.event.rma, clock.now()
    if is_freed and not is_not_approved(rma.status):
        why = "its platform shows the RMA in a shop of this store"
        await look_then_prepare_anew(row, delivery, now, why)
    elif is_only_talk(before.document, change.event.document):
        # A comment or a label, often our own: it is kept, and starts and tells nothing.
        return True
    elif before.word == RESOLVED:
        await take_note_of_closed(row, delivery, rma, before.status, now)
    elif is_approved_again(delivery, rma, before.status):
        await look_then_prepare_anew(row, delivery, now)
    else:
        previous = Previous(status=before.status, read=_read(before.document))
        await take_note(row, delivery, rma, previous, now, change.registry)
    return False


def _read(document: str) -> domain.Rma | None:
    """A stored document; None when it was stored by a version that read more."""
    try:
        return parse_rma(json.loads(document, parse_float=Decimal))
    except EventError:
        return None


async def _decide(clock: Clock, change: Change, delivery: Delivery | None, before: _Before) -> Accepted:
    """Decides about an RMA as the newest event shows it: nothing has gone out for it."""
    row, rma, now = change.row, change.event.rma, clock.now()
    decided = await _route(change, delivery, before)
    await store_items(row, rma, decided)
    # A status is an open set, and may be longer than a kind.
    await tell(row.id, now, f"rma.{rma.status.casefold()}"[:KIND_LENGTH], arrival(rma, decided))
    if decided.decision is Decision.NONE:
        if delivery is not None:
            await withdraw(delivery, rma.status, now)
        return Accepted(
            event_id=change.event_id,
            rma_id=row.rma_id,
            duplicate=False,
            decision=decided.decision,
            reason=decided.reason,
        )
    row.approved_document, row.approved_at = change.event.text, rma.approved_at or now
    await row.save()
    if delivery is None:
        delivery = Delivery(id=clock.new_id(), rma=row, created_at=now)
    await place(delivery, decided, now)
    await _tell_receivers(clock, row, delivery, before)
    return Accepted(
        event_id=change.event_id,
        rma_id=row.rma_id,
        duplicate=False,
        decision=decided.decision,
        delivery_id=delivery.id,
        reason=decided.reason,
    )


async def _route(change: Change, delivery: Delivery | None, before: _Before) -> Route:
    row, rma = change.row, change.event.rma
    decided = await decide(row, rma)
    if change.credit_from is not None and not is_taken_on(delivery, before.word):
        was_listed = before.updated_at is not None and before.updated_at >= change.credit_from
        is_new = is_not_approved(before.status) and was_listed and not is_not_approved(rma.status)
        is_asked = delivery is not None and delivery.status is Status.ATTENTION
        decided = hold_back(decided, rma, change.credit_from, is_newly_approved=is_new, is_asked=is_asked)
    if row.confirmed_at is None and decided.decision is Decision.SEND and await is_confirmed_elsewhere(row):
        return hold_unconfirmed(decided)
    return decided


async def _tell_receivers(clock: Clock, row: Rma, delivery: Delivery, before: _Before) -> None:
    """Tells whoever listens what needs a person now and did not before."""
    news = []
    if delivery.status is Status.ATTENTION and before.delivery_status is not Status.ATTENTION:
        connection = await Connection.get_or_none(id=delivery.connection_id)
        news.append(of_delivery(delivery, connection.name if connection else None))
    if row.contradiction != before.contradiction:
        credited = await RmaItem.filter(rma_id=row.id, is_credited=True)
        is_lifted = row.validation is not ValidationState.FLAGGED
        cleared = before.contradiction if is_lifted else None
        news += of_goods(delivery, credited, [], is_completed=False, flag=row.contradiction, cleared=cleared)
    await tell_receivers(clock, news)


async def _is_decided_anew(
    row: Rma, delivery: Delivery, before: _Before, rma: domain.Rma, *, is_freed: bool
) -> bool:
    """Whether what the platform says now decides about a delivery that exists already."""
    if before.word in {RESOLVED, EDITED}:
        return False
    return (
        (is_freed and not delivery.attempts)
        or _is_told_anew(delivery, rma, before.status)
        or await _asks_at_last(row, delivery, before.document, rma)
    )


def _is_told_anew(delivery: Delivery, rma: domain.Rma, previous: str) -> bool:
    """Whether a change of the RMA's status, or of one that waits, decides about it.

    Never once something may have gone out. One that was skipped stays so while the RMA merely changes (a
    label, a comment): the merchant may have credited it by hand since. Only a new approval decides anew.
    """
    if delivery.attempts or delivery.status in {Status.DONE, Status.SENDING, Status.IN_DOUBT}:
        return False
    if is_past_approval(rma):
        return False
    return delivery.status is not Status.SKIPPED or rma.status != previous


async def _asks_at_last(row: Rma, delivery: Delivery, held: str, rma: domain.Rma) -> bool:
    """Whether an RMA that was skipped for having nothing to credit has something now.

    Nobody can have credited by hand what was not there. One skipped for *Do not update* stays skipped.
    """
    if delivery.status is not Status.SKIPPED or delivery.attempts or is_not_approved(rma.status):
        return False
    before = _read(held)
    if before is None:
        # What it asked for is not known, so nothing is credited by itself; the new state must be taken in
        # all the same.
        return False
    methods = await methods_of(row.store_id, [before, rma])
    return (
        not is_past_approval(rma)
        and not is_not_approved(before.status)
        and asks_for_nothing(before, methods)
        and not asks_for_nothing(rma, methods)
    )

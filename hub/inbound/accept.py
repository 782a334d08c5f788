"""Accepting an event: everything it brings is stored in one transaction, or nothing is.

A new RMA is stored by :mod:`hub.inbound.arriving`, what changes a known one here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from hub.crashpoints import CrashPoint, reach
from hub.errors import EventError
from hub.inbound.arriving import Accepted, Arrival, check_signers
from hub.inbound.deciding import arrival, decide, methods_of, place, store_items
from hub.inbound.document import parse_rma
from hub.inbound.impersonal import event_without_person
from hub.inbound.intake import store_alone
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
from hub.outcomes import Status, ValidationState
from hub.routing import Decision, asks_for_nothing, hold_back, is_not_approved, is_past_approval
from hub.store.database import in_transaction
from hub.store.models import Connection, Delivery, Event, Rma, RmaItem, Store
from hub.store.timeline import EDITED, KIND_LENGTH, RESOLVED, tell
from hub.telling import of_delivery, of_goods, tell_receivers

if TYPE_CHECKING:
    from datetime import datetime

    from hub import rma as domain
    from hub.clock import Clock
    from hub.inbound.event import IncomingEvent
    from hub.inbound.intake import Intake
    from hub.registry import Registry


class OtherStoreError(EventError):
    """The RMA is another store's. It names that store, so it is for the hub's own people only."""


async def accept(  # noqa: PLR0913 - what an event comes with
    clock: Clock,
    store: Store,
    event: IncomingEvent,
    *,
    source: str,
    event_id: str | None = None,
    credit_from: datetime | None = None,
    signed_by: str | None = None,
    is_read_now: bool = False,
    intake: Intake | None = None,
    registry: Registry | None = None,
) -> Accepted:
    """Stores an event, the RMA as it stands and what is to be done about it.

    Safe to call from many processes at one moment, also for one RMA.

    Args:
        clock: time and ids.
        store: whose event it is.
        event: what came in.
        source: where it came from: ``cli``, ``events/<store>``; ids are unique within it.
        event_id: the sender's id; None takes the document's digest, so that the same document twice is one.
        credit_from: what was approved before is not credited; None credits whatever is approved.
        signed_by: id of the secret that signed it; None when nobody had to.
        is_read_now: True when the hub has just read it at its source: then it is how the RMA stands, also
            when it stood so before and differently in between.
        intake: stores new RMAs together with others that arrive at the moment; None stores this one alone.
        registry: of the hub's connectors, which tell what a changed RMA would be credited now; None asks
            none.

    Raises:
        OtherStoreError: 409: the RMA belongs to another store.
        EventError: 409 when the id came with another document.
        RemovedSecretError: 401: the secret was removed meanwhile.
    """
    reach(CrashPoint.ACCEPT_BEGUN)
    arrival = Arrival(
        store=store,
        event=event,
        source=source,
        event_id=event_id or event.digest,
        credit_from=credit_from,
        signed_by=signed_by,
        is_read_now=is_read_now,
    )
    accepted = await (intake.store(arrival) if intake else store_alone(clock, arrival))
    if accepted is None:
        try:
            accepted = await _accept_change(clock, arrival, registry)
        except IntegrityError:
            # Another process stored this event first, after we looked. It is a duplicate now.
            accepted = await _accept_change(clock, arrival, registry)
    reach(CrashPoint.ACCEPT_AFTER_COMMIT)
    return accepted


async def _accept_change(clock: Clock, arrival: Arrival, registry: Registry | None) -> Accepted:
    """Accepts an event that is known already, or whose RMA is."""
    event, store = arrival.event, arrival.store
    async with in_transaction():
        await check_signers([arrival])
        known = await Event.get_or_none(source=arrival.source, event_id=arrival.event_id).select_related(
            "rma"
        )
        event_id = arrival.event_id
        if known is not None:
            as_kept = _as_kept(event, known.rma)
            if not arrival.is_read_now or known.rma.document == as_kept.text:
                return await _duplicate(known, as_kept, store)
            event_id = f"{event_id}/{clock.new_id()}"
        now = clock.now()
        held = Rma.filter(platform=event.rma.platform, rma_id=event.rma.rma_id)
        row = await held.select_for_update(no_key=True).get()
        if row.store_id != store.id:
            raise await _elsewhere(row, store)
        event = _as_kept(event, row)
        is_known = row.document == event.text
        held_at = row.last_updated_at
        is_stale = bool(held_at and event.rma.last_updated_at and event.rma.last_updated_at < held_at)
        await Event.create(
            store=store,
            source=arrival.source,
            event_id=event_id,
            rma=row,
            received_at=now,
            document=event.text,
            is_stale=is_stale,
        )
        if is_stale:
            text = "An older state of this RMA arrived after a newer one. It was kept and not acted on."
            await tell(row.id, now, "rma.stale", text)
            return Accepted(event_id=event_id, rma_id=row.rma_id, duplicate=False, is_stale=True)
        accepted = await _apply(clock, row, event, event_id, arrival.credit_from, registry)
        reach(CrashPoint.CHANGE_BEFORE_COMMIT)
        return replace(accepted, duplicate=is_known)


def _as_kept(event: IncomingEvent, row: Rma | None) -> IncomingEvent:
    """Of an RMA whose customer was erased, nothing personal is taken in again."""
    return event if row is None or row.erased_at is None else event_without_person(event)


async def _duplicate(known: Event, event: IncomingEvent, store: Store) -> Accepted:
    if known.rma.store_id != store.id:
        raise await _elsewhere(known.rma, store)
    if known.document != event.text:
        raise EventError(
            f"accept event {known.event_id}",
            why="an event with this id and another content was accepted before",
            fix="give every event an id of its own; a repeated one must repeat its content",
            status=409,
        )
    delivery = await Delivery.get_or_none(rma_id=known.rma_id)
    return Accepted(
        event_id=known.event_id,
        rma_id=known.rma.rma_id,
        duplicate=True,
        delivery_id=delivery.id if delivery else None,
    )


async def _elsewhere(row: Rma, store: Store) -> OtherStoreError:
    other = await Store.get(id=row.store_id)
    return OtherStoreError(
        f"accept RMA {row.rma_id} for store {store.name}",
        why=f"store {other.name} has it already, and an RMA number is unique on the whole platform",
        fix=f"submit it with the store it belongs to: `--store {other.name}`",
        status=409,
    )


async def _apply(
    clock: Clock,
    row: Rma,
    event: IncomingEvent,
    event_id: str,
    credit_from: datetime | None,
    registry: Registry | None,
) -> Accepted:
    """Brings the stored RMA up to the event, and decides what it means."""
    now, rma = clock.now(), event.rma
    previous, previous_at = row.status, row.last_updated_at
    held = row.document
    is_talk = is_only_talk(held, event.document)
    row.status, row.document = rma.status, event.text
    row.order_name = rma.order_name or row.order_name
    row.last_updated_at = rma.last_updated_at or row.last_updated_at
    await row.save()
    delivery = await Delivery.filter(rma_id=row.id).select_for_update().first()
    was = (delivery.status if delivery else None, row.contradiction)
    word = await persons_word(row, delivery) if delivery is not None else None
    is_anew = delivery is None or (
        word not in {RESOLVED, EDITED}
        and (_is_decided_anew(delivery, rma, previous) or await _asks_at_last(row, delivery, held, rma))
    )
    if delivery is not None and not is_anew:
        if is_talk:
            pass  # a comment or a label, often our own: it is kept, and starts and tells nothing
        elif word == RESOLVED:
            await take_note_of_closed(row, delivery, rma, previous, now)
        elif is_approved_again(delivery, rma, previous):
            await look_then_prepare_anew(row, delivery, now)
        else:
            await take_note(row, delivery, rma, _previous(previous, held), now, registry)
        await _tell_receivers(clock, row, delivery, *was)
        return Accepted(
            event_id=event_id,
            rma_id=row.rma_id,
            duplicate=False,
            is_talk=is_talk,
            delivery_id=delivery.id,
        )
    decided = await decide(row, rma)
    if credit_from is not None and not is_taken_on(delivery, word):
        was_open = is_not_approved(previous) and previous_at is not None and previous_at >= credit_from
        is_new = was_open and not is_not_approved(rma.status)
        is_asked = delivery is not None and delivery.status is Status.ATTENTION
        decided = hold_back(decided, rma, credit_from, is_newly_approved=is_new, is_asked=is_asked)
    await store_items(row, rma, decided)
    # A status is an open set, and may be longer than a kind.
    await tell(row.id, now, f"rma.{rma.status.casefold()}"[:KIND_LENGTH], arrival(rma, decided))
    if decided.decision is Decision.NONE:
        if delivery is not None:
            await withdraw(delivery, rma.status, now)
        return Accepted(
            event_id=event_id,
            rma_id=row.rma_id,
            duplicate=False,
            decision=decided.decision,
            reason=decided.reason,
        )
    row.approved_document, row.approved_at = event.text, rma.approved_at or now
    await row.save()
    if delivery is None:
        delivery = Delivery(id=clock.new_id(), rma=row, created_at=now)
    await place(delivery, decided, now)
    await _tell_receivers(clock, row, delivery, *was)
    return Accepted(
        event_id=event_id,
        rma_id=row.rma_id,
        duplicate=False,
        decision=decided.decision,
        delivery_id=delivery.id,
        reason=decided.reason,
    )


def _previous(status: str, document: str) -> Previous:
    try:
        return Previous(status=status, read=parse_rma(json.loads(document, parse_float=Decimal)))
    except EventError:
        return Previous(status=status, read=None)


async def _tell_receivers(
    clock: Clock, row: Rma, delivery: Delivery, status: Status | None, contradiction: str | None
) -> None:
    """Tells whoever listens what needs a person now and did not before."""
    news = []
    if delivery.status is Status.ATTENTION and status is not Status.ATTENTION:
        connection = await Connection.get_or_none(id=delivery.connection_id)
        news.append(of_delivery(delivery, connection.name if connection else None))
    if row.contradiction != contradiction:
        credited = await RmaItem.filter(rma_id=row.id, is_credited=True)
        cleared = contradiction if row.validation is not ValidationState.FLAGGED else None
        news += of_goods(delivery, credited, [], is_completed=False, flag=row.contradiction, cleared=cleared)
    await tell_receivers(clock, news)


def _is_decided_anew(delivery: Delivery, rma: domain.Rma, previous: str) -> bool:
    """Whether what the platform says now decides about a delivery that exists already.

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
    try:
        before = parse_rma(json.loads(held, parse_float=Decimal))
    except EventError:
        # Stored by a version that read more. What it asked for is not known, so nothing is credited by
        # itself; the new state must be taken in all the same.
        return False
    methods = await methods_of(row.store_id, [before, rma])
    return (
        not is_past_approval(rma)
        and not is_not_approved(before.status)
        and asks_for_nothing(before, methods)
        and not asks_for_nothing(rma, methods)
    )

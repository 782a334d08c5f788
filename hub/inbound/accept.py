"""Accepting an event: everything it brings is stored in one transaction, or nothing is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from hub.crashpoints import CrashPoint, reach
from hub.errors import EventError
from hub.inbound.deciding import decide, place, store_items
from hub.inbound.later import (
    is_approved_again,
    look_then_prepare_anew,
    persons_word,
    take_note,
    take_note_of_closed,
    withdraw,
)
from hub.outcomes import Status
from hub.routing import Decision, is_past_approval
from hub.store.database import in_transaction
from hub.store.models import Delivery, Event, Rma, Store
from hub.store.timeline import EDITED, KIND_LENGTH, RESOLVED, tell

if TYPE_CHECKING:
    from datetime import datetime

    from hub import rma as domain
    from hub.clock import Clock
    from hub.inbound.event import IncomingEvent
    from hub.routing import Route


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What became of an event; it is on disk when this is given.

    Attributes:
        event_id: the id it is known by.
        rma_id: the platform's id of the RMA.
        duplicate: True when it had been accepted before, and nothing new was stored.
        is_stale: True when it showed an older state of the RMA than the hub holds.
        decision: what was decided for an RMA that had no delivery; None when it had one.
        delivery_id: the RMA's delivery; None when there is none.
        reason: why it is not simply on its way; empty when it is.
    """

    event_id: str
    rma_id: str
    duplicate: bool
    is_stale: bool = False
    decision: Decision | None = None
    delivery_id: str | None = None
    reason: str = ""


async def accept(
    clock: Clock, store: Store, event: IncomingEvent, *, source: str, event_id: str | None = None
) -> Accepted:
    """Stores an event, the RMA as it stands and what is to be done about it.

    Safe to call from many processes at one moment, also for one RMA.

    Args:
        clock: time and ids.
        store: whose event it is.
        event: what came in.
        source: where it came from: ``cli``, ``events``; ids are unique within it.
        event_id: the sender's id; None takes the document's digest, so that the same document twice is one.

    Raises:
        EventError: 409 when the RMA belongs to another store, or the id came with another document.
    """
    event_id = event_id or event.digest
    reach(CrashPoint.ACCEPT_BEGUN)
    try:
        accepted = await _accept(clock, store, event, source, event_id)
    except IntegrityError:
        # Another process stored this event or RMA first, after we looked. Its rows are there now.
        accepted = await _accept(clock, store, event, source, event_id)
    reach(CrashPoint.ACCEPT_AFTER_COMMIT)
    return accepted


async def _accept(clock: Clock, store: Store, event: IncomingEvent, source: str, event_id: str) -> Accepted:
    async with in_transaction():
        known = await Event.get_or_none(source=source, event_id=event_id).select_related("rma")
        if known is not None:
            return await _duplicate(known, event, store)
        now = clock.now()
        held_rma = Rma.filter(platform=event.rma.platform, rma_id=event.rma.rma_id)
        row = await held_rma.select_for_update().first()
        if row is not None and row.store_id != store.id:
            raise await _elsewhere(row, store)
        held = row.last_updated_at if row else None
        is_stale = bool(held and event.rma.last_updated_at and event.rma.last_updated_at < held)
        if row is None:
            row = await _new_rma(store, event, now)
        await Event.create(
            store=store,
            source=source,
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
        reach(CrashPoint.ACCEPT_EVENT_WRITTEN)
        accepted = await _apply(clock, row, event, event_id)
        reach(CrashPoint.ACCEPT_BEFORE_COMMIT)
        return accepted


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


async def _elsewhere(row: Rma, store: Store) -> EventError:
    other = await Store.get(id=row.store_id)
    return EventError(
        f"accept RMA {row.rma_id} for store {store.name}",
        why=f"store {other.name} has it already, and an RMA number is unique on the whole platform",
        fix=f"submit it with the store it belongs to: `--store {other.name}`",
        status=409,
    )


async def _new_rma(store: Store, event: IncomingEvent, now: datetime) -> Rma:
    rma = event.rma
    return await Rma.create(
        platform=rma.platform,
        rma_id=rma.rma_id,
        store=store,
        order_name=rma.order_name or "",
        status=rma.status,
        document=event.text,
        last_updated_at=rma.last_updated_at,
        received_at=now,
    )


async def _apply(clock: Clock, row: Rma, event: IncomingEvent, event_id: str) -> Accepted:
    """Brings the stored RMA up to the event, and decides what it means."""
    now, rma = clock.now(), event.rma
    previous = row.status
    row.status, row.document = rma.status, event.text
    row.order_name = rma.order_name or row.order_name
    row.last_updated_at = rma.last_updated_at or row.last_updated_at
    await row.save()
    delivery = await Delivery.filter(rma_id=row.id).select_for_update().first()
    word = await persons_word(row, delivery) if delivery is not None else None
    is_persons = word in {RESOLVED, EDITED}
    if delivery is not None and (is_persons or not _is_decided_anew(delivery, rma, previous)):
        if word == RESOLVED:
            await take_note_of_closed(row, delivery, rma, previous, now)
        elif is_approved_again(delivery, rma, previous):
            await look_then_prepare_anew(row, delivery, now)
        else:
            await take_note(row, delivery, rma, previous, now)
        return Accepted(event_id=event_id, rma_id=row.rma_id, duplicate=False, delivery_id=delivery.id)
    decided = await decide(row, rma)
    await store_items(row, rma, decided)
    # A status is an open set, and may be longer than a kind.
    await tell(row.id, now, f"rma.{rma.status.casefold()}"[:KIND_LENGTH], _arrival(rma, decided))
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
    return Accepted(
        event_id=event_id,
        rma_id=row.rma_id,
        duplicate=False,
        decision=decided.decision,
        delivery_id=delivery.id,
        reason=decided.reason,
    )


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


def _arrival(rma: domain.Rma, decided: Route) -> str:
    order = f" of order {rma.order_name}" if rma.order_name else ""
    text = f"RMA {rma.rma_id}{order} arrived as {rma.status} with {_count(len(rma.items), 'item')}."
    if decided.kept:
        text += f" {_count(len(decided.kept), 'item')} stay off: "
        text = text.replace("1 item stay off", "1 item stays off")
        text += "; ".join(dict.fromkeys(reason for _, reason in decided.kept)) + "."
    if decided.decision is Decision.NONE:
        text += f" Nothing to do: {decided.reason}."
    if decided.method:
        text += f" Return method: {decided.method}."
    return text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

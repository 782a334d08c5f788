"""Accepting an event: everything it brings is stored in one transaction, or nothing is.

A new RMA is stored by :mod:`hub.inbound.arriving`, what it means for a known one is decided in
:mod:`hub.inbound.change`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from hub.crashpoints import CrashPoint, reach
from hub.errors import EventError
from hub.inbound.arriving import Accepted, Arrival, check_signers
from hub.inbound.change import Change, apply
from hub.inbound.impersonal import event_without_person
from hub.inbound.intake import store_alone
from hub.inbound.twins import lock_with_twins, withdraw_twins
from hub.store.database import in_transaction
from hub.store.models import Delivery, Event, Rma
from hub.store.timeline import tell

if TYPE_CHECKING:
    from datetime import datetime

    from hub.clock import Clock
    from hub.inbound.event import IncomingEvent
    from hub.inbound.intake import Intake
    from hub.registry import Registry
    from hub.store.models import Store


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
    is_confirmed: bool = False,
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
        is_confirmed: True when its platform showed it in a shop of the store: then it is credited there,
            whichever store has signed for its number before.
        intake: stores new RMAs together with others that arrive at the moment; None stores this one alone.
        registry: of the hub's connectors, which tell what a changed RMA would be credited now; None asks
            none.

    Raises:
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
        is_confirmed=is_confirmed,
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
        mine = Event.filter(store_id=store.id, source=arrival.source, event_id=arrival.event_id)
        known = await mine.select_related("rma").first()
        event_id = arrival.event_id
        if known is not None:
            as_kept = _as_kept(event, known.rma)
            is_news = known.rma.document != as_kept.text
            is_news = is_news or (arrival.is_confirmed and known.rma.confirmed_at is None)
            if not (arrival.is_read_now and is_news):
                return await _duplicate(known, as_kept)
            event_id = f"{event_id}/{clock.new_id()}"
        now = clock.now()
        row, is_newly_confirmed = await _held(arrival, now)
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
        change = Change(
            row=row,
            event=event,
            event_id=event_id,
            credit_from=arrival.credit_from,
            is_newly_confirmed=is_newly_confirmed,
            registry=registry,
        )
        accepted = await apply(clock, change)
        reach(CrashPoint.CHANGE_BEFORE_COMMIT)
        return replace(accepted, duplicate=is_known)


async def _held(arrival: Arrival, now: datetime) -> tuple[Rma, bool]:
    """The store's row of an RMA, locked; and whether it is confirmed by this."""
    store_id = arrival.store.id
    if not arrival.is_confirmed:
        mine = Rma.filter(store_id=store_id, platform=arrival.number[0], rma_id=arrival.number[1])
        return await mine.select_for_update(no_key=True).get(), False
    rows = await lock_with_twins(*arrival.number)
    (row,) = [each for each in rows if each.store_id == store_id]
    await withdraw_twins(row, [each for each in rows if each is not row], now)
    if row.confirmed_at is not None:
        return row, False
    row.confirmed_at = now
    await row.save(update_fields=["confirmed_at"])
    return row, True


def _as_kept(event: IncomingEvent, row: Rma | None) -> IncomingEvent:
    """Of an RMA whose customer was erased, nothing personal is taken in again."""
    return event if row is None or row.erased_at is None else event_without_person(event)


async def _duplicate(known: Event, event: IncomingEvent) -> Accepted:
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

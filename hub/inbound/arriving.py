"""RMAs that the hub has not met before: any number of them is stored in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.crashpoints import CrashPoint, reach
from hub.errors import EventError
from hub.inbound.deciding import arrival, item_rows, methods_of, placed, placement
from hub.inbound.twins import lock_with_twins, withdraw_twins
from hub.outcomes import Status
from hub.routing import Decision, hold_back, hold_unconfirmed, route
from hub.store.bulk import insert
from hub.store.database import in_transaction
from hub.store.models import Connection, Delivery, Event, EventSecret, Rma, RmaItem, TimelineEntry
from hub.store.terms import remember
from hub.store.timeline import KIND_LENGTH
from hub.telling import of_delivery, tell_receivers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.clock import Clock
    from hub.inbound.event import IncomingEvent
    from hub.routing import Route
    from hub.store.models import Store


Number = tuple[str, str]
"""Platform, and the RMA's id there. Several stores may have a row under one."""


class RemovedSecretError(EventError):
    """What signed the event does not count any more. The same secret may have been added again since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What became of an event; it is on disk when this is given.

    Attributes:
        event_id: the id it is known by.
        rma_id: the platform's id of the RMA.
        duplicate: True when it brought nothing new: its id had been accepted before, or the hub holds the
            RMA exactly so.
        is_stale: True when it showed an older state of the RMA than the hub holds.
        is_talk: True when the RMA differs in nothing the hub acts on, as after a comment of its own.
        decision: what was decided for an RMA that had no delivery; None when it had one.
        delivery_id: the RMA's delivery; None when there is none.
        reason: why it is not simply on its way; empty when it is.
    """

    event_id: str
    rma_id: str
    duplicate: bool
    is_stale: bool = False
    is_talk: bool = False
    decision: Decision | None = None
    delivery_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """An event on its way into the store.

    Attributes:
        store: whose it is.
        event: what came in.
        source: where it came from.
        event_id: the sender's id, unique within the source.
        credit_from: what was approved before is not credited; None credits whatever is approved.
        signed_by: id of the secret that signed it; None when nobody had to. It must count at the commit.
        is_read_now: True when the hub has just read it at its source: then it is how the RMA stands, also
            when it stood so before and differently in between.
        is_confirmed: True when its platform showed it in a shop of the store.
    """

    store: Store
    event: IncomingEvent
    source: str
    event_id: str
    credit_from: datetime | None = None
    signed_by: str | None = None
    is_read_now: bool = False
    is_confirmed: bool = False

    @property
    def number(self) -> Number:
        """What names its RMA on the platform."""
        return self.event.rma.platform, self.event.rma.rma_id


async def store_new(clock: Clock, arrivals: Sequence[Arrival]) -> list[Accepted | None]:
    """Stores the RMAs that the hub has not met before, in one transaction.

    Args:
        clock: time and ids.
        arrivals: what came in, in order.

    Returns:
        What became of each, in order. None when its event or its RMA is known, or comes twice among them:
        then nothing of it was stored here.

    Raises:
        IntegrityError: another process stored one of them at this moment. Nothing was stored.
    """
    async with in_transaction():
        new, twins = await _new_ones(arrivals)
        await check_signers(list(new.values()))
        decided = await _decided(list(new.values()), twins)
        answers = await _store(clock, new, decided, twins) if new else {}
    return [answers.get(number) for number in range(len(arrivals))]


async def check_signers(arrivals: Sequence[Arrival]) -> None:
    """Refuses what a secret signed that was removed meanwhile; inside the transaction that stores it.

    Raises:
        RemovedSecretError: 401.
    """
    signers = {each.signed_by for each in arrivals if each.signed_by is not None}
    if not signers:
        return
    counting = EventSecret.filter(id__in=list(signers), removed_at__isnull=True)
    if signers - set(await counting.values_list("id", flat=True)):
        raise RemovedSecretError(
            "verify the event's signature",
            why="the secret that signed it has been removed",
            fix="sign with a secret that `hub events secrets` made or was given",
            status=401,
        )


async def _new_ones(arrivals: Sequence[Arrival]) -> tuple[dict[int, Arrival], dict[Number, list[Rma]]]:
    """Those to be stored, by their place; and all stores' rows under their numbers, with few columns.

    In the order of their RMAs: of two processes that store the same ones at one moment, one waits.
    """
    ids: dict[tuple[int, str], set[str]] = {}
    numbers: dict[str, set[str]] = {}
    for each in arrivals:
        ids.setdefault((each.store.id, each.source), set()).add(each.event_id)
        numbers.setdefault(each.event.rma.platform, set()).add(each.event.rma.rma_id)
    seen: set[tuple[object, ...]] = set()
    for (store_id, source), several in ids.items():
        known = Event.filter(store_id=store_id, source=source, event_id__in=list(several))
        seen |= {("event", store_id, source, each.event_id) for each in await known.only("id", "event_id")}
    held: dict[Number, list[Rma]] = {}
    for platform, several in numbers.items():
        same = Rma.filter(platform=platform, rma_id__in=list(several))
        for row in await same.only("id", "platform", "rma_id", "store_id", "confirmed_at"):
            held.setdefault((row.platform, row.rma_id), []).append(row)
            seen.add(("rma", row.store_id, row.platform, row.rma_id))
    new = {}
    for place, each in enumerate(arrivals):
        keys: set[tuple[object, ...]] = {
            ("event", each.store.id, each.source, each.event_id),
            ("rma", each.store.id, *each.number),
        }
        if not keys & seen:
            new[place] = each
            seen |= keys
    return dict(sorted(new.items(), key=lambda item: (item[1].number, item[1].store.id))), held


async def _decided(arrivals: Sequence[Arrival], twins: Mapping[Number, Sequence[Rma]]) -> list[Route]:
    methods = {
        store_id: await methods_of(
            store_id, [each.event.rma for each in arrivals if each.store.id == store_id]
        )
        for store_id in {each.store.id for each in arrivals}
    }
    decided = []
    for each in arrivals:
        found = route(each.event.rma, methods[each.store.id])
        if each.credit_from is not None:
            found = hold_back(found, each.event.rma, each.credit_from, is_newly_approved=False)
        if not each.is_confirmed and any(row.confirmed_at for row in twins.get(each.number, ())):
            found = hold_unconfirmed(found)
        decided.append(found)
    return decided


async def _store(
    clock: Clock,
    new: Mapping[int, Arrival],
    decided: Sequence[Route],
    twins: Mapping[Number, Sequence[Rma]],
) -> dict[int, Accepted]:
    now = clock.now()
    arrivals = list(new.values())
    await insert(Rma, [_rma_row(each, found, now) for each, found in zip(arrivals, decided, strict=True)])
    rows = await _row_ids(arrivals)
    await insert(Event, [_event_row(each, row, now) for each, row in zip(arrivals, rows, strict=True)])
    reach(CrashPoint.ACCEPT_EVENT_WRITTEN)
    items: list[dict[str, Any]] = []
    story: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    answers = {}
    for place, arrived, row, found in zip(new, arrivals, rows, decided, strict=True):
        rma = arrived.event.rma
        items += item_rows(row, rma, found)
        # A status is an open set, and may be longer than a kind.
        kind = f"rma.{rma.status.casefold()}"[:KIND_LENGTH]
        story.append({"rma_id": row, "at": now, "kind": kind, "text": arrival(rma, found)})
        delivery_id = None
        if found.decision is not Decision.NONE:
            delivery_id = clock.new_id()
            values = placement(delivery_id, found, now)
            deliveries.append(values | {"id": delivery_id, "rma_id": row, "version": 1, "created_at": now})
            if told := placed(values, found):
                story.append({"rma_id": row, "at": now, "kind": told[0], "text": told[1]})
        answers[place] = Accepted(
            event_id=arrived.event_id,
            rma_id=rma.rma_id,
            duplicate=False,
            decision=found.decision,
            delivery_id=delivery_id,
            reason=found.reason,
        )
    await insert(RmaItem, items)
    await insert(TimelineEntry, story)
    await insert(Delivery, deliveries)
    await _make_findable(arrivals, rows)
    for arrived in arrivals:
        if arrived.is_confirmed and arrived.number in twins:
            locked = await lock_with_twins(*arrived.number)
            (mine,) = [row for row in locked if row.store_id == arrived.store.id]
            await withdraw_twins(mine, [row for row in locked if row is not mine], now)
    await _tell_receivers(clock, [each for each in deliveries if each["status"] is Status.ATTENTION])
    reach(CrashPoint.ACCEPT_BEFORE_COMMIT)
    return answers


def _rma_row(arrived: Arrival, decided: Route, now: datetime) -> dict[str, Any]:
    rma, text = arrived.event.rma, arrived.event.text
    is_approved = decided.decision is not Decision.NONE
    return {
        "platform": rma.platform,
        "rma_id": rma.rma_id,
        "store_id": arrived.store.id,
        "order_name": rma.order_name or "",
        "status": rma.status,
        "document": text,
        "approved_document": text if is_approved else None,
        "approved_at": (rma.approved_at or now) if is_approved else None,
        "last_updated_at": rma.last_updated_at,
        "received_at": now,
        "confirmed_at": now if arrived.is_confirmed else None,
    }


def _event_row(arrived: Arrival, row: int, now: datetime) -> dict[str, Any]:
    return {
        "store_id": arrived.store.id,
        "source": arrived.source,
        "event_id": arrived.event_id,
        "rma_id": row,
        "received_at": now,
        "document": arrived.event.text,
    }


async def _row_ids(arrivals: Sequence[Arrival]) -> list[int]:
    """Ids of the RMAs just written, in order; a database gives none back to a bulk insert."""
    numbers = [each.event.rma.rma_id for each in arrivals]
    platforms = list({each.event.rma.platform for each in arrivals})
    # By both, as the index has them: without the platform every RMA there is would be read.
    written = Rma.filter(platform__in=platforms, rma_id__in=numbers)
    rows = await written.values_list("store_id", "platform", "rma_id", "id")
    ids = {(store, platform, number): row for store, platform, number, row in rows}
    return [ids[each.store.id, *each.number] for each in arrivals]


async def _make_findable(arrivals: Sequence[Arrival], rows: Sequence[int]) -> None:
    texts: dict[int, dict[int, list[str | None]]] = {}
    for each, row in zip(arrivals, rows, strict=True):
        rma = each.event.rma
        of_rma = [rma.rma_id, rma.order_name, *(item.sku for item in rma.items)]
        texts.setdefault(each.store.id, {})[row] = of_rma
    for store_id, of_store in texts.items():
        await remember(store_id, of_store)


async def _tell_receivers(clock: Clock, needing_a_person: Sequence[Mapping[str, Any]]) -> None:
    """Tells whoever listens what needs a person from the beginning."""
    if not needing_a_person:
        return
    rows = [Delivery(**each) for each in needing_a_person]
    names = await Connection.filter(id__in=[row.connection_id for row in rows if row.connection_id])
    by_id = {each.id: each.name for each in names}
    await tell_receivers(clock, [of_delivery(row, by_id.get(row.connection_id or "")) for row in rows])

"""The first look of the day: is anything wrong, what waits, and what was credited.

Every question here is answered from an index, so that it stays quick however many returns there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.dispatch.quota import usage
from hub.merchant import connections, platforms
from hub.merchant.health import UNSENT_TOO_LONG, spelled
from hub.outcomes import Status, ValidationState
from hub.store.models import Connection, Delivery, Rma

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.dispatch.quota import Usage
    from hub.store.models import Store

MOST = 1_000
"""Up to so many returns are counted; people do not care whether it is 3,000 or 4,000."""
RECENT = timedelta(hours=24)
"""How long a credit note counts as a new one."""
QUOTA_WAIT = timedelta(seconds=5)
"""A quota that is free again sooner is no wait that anyone would notice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """How one connection is, in a line.

    Attributes:
        waiting: deliveries that are not settled yet, at most :data:`MOST`.
        usage: how full each window of its quota is; empty when its connector is missing.
        quota_until: when its quota lets the next call through; None when it does now.
        problems: sentences, worst first; empty when all is well.
    """

    row: Connection
    waiting: int
    usage: Sequence[Usage]
    quota_until: datetime | None
    problems: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """How a store is. Counts go up to :data:`MOST`.

    Attributes:
        attention: credit notes that need a person.
        flagged: returns whose goods need a person.
        in_doubt: credit notes of which it is not known whether they were made.
        next_look_at: when the hub looks for the first of them; None when there is none.
        waiting: credit notes still to be sent.
        quota_until: when the first spent quota of those that something waits for is free; None when none is.
        credited: credit notes of the last :data:`RECENT`.
        strips: the store's connections, by name.
        sources: its returns platforms, by name.
        has_returns: False until the first one has arrived.
    """

    attention: int
    flagged: int
    in_doubt: int
    next_look_at: datetime | None
    waiting: int
    quota_until: datetime | None
    credited: int
    strips: Sequence[Strip]
    sources: Sequence[Connection]
    has_returns: bool

    @property
    def needs_person(self) -> int:
        """How many returns need a person."""
        return self.attention + self.flagged


async def overview(hub: Hub, store: Store) -> Overview:
    """How a store is now."""
    now = hub.clock.now()
    strips = [await strip(hub, row) for row in await connections.every(store)]
    doubtful = Delivery.filter(status=Status.IN_DOUBT, rma__store_id=store.id)
    first = await doubtful.order_by("next_attempt_at").first().only("id", "next_attempt_at")
    mine = await Connection.filter(store_id=store.id).only("id")
    credited = Delivery.filter(connection_id__in=[row.id for row in mine], credited_at__gte=now - RECENT)
    spent = [strip.quota_until for strip in strips if strip.quota_until and strip.waiting]
    return Overview(
        attention=await count_by_status(store, Status.ATTENTION),
        flagged=await _count_flagged(store, MOST),
        in_doubt=await count_by_status(store, Status.IN_DOUBT),
        next_look_at=first.next_attempt_at if first else None,
        waiting=await count_by_status(store, Status.PENDING, Status.SENDING),
        quota_until=min(spent, default=None),
        credited=await credited.count(),
        strips=strips,
        sources=await platforms.every(store),
        has_returns=await Rma.exists(store_id=store.id),
    )


async def count_needing_person(store: Store, *, most: int) -> int:
    """How many of a store's returns need a person, counted up to ``most``."""
    attention = await count_by_status(store, Status.ATTENTION, most=most)
    return min(most, attention + await _count_flagged(store, most))


async def count_by_status(store: Store, *statuses: Status, most: int = MOST) -> int:
    """How many of a store's deliveries are there, counted up to ``most``."""
    found = Delivery.filter(status__in=statuses, rma__store_id=store.id).limit(most)
    return len(await found.values_list("id"))


async def _count_flagged(store: Store, most: int) -> int:
    # One that needs a person for its credit note too is counted there.
    found = Rma.filter(store_id=store.id, validation=ValidationState.FLAGGED)
    found = found.exclude(delivery__status=Status.ATTENTION)
    return len(await found.limit(most).values_list("id"))


async def strip(hub: Hub, row: Connection) -> Strip:
    """How one connection is."""
    now = hub.clock.now()
    unsettled = Delivery.filter(
        connection_id=row.id, status__in=[Status.PENDING, Status.SENDING, Status.IN_DOUBT]
    )
    waiting = [each[0] for each in await unsettled.limit(MOST).values_list("created_at")]
    found = next((each for each in hub.registry.connectors if each.name == row.connector), None)
    used = await usage(row.id, found.schema, now) if found else []
    free_at = max((each.free_at for each in used), default=now)
    problems = []
    if found is None:
        problems.append(f"its connector {row.connector} is not installed or broken")
    if row.is_paused:
        problems.append(f"it is paused: {row.pause_reason}")
    elif row.last_error:
        problems.append(f"its last call failed: {row.last_error}")
    longest = now - min(waiting, default=now)
    if longest > UNSENT_TOO_LONG:
        problems.append(f"the oldest return has waited for {spelled(longest)}")
    return Strip(
        row=row,
        waiting=len(waiting),
        usage=used,
        quota_until=free_at if free_at > now + QUOTA_WAIT else None,
        problems=problems,
    )

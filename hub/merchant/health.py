"""Is anything wrong? Per connection: what waits, since when, and how much of the ERP's quota is left."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tortoise.functions import Count, Min

from hub.dispatch.disabling import why_disabled
from hub.dispatch.quota import Usage, usage
from hub.merchant.connections import DRAFT
from hub.outcomes import Status, ValidationState
from hub.store.models import Connection, Delivery, Exchange, Rma

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.core import Hub
    from hub.hookspecs import ConnectorSchema

UNSENT_TOO_LONG = timedelta(minutes=15)
POLL_TOO_OLD = timedelta(minutes=30)
"""Besides two of the connection's own intervals."""
RECENT_CALLS = 200
"""How far back the number of calls per batch is taken from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How one connection is.

    Attributes:
        counts: deliveries by status, every status named.
        waiting: deliveries not settled yet, by status.
        oldest_waiting_at: since when the oldest of them waits; None when none does.
        unsent_for: how long that is; None when none waits.
        not_polled_for: time since the last successful poll, or, before the first, since there was something
            to poll for; None while there is nothing.
        needs_person: deliveries that need a person.
        flagged: RMAs whose goods need a person.
        usage: how full each window of the quota is; empty when the connector is missing or has none.
        through_at: when the backlog should be through at the quota's pace; None when nothing waits.
        disabled: that its connector is switched off, why, and the way back; None when it is on.
        problems: sentences, worst first; empty when all is well.
    """

    row: Connection
    counts: dict[Status, int]
    waiting: dict[Status, int]
    oldest_waiting_at: datetime | None
    unsent_for: timedelta | None
    not_polled_for: timedelta | None
    needs_person: int
    flagged: int
    usage: Sequence[Usage]
    through_at: datetime | None
    disabled: str | None
    problems: Sequence[str]


async def health(hub: Hub, row: Connection) -> Health:
    """How a connection is now."""
    now = hub.clock.now()
    mine = Delivery.filter(connection_id=row.id)
    counted = await mine.annotate(n=Count("id")).group_by("status").values("status", "n")
    counts = dict.fromkeys(Status, 0) | {Status(each["status"]): each["n"] for each in counted}
    waiting = {status: counts[status] for status in _WAITING if counts.get(status)}
    oldest = await mine.filter(status__in=_WAITING).annotate(at=Min("created_at")).values("at")
    oldest_at = oldest[0]["at"] if waiting else None
    # The store is named so that an index leads to the few that are flagged.
    flagged = await Rma.filter(
        store_id=row.store_id, validation=ValidationState.FLAGGED, delivery__connection_id=row.id
    ).count()
    found = next((c for c in hub.registry.connectors if c.name == row.connector), None)
    used = await usage(row.id, found.schema, now) if found else []
    through = None
    if found and waiting:
        through = await _through_at(row, found.schema, used, sum(waiting.values()), now)
    unsent_for = now - oldest_at if oldest_at else None
    disabled = await why_disabled(row.connector)
    not_polled_for = await _not_polled_for(row, now)
    return Health(
        row=row,
        counts=counts,
        waiting=waiting,
        oldest_waiting_at=oldest_at,
        unsent_for=unsent_for,
        not_polled_for=not_polled_for,
        needs_person=counts.get(Status.ATTENTION, 0),
        flagged=flagged,
        usage=used,
        through_at=through,
        disabled=disabled,
        problems=([disabled] if disabled else [])
        + _problems(row, counts, flagged, unsent_for, not_polled_for, is_installed=found is not None),
    )


async def _not_polled_for(row: Connection, now: datetime) -> timedelta | None:
    if row.next_poll_at is None:
        return None
    since = row.polled_at
    if since is None:
        with_document = Delivery.filter(connection_id=row.id, document_id__isnull=False)
        first = await with_document.annotate(at=Min("created_at")).values("at")
        since = first[0]["at"] if first else None
    return now - since if since else None


_WAITING = (Status.PENDING, Status.SENDING, Status.IN_DOUBT)


async def _through_at(
    row: Connection, schema: ConnectorSchema, used: Sequence[Usage], waiting: int, now: datetime
) -> datetime:
    """When the backlog should be through: batches, times calls per batch as of late, at the quota's pace."""
    batches = -(-waiting // schema.max_batch)
    calls = await Exchange.filter(connection_id=row.id).order_by("-id").limit(RECENT_CALLS).values("method")
    writes = sum(1 for call in calls if call["method"] != "GET")
    per_batch = max(1.0, len(calls) / writes) if writes else 3.0
    needed = batches * per_batch
    start = max([now, *[each.free_at for each in used]])
    pace = max([schema.spacing, *[each.window.per / each.window.calls for each in used]])
    # Room that is left in a window is used at once; only what is beyond it goes at the window's pace.
    room = min((each.window.calls - each.used for each in used), default=0)
    return start + schema.spacing * needed + pace * max(0.0, needed - room)


def _problems(
    row: Connection,
    counts: dict[Status, int],
    flagged: int,
    unsent_for: timedelta | None,
    not_polled_for: timedelta | None,
    *,
    is_installed: bool,
) -> list[str]:
    problems = []
    if not is_installed:
        problems.append(f"its connector {row.connector} is not installed or broken")
    if row.is_paused:
        name = shlex.quote(row.name)
        mend = f"once that is mended, `hub connections resume {name}`"
        if row.pause_reason == DRAFT:
            mend = (
                "finish it under Integrations in the hub's pages, or run "
                f"`hub connections check {name}`, then `hub connections resume {name}` to switch on"
            )
        problems.append(f"it is paused: {row.pause_reason}; {mend}")
    if counts.get(Status.ATTENTION):
        problems.append(f"{counts[Status.ATTENTION]} deliveries need a person")
    if flagged:
        problems.append(f"the goods of {flagged} RMAs need a person")
    if unsent_for is not None and unsent_for > UNSENT_TOO_LONG:
        problems.append(f"the oldest unsent delivery waits for {spelled(unsent_for)}")
    polled_late = POLL_TOO_OLD + 2 * _poll_interval(row)
    if not_polled_for is not None and not_polled_for > polled_late and not row.is_paused:
        problems.append(f"the last successful poll was {spelled(not_polled_for)} ago")
    if row.last_error and not row.is_paused:
        problems.append(f"its last call failed: {row.last_error}")
    return problems


def _poll_interval(row: Connection) -> timedelta:
    return timedelta(seconds=float(json.loads(row.settings).get("poll_interval_s", 0)))


async def unplaced() -> int:
    """How many deliveries need a person and belong to no connection, as for an unknown return method."""
    return await Delivery.filter(status=Status.ATTENTION, connection_id__isnull=True).count()


async def recent_calls(row: Connection, since: datetime, *, most: int) -> list[datetime]:
    """When a connection's calls of late took their place in the quota, newest first, at most so many."""
    calls = Exchange.filter(connection_id=row.id, at__gte=since).order_by("-at").limit(most)
    return [each[0] for each in await calls.values_list("at")]


def spelled(span: timedelta) -> str:
    """A span as people read it: ``45 s``, ``12 min``, ``3 h``, ``2 d``."""
    seconds = round(span.total_seconds())
    for unit, size in (("d", 172_800), ("h", 7_200), ("min", 120)):
        if seconds >= size:
            return f"{seconds * 2 // size} {unit}"
    return f"{max(seconds, 0)} s"

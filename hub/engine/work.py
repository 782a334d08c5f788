"""Which work a connection's role means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.expressions import Q, Subquery

from hub.dispatch import work as erp
from hub.dispatch.claims import free
from hub.dispatch.disabling import disabled_names
from hub.dispatch.due import due
from hub.outcomes import Status
from hub.platform.returngo import work as returngo
from hub.sending.due import due_receivers
from hub.store.models import Connection, Delivery, RmaToFetch, Role
from hub.webhooks import work as webhooks

if TYPE_CHECKING:
    from datetime import datetime

    import aiohttp
    from tortoise.queryset import QuerySet

    from hub.core import Hub


async def work(
    hub: Hub,
    http: aiohttp.ClientSession,
    connection_id: str,
    *,
    owner: str,
    most_batches: int | None = None,
) -> bool:
    """Does what is due on one connection.

    Args:
        hub: the hub.
        http: the process's HTTP client.
        connection_id: which.
        owner: who works, for people to read.
        most_batches: of documents, then it comes back; None for all that are due.

    Returns:
        False when somebody else holds the connection.

    Raises:
        HubError: the connection cannot be opened; it is written on its row as well.
    """
    row = await Connection.get(id=connection_id).only("id", "role")
    match row.role:
        case Role.ERP:
            return await erp.work(hub, http, connection_id, owner=owner, most_batches=most_batches)
        case Role.PLATFORM:
            return await returngo.work(hub, http, connection_id, owner=owner)
        case Role.WEBHOOK:
            return await webhooks.work(hub, connection_id, owner=owner)


async def due_connections(now: datetime, *, only: str | None = None) -> list[str]:
    """Connections with something to send, look up, read or poll, that are not paused or removed.

    Those whose connector is switched off wait.

    Args:
        now: the time.
        only: asks about this one; None about all.
    """
    return await _ids(await _active(only), await _awaited(now, only) | due("next_poll_at", now))


async def waiting_connections(
    now: datetime, *, unclaimed: bool = False, only: str | None = None
) -> list[str]:
    """Those of them with something to send, look up or read: what somebody waits for, unlike a poll.

    Args:
        now: the time.
        unclaimed: True leaves out those that somebody works on.
        only: asks about this one; None about all.
    """
    wanted = await _awaited(now, only)
    return await _ids(await _active(only), wanted & free(now) if unclaimed else wanted)


async def unpolled_connections(
    now: datetime, *, unclaimed: bool = False, most: int | None = None
) -> list[str]:
    """Those to poll, the longest due first.

    Args:
        now: the time.
        unclaimed: True leaves out those that somebody works on.
        most: so many at most; None for all.
    """
    wanted = due("next_poll_at", now)
    rows = (await _active()).order_by("next_poll_at")
    return await _ids(rows if most is None else rows.limit(most), wanted & free(now) if unclaimed else wanted)


async def _awaited(now: datetime, only: str | None) -> Q:
    waiting = Q(status__in=[Status.PENDING, Status.IN_DOUBT]) & due("next_attempt_at", now)
    # Asked for together, those being sent make SQLite read every delivery there ever was.
    due_ones = Delivery.filter(waiting, connection_id__isnull=False)
    being_sent = Delivery.filter(status=Status.SENDING, connection_id__isnull=False)
    to_fetch = RmaToFetch.filter(due("due_at", now))
    if only is not None:
        due_ones, being_sent = due_ones.filter(connection_id=only), being_sent.filter(connection_id=only)
        to_fetch = to_fetch.filter(connection_id=only)
    return (
        Q(id__in=Subquery(due_ones.values("connection_id")))
        | Q(id__in=Subquery(being_sent.values("connection_id")))
        | Q(id__in=Subquery(to_fetch.values("connection_id")))
        | Q(id__in=list(await due_receivers(now, only=only)))
    )


async def _active(only: str | None = None) -> QuerySet[Connection]:
    active = Connection.filter(is_paused=False, removed_at__isnull=True)
    if only is not None:
        active = active.filter(id=only)
    disabled = await disabled_names()
    return active.exclude(connector__in=disabled) if disabled else active


async def _ids(rows: QuerySet[Connection], wanted: Q) -> list[str]:
    return [row.id for row in await rows.filter(wanted).only("id")]

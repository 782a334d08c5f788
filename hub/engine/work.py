"""Which work a connection's role means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.expressions import Q

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


async def due_connections(now: datetime, *, unclaimed: bool = False, only: str | None = None) -> list[str]:
    """Connections with something to send, look up, read or poll, that are not paused or removed.

    Those whose connector is switched off wait.

    Args:
        now: the time.
        unclaimed: True leaves out those that somebody works on.
        only: asks about this one; None about all.
    """
    waiting = Q(status__in=[Status.PENDING, Status.IN_DOUBT]) & due("next_attempt_at", now)
    with_work = Delivery.filter(waiting | Q(status=Status.SENDING), connection_id__isnull=False)
    ids = {row["connection_id"] for row in await with_work.distinct().values("connection_id")}
    to_fetch = RmaToFetch.filter(due("due_at", now))
    ids |= {row["connection_id"] for row in await to_fetch.distinct().values("connection_id")}
    ids |= await due_receivers(now)
    wanted = Q(id__in=list(ids)) | due("next_poll_at", now)
    active = Connection.filter(wanted, is_paused=False, removed_at__isnull=True)
    if only is not None:
        active = active.filter(id=only)
    if disabled := await disabled_names():
        active = active.exclude(connector__in=disabled)
    if unclaimed:
        active = active.filter(free(now))
    return [row.id for row in await active.only("id").order_by("id")]

"""Which updates are due: of one RMA and one receiver, only the oldest unsent one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.expressions import Q, RawSQL, Subquery

from hub.dispatch.due import due
from hub.store.models import Connection, Role, SendingStatus, UpdateSending

if TYPE_CHECKING:
    from datetime import datetime

    from tortoise.queryset import QuerySet

# A join of the table with itself, which Tortoise cannot write. `pending` is SendingStatus.PENDING.
_OLDER = (
    "(SELECT count(*) FROM update_sending older WHERE older.rma_id = update_sending.rma_id"
    " AND older.connection_id = update_sending.connection_id"
    " AND older.status = 'pending' AND older.id < update_sending.id)"
)


def due_sendings(now: datetime) -> QuerySet[UpdateSending]:
    """Updates that may be sent now, to receivers that are there, not paused and not at rest."""
    awake = Q(connection__resting_until__isnull=True) | due("connection__resting_until", now)
    return (
        UpdateSending.filter(
            awake,
            due("next_attempt_at", now),
            status=SendingStatus.PENDING,
            connection__is_paused=False,
            connection__removed_at__isnull=True,
        )
        .annotate(older=RawSQL(_OLDER))
        .filter(older=0)
    )


async def due_receivers(now: datetime, *, only: str | None = None) -> set[str]:
    """Ids of the connections that something is to be sent to now. For the engine.

    Args:
        now: the time.
        only: asks about this one; None about all.
    """
    # Sendings are kept for good and their index begins with the receiver, of which there are few.
    receivers = Connection.filter(removed_at__isnull=True).exclude(role=Role.ERP)
    if only is not None:
        receivers = receivers.filter(id=only)
    rows = due_sendings(now).filter(connection_id__in=Subquery(receivers.values("id")))
    return {row["connection_id"] for row in await rows.distinct().values("connection_id")}

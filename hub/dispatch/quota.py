"""The ERP's quota: counted in the request log, so that it holds across processes and restarts.

Own code and not a rate-limit library: those found keep their count in memory, in Redis or in tables of
their own, and the log of calls is written anyway.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hub.errors import RetriableError
from hub.store.database import in_transaction
from hub.store.models import Connection, Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.hookspecs import ConnectorSchema, QuotaWindow

LONGEST_WAIT = timedelta(seconds=70)
"""Longer waits are not slept through: the work goes back to its row with the time it is due."""


def earliest(
    now: datetime,
    filling: Sequence[tuple[QuotaWindow, datetime | None]],
    last_end: datetime | None,
    spacing: timedelta,
) -> datetime:
    """When the next call may go out. Pure.

    Args:
        now: the present.
        filling: for each window the time of the call that makes it full (the ``calls``-th latest); None
            while there are fewer.
        last_end: when the latest call ended, or takes its place where it has not; None before the first.
        spacing: least time between the end of one call and the start of the next.
    """
    free = [now]
    free += [at + window.per for window, at in filling if at is not None]
    if last_end is not None:
        free.append(last_end + spacing)
    return max(free)


async def reserve(
    connection_id: str, schema: ConnectorSchema, now: datetime, *, method: str, url: str, request_body: str
) -> Exchange:
    """Takes the next free place in the connection's quota and writes the call down.

    Raises:
        RetriableError: the next place is further away than :data:`LONGEST_WAIT`.
    """
    async with in_transaction():
        # Holding the connection's row keeps two processes from taking one place.
        await Connection.select_for_update().get(id=connection_id)
        calls = Exchange.filter(connection_id=connection_id).order_by("-at", "-id")
        filling = []
        for window in schema.quota:
            filler = await calls.offset(window.calls - 1).first().only("id", "at")
            filling.append((window, filler.at if filler else None))
        last = await calls.first()
        last_end = (last.finished_at or last.at) if last else None
        at = earliest(now, filling, last_end, schema.spacing)
        if at - now > LONGEST_WAIT:
            raise RetriableError(
                f"call {schema.title}: its quota is spent",
                why=f"the next call is free at {at.isoformat(timespec='seconds')}",
                fix="nothing: the hub goes on by itself then",
                retry_after=at - now,
            )
        return await Exchange.create(
            connection_id=connection_id, at=at, method=method, url=url, request_body=request_body
        )

"""The ERP's quota: counted in the request log, so that it holds across processes and restarts.

Own code and not a rate-limit library: those found keep their count in memory, in Redis or in tables of
their own, and the log of calls is written anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from tortoise.expressions import Q

from hub.errors import RetriableError
from hub.hookspecs import QuotaWindow
from hub.store.bulk import insert
from hub.store.database import in_transaction
from hub.store.models import Connection, Exchange, ExchangeDelivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tortoise.queryset import QuerySet

LONGEST_WAIT = timedelta(seconds=70)
"""Longer waits are not slept through: the work goes back to its row with the time it is due."""


LATEST = 60
"""Calls read at once: the windows of most remotes lie within, so that one statement tells of them all."""


class Limits(Protocol):
    """What is known of a remote's quota: a connector's schema has it, and a platform's."""

    @property
    def title(self) -> str:
        """What a merchant calls the remote."""

    @property
    def quota(self) -> Sequence[QuotaWindow]:
        """All windows hold at once; empty without a limit."""

    @property
    def spacing(self) -> timedelta:
        """Least time from the end of one call to the start of the next."""


SLOWEST = timedelta(minutes=5)
"""No call takes longer from its place to its answer."""
RESERVED = 0.2
"""Share of each larger window that polls and previews leave free, so that a live RMA never waits for them."""
SMALLEST_SHARED = 10
"""Windows of fewer calls are too short to be divided: whoever waits, waits a moment only."""


def background(windows: Sequence[QuotaWindow]) -> tuple[QuotaWindow, ...]:
    """The windows as a caller sees them who can wait."""
    return tuple(
        QuotaWindow(calls=window.calls - round(window.calls * RESERVED), per=window.per)
        if window.calls >= SMALLEST_SHARED
        else window
        for window in windows
    )


def earliest(
    now: datetime,
    filling: Sequence[tuple[QuotaWindow, datetime | None]],
    last_end: datetime | None,
    spacing: timedelta,
) -> datetime:
    """When the next call may go out. Pure.

    Args:
        now: the present.
        filling: for each window when the call that makes it full (the ``calls``-th latest) had reached the
            remote; None while there are fewer.
        last_end: when the latest call ended, the present where that is not known; None before the first.
        spacing: least time between the end of one call and the start of the next.
    """
    free = [now]
    free += [at + window.per for window, at in filling if at is not None]
    if last_end is not None:
        free.append(last_end + spacing)
    return max(free)


async def reserve(  # noqa: PLR0913 - what is written down of a call
    connection_id: str,
    schema: Limits,
    now: datetime,
    *,
    method: str,
    url: str,
    request_body: str,
    about: Sequence[str] = (),
    update_key: str | None = None,
    can_wait: bool = False,
) -> Exchange:
    """Takes the next free place in the connection's quota and writes the call down.

    Args:
        connection_id: whose quota.
        schema: its windows and spacing.
        now: the present.
        method: for the log.
        url: for the log, redacted.
        request_body: for the log, redacted.
        about: ids of the deliveries the call is about.
        update_key: of the update that the call carries; None for any other call.
        can_wait: True for polls and previews, which leave a part of the quota to live RMAs.

    Raises:
        RetriableError: the next place is further away than :data:`LONGEST_WAIT`.
    """
    async with in_transaction():
        # Holding the connections' rows keeps two processes from taking one place.
        sharing = await _sharing(connection_id, is_for_update=True)
        # No place is given further ahead: later ones are of a clock that has been set back since.
        calls = Exchange.filter(connection_id__in=sharing, at__lte=now + LONGEST_WAIT)
        calls = calls.order_by("-at", "-id")
        windows = background(schema.quota) if can_wait else schema.quota
        latest = await calls.limit(LATEST).values_list("at", "finished_at")
        filling = [(window, await _filler(calls, latest, window, now)) for window in windows]
        last_end = None
        if latest:
            last_at, finished_at = latest[0]
            # One without an end may be under way, or its process died: the remote may be at it until now.
            last_end = min(finished_at or max(last_at, now), now + LONGEST_WAIT)
        at = earliest(now, filling, last_end, schema.spacing)
        if at - now > LONGEST_WAIT:
            raise RetriableError(
                f"call {schema.title}: its quota is spent",
                why=f"the next call is free at {at.isoformat(timespec='seconds')}",
                fix="nothing: the hub goes on by itself then",
                retry_after=at - now,
            )
        exchange = await Exchange.create(
            connection_id=connection_id,
            at=at,
            method=method,
            url=url,
            request_body=request_body,
            update_key=update_key,
        )
        await insert(ExchangeDelivery, [{"exchange_id": exchange.id, "delivery_id": each} for each in about])
        return exchange


async def _filler(
    calls: QuerySet[Exchange], latest: Sequence[tuple[Any, ...]], window: QuotaWindow, now: datetime
) -> datetime | None:
    """When the call had reached the remote that is so many calls back; None while there are fewer.

    At the latest with its answer. Counted from its place here, one that was slow on its way and one sixty
    places later that was not would meet in the remote's minute.
    """
    if window.calls <= len(latest):
        at, finished_at = latest[window.calls - 1]
        reached: datetime = finished_at or at
        return reached
    if len(latest) < LATEST:
        return None
    # Older ones do not matter, and counting through a month of them would take long.
    counted = calls.filter(at__gt=now - window.per - SLOWEST)
    row = await counted.offset(window.calls - 1).first().only("id", "at", "finished_at")
    return (row.finished_at or row.at) if row else None


async def _sharing(connection_id: str, *, is_for_update: bool = False) -> list[str]:
    """The connections that spend one quota with this one, itself among them, also removed ones.

    Another store's is among them once the account has accepted the credentials of both: whoever merely writes
    an account down spends nothing of its quota, and reads nothing of it.
    """
    row = await Connection.get(id=connection_id).only("id", "store_id", "quota_key", "proved_at")
    sharing = Q(store_id=row.store_id)
    if row.proved_at is not None:
        sharing |= Q(proved_at__isnull=False)
    key = row.quota_key
    rows = Connection.filter(sharing, quota_key=key) if key else Connection.filter(id=connection_id)
    if is_for_update:
        rows = rows.select_for_update(no_key=True)
    return [row.id for row in await rows.only("id").order_by("id")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """How full one window is.

    Attributes:
        window: which.
        used: calls made in it, or that have their place in it already.
        free_at: when the next call may go out; the present when there is room.
    """

    window: QuotaWindow
    used: int
    free_at: datetime

    @property
    def share(self) -> float:
        """How full it is: 1 when nothing is left."""
        return self.used / self.window.calls


async def usage(connection_id: str, schema: Limits, now: datetime) -> list[Usage]:
    """How full each of a connection's windows is."""
    found = []
    sharing = await _sharing(connection_id)
    for window in schema.quota:
        calls = Exchange.filter(connection_id__in=sharing, at__gt=now - window.per)
        filler = await calls.order_by("-at", "-id").offset(window.calls - 1).first().only("id", "at")
        free_at = earliest(now, [(window, filler.at if filler else None)], None, schema.spacing)
        found.append(Usage(window=window, used=await calls.count(), free_at=free_at))
    return found

"""RMAs that ReturnGO says have changed: remembered in rows, read one by one, taken in like any event.

The rows stand between saying and reading, so that a crash, a spent quota or a burst of hints loses nothing
and asks nothing twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from tortoise.expressions import Q

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.due import due
from hub.dispatch.policy import RETRY_AFTER_LONGEST
from hub.errors import ConnectorError, EventError, RejectedError, RetriableError
from hub.inbound.accept import accept
from hub.platform.returngo.shop import is_authority
from hub.store.models import RmaToFetch, Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.core import Hub
    from hub.inbound.event import IncomingEvent
    from hub.platform.returngo.opening import OpenedPlatform
    from hub.store.models import Connection

AT_ONCE = 25
"""Most RMAs that are read before whatever else the connection has to do gets its turn."""
AFTER_FAILURE = timedelta(seconds=30)
AFTER_REFUSAL = timedelta(hours=24)
"""An RMA that cannot be taken in is read again a day later, or as soon as it changes."""
ABSENT = "ReturnGO has no RMA of this number"
AFTER_ABSENCE = timedelta(hours=1)
"""Told twice that there is none, the hub forgets it: it was deleted, or the hint was made up."""

log = structlog.get_logger()


async def remember(connection_id: str, rmas: Mapping[str, bool], now: datetime, due_at: datetime) -> None:
    """Notes that RMAs are to be read; saying so again moves them to the new time.

    Args:
        connection_id: from where.
        rmas: their numbers, and whether each goes before those that are not urgent.
        now: the present.
        due_at: when they are to be read.
    """
    await RmaToFetch.bulk_create(
        [
            RmaToFetch(
                connection_id=connection_id, rma_id=rma_id, asked_at=now, due_at=due_at, is_urgent=is_urgent
            )
            for rma_id, is_urgent in rmas.items()
        ],
        on_conflict=["connection_id", "rma_id"],
        update_fields=["asked_at", "due_at", "is_urgent"],
    )


def source_of(row: Connection) -> str:
    """What events of a platform say they came from."""
    return f"{row.connector}/{row.id}"


async def take_in(hub: Hub, opened: OpenedPlatform, event: IncomingEvent) -> bool:
    """Takes in an RMA as it stands.

    Returns:
        False when the hub held this already, but for comments.

    Raises:
        EventError: it is refused.
    """
    row = opened.row
    accepted = await accept(
        hub.clock,
        await Store.get(id=row.store_id),
        event,
        source=source_of(row),
        credit_from=opened.settings.credit_from,
        is_read_now=True,
        # One whose shop another connection holds tells of its returns all the same, and confirms none.
        is_confirmed=row.account_key is not None and is_authority(opened.settings),
        registry=hub.registry,
    )
    return not (accepted.duplicate or accepted.is_talk)


async def fetch_due(hub: Hub, opened: OpenedPlatform, *, most: int | None = None) -> list[str]:
    """Reads the RMAs whose time has come, and takes them in.

    Args:
        hub: the hub.
        opened: from where.
        most: stops after so many; None reads them all.

    Returns:
        The RMAs something new was learnt about.

    Raises:
        ConnectorError: the platform cannot be read now. What is due has been put off.
    """
    mine = RmaToFetch.filter(connection_id=opened.row.id)
    waiting = mine.filter(due("due_at", hub.clock.now())).order_by("-is_urgent", "due_at", "id")
    news: list[str] = []
    for each in await (waiting if most is None else waiting.limit(most)):
        # One that was named again while it was read stays as it was named then, and is read again.
        same = mine.filter(id=each.id, asked_at=each.asked_at)
        try:
            event = await opened.client.get(each.rma_id)
            if event is not None and await take_in(hub, opened, event):
                news.append(each.rma_id)
            reach(CrashPoint.PLATFORM_TAKEN_IN)
        except (EventError, RejectedError) as error:
            # It shows as a problem of the platform until it can be taken in; the others go on.
            log.warning("rma not taken in", connection=opened.row.id, rma=each.rma_id, reason=str(error))
            due_at = hub.clock.now() + AFTER_REFUSAL
            await same.update(reason=str(error), due_at=due_at, is_urgent=False)
        except ConnectorError as error:
            await _put_off(hub, opened.row.id, error)
            raise
        else:
            if event is None and each.reason != ABSENT:
                due_at = hub.clock.now() + AFTER_ABSENCE
                await same.update(reason=ABSENT, due_at=due_at, is_urgent=False)
            else:
                await same.delete()
    return news


async def _put_off(hub: Hub, connection_id: str, error: ConnectorError) -> None:
    now = hub.clock.now()
    asked = error.retry_after if isinstance(error, RetriableError) else None
    wait = min(max(asked or AFTER_FAILURE, AFTER_FAILURE), RETRY_AFTER_LONGEST)
    soon = Q(due_at__lt=now + wait) | due("due_at", now)
    await RmaToFetch.filter(soon, connection_id=connection_id).update(due_at=now + wait)

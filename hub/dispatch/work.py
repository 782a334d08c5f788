"""The work of one connection, done by whoever holds its claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.claims import ClaimLostError, claim
from hub.dispatch.disabling import check_enabled, why_disabled
from hub.dispatch.flush import Flush
from hub.dispatch.opening import open_connection
from hub.dispatch.policy import FURTHEST
from hub.dispatch.poll import PAGES_AT_ONCE, poll
from hub.dispatch.waiting import claim_in_turn
from hub.errors import HubError
from hub.store.models import Connection

if TYPE_CHECKING:
    import aiohttp

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.dispatch.opening import OpenedConnection
    from hub.dispatch.poll import PollReport

log = structlog.get_logger()


async def work(
    hub: Hub,
    http: aiohttp.ClientSession,
    connection_id: str,
    *,
    owner: str,
    most_batches: int | None = None,
) -> bool:
    """Sends and looks up what is due on one connection, then polls if a poll is due.

    Args:
        hub: the hub.
        http: the process's HTTP client.
        connection_id: which.
        owner: who works, for people to read.
        most_batches: come back after so many, though more may be due; None for all of them.

    Returns:
        False when somebody else holds the connection.

    Raises:
        HubError: the connection cannot be opened; it is written on its row as well.
    """
    async with claim(connection_id, owner, hub.clock) as held:
        if held is None:
            return False
        reach(CrashPoint.WORK_CLAIMED)
        row = await Connection.get(id=connection_id)
        if await why_disabled(row.connector):
            return True
        try:
            opened = open_connection(hub, row, http, held)
        except HubError as error:
            await Connection.filter(id=connection_id).update(
                last_error=str(error), last_error_at=hub.clock.now()
            )
            raise
        flush = Flush(hub, opened, held)
        await flush.run(most_batches)
        if not flush.is_outdated and await is_poll_due(hub, row):
            await _poll_or_tell(hub, opened, held)
        return True


async def _poll_or_tell(hub: Hub, opened: OpenedConnection, held: Claim) -> None:
    """A poll that fails has put itself off; what is to be sent meanwhile does not wait for it."""
    try:
        await poll(hub, opened, held, most_pages=PAGES_AT_ONCE)
    except ClaimLostError:
        raise
    except HubError as error:
        log.warning("poll failed", connection=opened.row.id, reason=str(error), fix=error.fix)


async def is_poll_due(hub: Hub, row: Connection) -> bool:
    """True when there is something to poll for, and it is time."""
    await row.refresh_from_db(fields=["is_paused", "removed_at", "next_poll_at"])
    if row.is_paused or row.removed_at is not None or row.next_poll_at is None:
        return False
    now = hub.clock.now()
    return row.next_poll_at <= now or row.next_poll_at > now + FURTHEST


async def poll_now(hub: Hub, http: aiohttp.ClientSession, connection_id: str, *, owner: str) -> PollReport:
    """One polling cycle now, whether it is due or not; waits for whoever works on the connection.

    Raises:
        ConflictError: the connection stayed in use, or its connector is switched off.
        HubError: the ERP could not be read.
    """
    async with claim_in_turn(hub, connection_id, owner=owner, what="poll") as held:
        row = await Connection.get(id=connection_id)
        await check_enabled(row.connector, f"poll {row.name}")
        return await poll(hub, open_connection(hub, row, http, held), held)

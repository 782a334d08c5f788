"""The work of one platform connection, done by whoever holds its claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hub.dispatch.claims import ClaimLostError, claim
from hub.dispatch.waiting import claim_in_turn
from hub.dispatch.work import is_poll_due
from hub.errors import HubError
from hub.platform.returngo.fetching import AT_ONCE, fetch_due
from hub.platform.returngo.opening import open_platform
from hub.platform.returngo.polling import PAGES_AT_ONCE, PollReport, failed, poll
from hub.platform.returngo.sending import sender
from hub.sending.loop import run as send_due
from hub.sending.schedule import platform_wait
from hub.store.models import Connection

if TYPE_CHECKING:
    import aiohttp

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.platform.returngo.opening import OpenedPlatform

log = structlog.get_logger()


async def work(hub: Hub, http: aiohttp.ClientSession, connection_id: str, *, owner: str) -> bool:
    """Takes in what changed, lists if a poll is due, then sends what is due.

    Returns:
        False when somebody else holds the connection.

    Raises:
        HubError: the connection cannot be opened; it is written on its row as well.
    """
    async with claim(connection_id, owner, hub.clock) as held:
        if held is None:
            return False
        row = await Connection.get(id=connection_id)
        try:
            opened = open_platform(hub, row, http, held)
        except HubError as error:
            await Connection.filter(id=connection_id).update(
                last_error=str(error), last_error_at=hub.clock.now()
            )
            raise
        await _read_or_tell(hub, opened, held)
        await row.refresh_from_db(fields=["is_paused", "removed_at"])
        if not row.is_paused and row.removed_at is None:
            await send_due(hub, row, held, sender(hub, opened), platform_wait)
        return True


async def _read_or_tell(hub: Hub, opened: OpenedPlatform, held: Claim) -> None:
    """Reading that fails has put itself off; what is to be sent meanwhile does not wait for it."""
    try:
        if await is_poll_due(hub, opened.row):
            await poll(hub, opened, held, most_pages=PAGES_AT_ONCE)
    except ClaimLostError:
        raise
    except HubError as error:
        log.warning("poll failed", connection=opened.row.id, reason=str(error), fix=error.fix)
        return
    try:
        await fetch_due(hub, opened, most=AT_ONCE)
    except ClaimLostError:
        raise
    except HubError as error:
        await failed(hub, opened, error)
        log.warning("rmas not read", connection=opened.row.id, reason=str(error), fix=error.fix)


async def poll_now(hub: Hub, http: aiohttp.ClientSession, connection_id: str, *, owner: str) -> PollReport:
    """One polling cycle now, due or not, and everything it finds is read; waits for whoever is at work.

    Raises:
        ConflictError: the connection stayed in use.
        HubError: the platform could not be read.
    """
    async with claim_in_turn(hub, connection_id, owner=owner, what="poll") as held:
        row = await Connection.get(id=connection_id)
        opened = open_platform(hub, row, http, held)
        report = await poll(hub, opened, held)
        try:
            report.news += await fetch_due(hub, opened)
        except HubError as error:
            await failed(hub, opened, error)
            raise
        return report

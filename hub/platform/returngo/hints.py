"""ReturnGO's webhooks: unsigned, so each is a hint that one RMA may have changed, and nothing more.

They come to an address with an unguessable part (returngo/REFERENCE.md: no signature seen, U). Only the RMA's
number is read from them; the RMA itself is fetched, with our key, and its state decides.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.platform.returngo.config import NAME
from hub.platform.returngo.fetching import remember
from hub.platform.returngo.opening import read_settings
from hub.platform.returngo.wire import read_hint
from hub.store.models import Connection, RmaToFetch, Role

if TYPE_CHECKING:
    from datetime import datetime

    from hub.clock import Clock

PATH = f"/v1/hooks/{NAME}/"
MAX_BYTES = 256 * 1024
"""More of a body is refused unread."""
MOST_WAITING = 500
"""With so many RMAs to read, hints only bring the next poll forward: it finds them all with one list call."""
COALESCE = timedelta(seconds=2)
"""One approval sends several webhooks at once; they cost one call."""
POLL_AFTER = timedelta(seconds=60)
"""How soon after the last poll a hint that names no RMA may bring another."""


def hint_key(token: str) -> str:
    """The digest by which an address is found. Only digests are compared, so timing tells nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def _put_off_until(row: Connection, now: datetime) -> datetime | None:
    """Until when the platform asked to be left alone, for longer than from poll to poll; else None."""
    interval = timedelta(seconds=read_settings(row).poll_interval_s)
    if not row.last_error or row.next_poll_at is None:
        return None
    return row.next_poll_at if row.next_poll_at > now + interval else None


async def is_address(token: str) -> bool:
    """Tells whether a platform has the address with this unguessable part."""
    return await Connection.exists(hint_key=hint_key(token), role=Role.PLATFORM, removed_at__isnull=True)


async def remember_hint(clock: Clock, token: str, body: bytes) -> bool:
    """Notes what a webhook hints at; it is in the database when this comes back.

    Args:
        clock: time.
        token: the unguessable part of the address.
        body: as it came; never trusted.

    Returns:
        False when no platform has this address.
    """
    row = await Connection.get_or_none(hint_key=hint_key(token), role=Role.PLATFORM, removed_at__isnull=True)
    if row is None:
        return False
    now = clock.now()
    rma_id = read_hint(body)
    put_off = _put_off_until(row, now)
    if rma_id is not None and await RmaToFetch.filter(connection_id=row.id).count() < MOST_WAITING:
        await remember(row.id, {rma_id: True}, now, put_off or now + COALESCE)
        return True
    if put_off is not None:
        return True
    soon = max(now, (row.polled_at or row.created_at) + POLL_AFTER)
    await Connection.filter(id=row.id, next_poll_at__gt=soon).update(next_poll_at=soon)
    return True

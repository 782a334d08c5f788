"""How long calls to ERPs are kept: for people to read, and for the quota to be counted from."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hub.store.database import in_transaction
from hub.store.models import Connection, Exchange, ExchangeDelivery

if TYPE_CHECKING:
    from datetime import datetime

    from hub.core import Hub

KEPT_FOR = timedelta(days=30)
"""Then a call is deleted with its bodies. Never sooner than the longest window of its connector's quota."""
SMALL_BATCH = 200
"""So that whoever sends never waits long for the deletion's transaction."""
BETWEEN_BATCHES_S = 0.2


async def forget_calls(hub: Hub, kept_for: timedelta = KEPT_FOR) -> int:
    """Deletes calls that are older than they are kept, in small batches.

    Args:
        hub: the hub.
        kept_for: how long calls are kept, if no quota needs them longer.

    Returns:
        How many were deleted.
    """
    windows = {each.name: [window.per for window in each.schema.quota] for each in hub.registry.connectors}
    deleted = 0
    # Removed connections too: their calls are as old as any.
    for row in await Connection.all().only("id", "connector").order_by("id"):
        longest = max([kept_for, *windows.get(row.connector, ())])
        before = hub.clock.now() - longest
        while number := await _forget_some(row.id, before):
            deleted += number
            await hub.clock.sleep(BETWEEN_BATCHES_S)
    return deleted


async def _forget_some(connection_id: str, before: datetime) -> int:
    async with in_transaction():
        old = Exchange.filter(connection_id=connection_id, at__lt=before)
        ids = [each.id for each in await old.only("id").order_by("at").limit(SMALL_BATCH)]
        if ids:
            await ExchangeDelivery.filter(exchange_id__in=ids).delete()
            await Exchange.filter(id__in=ids).delete()
        return len(ids)

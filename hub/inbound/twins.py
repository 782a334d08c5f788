"""Twins: the rows that several stores have under one return number.

A number is the platform's, and any store can sign an event for it. So each store that does has a row of its
own, with its own documents and story, and nothing of it reaches another store. Whose number it is, only the
platform can say: an RMA that it shows in a shop of its store is confirmed. One that is not yields to a
confirmed twin, since then its event was wrong or made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hub.crashpoints import CrashPoint, reach
from hub.outcomes import Status, Verdict
from hub.routing import CONFIRMING, UNCONFIRMED
from hub.store.models import Delivery, Rma, TimelineEntry
from hub.store.timeline import UNCONFIRMED as KIND
from hub.store.timeline import tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

log = structlog.get_logger()


async def is_confirmed_elsewhere(row: Rma) -> bool:
    """Whether the platform shows an RMA's number in a shop of another store."""
    same = Rma.filter(platform=row.platform, rma_id=row.rma_id, confirmed_at__isnull=False)
    return await same.exclude(store_id=row.store_id).exists()


async def lock_with_twins(platform: str, rma_id: str) -> list[Rma]:
    """Every store's row under one number, locked in the order in which all lock them."""
    return await Rma.filter(platform=platform, rma_id=rma_id).order_by("id").select_for_update(no_key=True)


async def withdraw_twins(confirmed: Rma, twins: Sequence[Rma], now: datetime) -> None:
    """Withdraws what waits to be sent for the unconfirmed twins of an RMA that the platform confirms.

    What is being sent or in doubt is settled first, and seen to before it would be sent again.

    Args:
        confirmed: the RMA.
        twins: other stores' rows under its number, locked.
        now: the present.
    """
    unconfirmed = [each.id for each in twins if each.confirmed_at is None]
    if not unconfirmed:
        return
    waiting = Delivery.filter(rma_id__in=unconfirmed, status=Status.PENDING)
    for delivery in await waiting.order_by("rma_id").select_for_update():
        await _withdraw(delivery, now)
    # The log is for whoever runs the hub. No store reads of another.
    log.warning(
        "return number signed for by a store that is not its own",
        rma=confirmed.rma_id,
        store=confirmed.store_id,
        others=sorted({each.store_id for each in twins}),
    )
    reach(CrashPoint.TWINS_BEFORE_COMMIT)


async def _withdraw(delivery: Delivery, now: datetime) -> None:
    delivery.status, delivery.verdict, delivery.reason = Status.SKIPPED, Verdict.SKIPPED, UNCONFIRMED
    delivery.next_attempt_at, delivery.fix, delivery.edited_request = None, CONFIRMING, None
    delivery.version += 1
    delivery.updated_at = now
    await delivery.save()
    await tell(delivery.rma_id, now, KIND, f"Nothing is credited: {UNCONFIRMED}.")


async def is_withdrawn_for_twin(delivery: Delivery) -> bool:
    """Whether nothing is credited only because the RMA was not confirmed; a person's later word counts."""
    if delivery.status is not Status.SKIPPED:
        return False
    told = TimelineEntry.filter(rma_id=delivery.rma_id, kind__startswith="delivery.")
    last = await told.order_by("-id").first()
    return last is not None and last.kind == KIND

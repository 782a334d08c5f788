"""An RMA's story with the calls behind each sentence, and what its platform and subscribers were told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import NotFoundError
from hub.store.models import Exchange, ExchangeDelivery, RmaUpdate, TimelineEntry, UpdateSending

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.store.models import Delivery, Rma

MOST_STEPS = 500
"""The newest of a story; older ones are with ``hub rmas show``."""
MOST_UPDATES = 100
_HEAD = ("id", "at", "finished_at", "method", "url", "status", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One HTTP call without its bodies; see :func:`exchange` for those.

    Attributes:
        finished_at: None while it is under way, or when the hub stopped in the middle.
        status: the HTTP status; None without an answer.
        error: why there was none; empty otherwise.
    """

    id: int
    at: datetime
    finished_at: datetime | None
    method: str
    url: str
    status: int | None
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One sentence of the story, and the calls that led to it.

    Attributes:
        entry: None for calls of which nothing has been told yet.
    """

    entry: TimelineEntry | None
    calls: Sequence[Call]


async def story(rma: Rma, delivery: Delivery | None) -> list[Step]:
    """The story, oldest first; each call stands with the first sentence told after it ended."""
    newest = await TimelineEntry.filter(rma_id=rma.id).order_by("-id").limit(MOST_STEPS)
    calls: list[Call] = []
    if delivery is not None:
        about = Exchange.filter(about__delivery_id=delivery.id).order_by("-id").limit(MOST_STEPS)
        calls = [Call(**row) for row in reversed(await about.values(*_HEAD))]
    steps = []
    for entry in reversed(newest):
        led_here = [call for call in calls if (call.finished_at or call.at) <= entry.at]
        calls = [call for call in calls if call not in led_here]
        steps.append(Step(entry=entry, calls=led_here))
    return [*steps, Step(entry=None, calls=calls)] if calls else steps


async def exchange(delivery: Delivery | None, exchange_id: int) -> Exchange:
    """One call with its bodies, as the request log keeps them: without secrets, and cut where they are long.

    Raises:
        NotFoundError: there is none, or it was not about this delivery.
    """
    found = None
    if delivery is not None and await ExchangeDelivery.exists(
        exchange_id=exchange_id, delivery_id=delivery.id
    ):
        found = await Exchange.get_or_none(id=exchange_id)
    if found is None:
        raise NotFoundError(
            f"find call {exchange_id}: there is none for this return",
            why="calls are kept for a time only",
            fix="go back to the return",
        )
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One update, and how far it is on its way to each receiver.

    Attributes:
        sendings: with their connection, which is a platform or a webhook.
    """

    update: RmaUpdate
    sendings: Sequence[UpdateSending]


async def told(rma: Rma) -> list[Told]:
    """What the RMA's platform and subscribers were told or are to be told, newest first."""
    updates = await RmaUpdate.filter(rma_id=rma.id).order_by("-id").limit(MOST_UPDATES)
    by_update: dict[int, list[UpdateSending]] = {}
    sendings = UpdateSending.filter(rma_id=rma.id, update_id__in=[each.id for each in updates])
    for each in await sendings.order_by("id").select_related("connection"):
        by_update.setdefault(each.update_id, []).append(each)
    return [Told(update=each, sendings=by_update.get(each.id, ())) for each in updates]

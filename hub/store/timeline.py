"""An RMA's story in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.bulk import insert
from hub.store.models import TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


KIND_LENGTH = 40
"""Most characters of a kind."""
RESOLVED = "delivery.resolved"
"""A person closed a delivery."""
EDITED = "delivery.edited"
"""A person wrote the request by hand."""
HANDED_BACK = "delivery.handed_back"
"""A delivery that had ended is the hub's to work on again."""
TWIN = "delivery.twin"
"""A document of this return, made over another connection to the account, keeps it from being sent."""
UNCONFIRMED = "delivery.unconfirmed"
"""Nothing is credited: the platform shows the RMA in another store's shop, and not in one of this store."""


def entry(rma: int, at: datetime, kind: str, text: str) -> TimelineEntry:
    """One sentence, not yet stored; :func:`tell_all` stores many at once."""
    return TimelineEntry(rma_id=rma, at=at, kind=kind, text=text)


async def tell_all(story: Sequence[TimelineEntry]) -> None:
    """Adds sentences to the stories of RMAs, in the caller's transaction."""
    rows = [{"rma_id": each.rma_id, "at": each.at, "kind": each.kind, "text": each.text} for each in story]
    await insert(TimelineEntry, rows)


async def tell(rma: int, at: datetime, kind: str, text: str) -> None:
    """Adds one sentence to an RMA's story.

    Args:
        rma: the row's id.
        at: when it happened.
        kind: what it is about, for filters: ``rma.approved``, ``delivery.sent``, ``validation.received``, …
        text: a whole sentence for a merchant.
    """
    await entry(rma, at, kind, text).save()

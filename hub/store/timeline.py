"""An RMA's story in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.models import TimelineEntry

if TYPE_CHECKING:
    from datetime import datetime


KIND_LENGTH = 40
"""Most characters of a kind."""
RESOLVED = "delivery.resolved"
"""A person closed a delivery."""
EDITED = "delivery.edited"
"""A person wrote the request by hand."""
HANDED_BACK = "delivery.handed_back"
"""A delivery that had ended is the hub's to work on again."""


def entry(rma: int, at: datetime, kind: str, text: str) -> TimelineEntry:
    """One sentence, not yet stored; store many at once with ``TimelineEntry.bulk_create``."""
    return TimelineEntry(rma_id=rma, at=at, kind=kind, text=text)


async def tell(rma: int, at: datetime, kind: str, text: str) -> None:
    """Adds one sentence to an RMA's story.

    Args:
        rma: the row's id.
        at: when it happened.
        kind: what it is about, for filters: ``rma.approved``, ``delivery.sent``, ``validation.received``, …
        text: a whole sentence for a merchant.
    """
    await entry(rma, at, kind, text).save()

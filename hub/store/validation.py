"""How far the warehouse is with an RMA, as its rows tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.outcomes import ValidationState
from hub.store.models import TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.store.models import Rma, RmaItem

FLAGGED = "validation.flagged"
"""Kind of the sentence that tells what the warehouse's word flagged an RMA for."""


def state_of(rows: Sequence[RmaItem]) -> ValidationState:
    """How far the warehouse is, by the credited items alone."""
    back = sum(1 for row in rows if row.is_returned)
    if back == 0:
        return ValidationState.NONE
    return ValidationState.FULL if back == len(rows) else ValidationState.PARTIAL


async def last_flag(rma: Rma) -> str | None:
    """What the warehouse's word flagged the RMA for last, as its story tells it; None for never."""
    last = await TimelineEntry.filter(rma_id=rma.id, kind=FLAGGED).order_by("-id").first()
    return last.text if last else None

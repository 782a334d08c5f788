"""The texts by which people look for an RMA, kept in a table of their own so that a search is one index walk.

They are written in the transaction that makes them true. A text that has ceased to be true (an SKU that left
the RMA, a reference that was edited) still finds it: somebody may hold it in their hands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.bulk import insert
from hub.store.database import in_transaction
from hub.store.models import Attempt, Delivery, Rma, RmaItem, SearchTerm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 100
"""Bytes; what is longer is found by its beginning."""
_BATCH = 500


def term_of(text: str) -> bytes:
    """A text as it is kept and looked for: without case, blanks around it, and the ``#`` of an order."""
    return text.strip().lstrip("#").casefold().encode(errors="replace")[:LONGEST]


async def remember(store_id: int, texts: Mapping[int, Iterable[str | None]]) -> None:
    """Makes RMAs findable by more texts, in the caller's transaction; safe to repeat.

    Args:
        store_id: whose they are.
        texts: by the RMA's row id; None and blanks are left out.
    """
    rows = [
        {"store_id": store_id, "term": term, "rma_id": rma}
        for rma, several in texts.items()
        for term in {term_of(text) for text in several if text}
        if term
    ]
    await insert(SearchTerm, rows, should_pass_over_known=True)


async def catch_up() -> int:
    """Writes what rows of an earlier version lack: their terms, and when they were credited.

    Goes from the newest RMA to the oldest, and the oldest comes last: while it lacks its terms, there is
    something left to do. Safe to repeat and to break off.

    Returns:
        How many RMAs were written.
    """
    oldest = await Rma.all().order_by("id").first().only("id", "store_id", "rma_id")
    if oldest is None or await SearchTerm.exists(
        store_id=oldest.store_id, term=term_of(oldest.rma_id), rma_id=oldest.id
    ):
        return 0
    written, below = 0, None
    while True:
        query = Rma.filter(id__lt=below) if below is not None else Rma.all()
        rows = await query.order_by("-id").limit(_BATCH).only("id", "store_id", "rma_id", "order_name")
        if not rows:
            return written
        async with in_transaction():
            await _catch_up(rows)
        written, below = written + len(rows), rows[-1].id


async def _catch_up(rows: list[Rma]) -> None:
    ids = [row.id for row in rows]
    texts: dict[int, list[str | None]] = {row.id: [row.rma_id, row.order_name] for row in rows}
    for item in await RmaItem.filter(rma_id__in=ids).only("id", "rma_id", "sku"):
        texts[item.rma_id].append(item.sku)
    deliveries = await Delivery.filter(rma_id__in=ids)
    for row in deliveries:
        texts[row.rma_id] += [row.reference, row.document_reference, row.document_id]
        if row.document_id is not None and row.credited_at is None:
            tries = Attempt.filter(delivery_id=row.id, verdict__in=["created", "adopted"])
            last = await tries.order_by("-number").first()
            at = last.finished_at if last and last.finished_at else row.updated_at
            await Delivery.filter(id=row.id, credited_at__isnull=True).update(credited_at=at)
    for store_id in {row.store_id for row in rows}:
        mine = {row.id for row in rows if row.store_id == store_id}
        await remember(store_id, {rma: several for rma, several in texts.items() if rma in mine})

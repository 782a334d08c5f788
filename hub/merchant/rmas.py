"""RMAs as INTERFACE.md shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.errors import NotFoundError, UsageError
from hub.questions import read_question
from hub.store.models import Delivery, Rma, RmaItem, TimelineEntry

if TYPE_CHECKING:
    from hub.store.models import Store


def shown_time(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second where there is nothing finer to say; None stays None."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def every(
    store: Store,
    *,
    status: str | None = None,
    validation: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[Rma]:
    """The store's RMAs, newest first.

    Args:
        store: whose.
        status: only those in this state, as the platform writes it, in any case.
        validation: only those of which the warehouse has said so much.
        before: only those older than the RMA of this id, the last one of the page before.
        limit: at most so many.

    Raises:
        UsageError: the store has no RMA of the id in ``before``.
    """
    query = Rma.filter(store_id=store.id)
    if before is not None:
        last = await Rma.filter(store_id=store.id, rma_id=before).order_by("id").first()
        if last is None:
            raise no_such_page("RMAs")
        query = query.filter(id__lt=last.id)
    if status is not None:
        query = query.filter(status__iexact=status)
    if validation is not None:
        query = query.filter(validation=validation)
    return await query.select_related("delivery").order_by("-id").limit(limit)


def no_such_page(what: str) -> UsageError:
    """A list was asked to go on behind something that is not there."""
    return UsageError(
        f"list {what}: there is no such page",
        why="the cursor is none that this list gave",
        fix="leave the cursor out for the first page, then take each page's next_cursor",
    )


async def get(store: Store, rma_id: str) -> Rma:
    """One RMA by the platform's id.

    Raises:
        NotFoundError: the store has none.
    """
    row = await Rma.get_or_none(store_id=store.id, rma_id=rma_id.strip())
    if row is None:
        raise NotFoundError(
            f"find RMA {rma_id!r} of store {store.name}: it has not arrived",
            fix="list those that have with `hub rmas list`, or submit it with `hub rmas submit FILE`",
        )
    return row


async def items(row: Rma) -> list[RmaItem]:
    """An RMA's items, in its document's order."""
    return await RmaItem.filter(rma_id=row.id).order_by("position")


async def shown(store: Store, row: Rma) -> dict[str, Any]:
    """An RMA with its delivery, items and story, as `rmas show --json` and the API give it."""
    deliveries = await Delivery.filter(rma_id=row.id).select_related("connection")
    story = await TimelineEntry.filter(rma_id=row.id).order_by("id")
    return {
        "rma_id": row.rma_id,
        "store": store.name,
        "order_name": row.order_name or None,
        "status": row.status,
        "validation": row.validation.value,
        "deliveries": [shown_delivery(delivery) for delivery in deliveries],
        "items": [_shown_item(item) for item in await items(row)],
        "timeline": [{"at": shown_time(each.at), "kind": each.kind, "text": each.text} for each in story],
    }


def shown_delivery(row: Delivery) -> dict[str, Any]:
    """A delivery, with its connection fetched, as INTERFACE.md shows it."""
    document = None
    if row.document_id is not None:
        document = {"id": row.document_id, "reference": row.document_reference}
    return {
        "id": row.id,
        "connection": row.connection.name if row.connection else None,
        "status": row.status.value,
        "verdict": row.verdict.value if row.verdict else None,
        "reference": row.reference,
        "document": document,
        "attempts": row.attempts,
        "reason": row.reason,
        "fix": row.fix or None,
        "question": shown_question(row),
        "next_attempt_at": shown_time(row.next_attempt_at),
    }


def shown_question(row: Delivery) -> dict[str, Any] | None:
    """What a delivery asks a person, as code and facts; None when a yes answers nothing."""
    question = read_question(row.question)
    return {"code": question.code, "facts": dict(question.facts)} if question else None


def _shown_item(item: RmaItem) -> dict[str, Any]:
    return {
        "returned_item_id": item.returned_item_id,
        "sku": item.sku or None,
        "return_method": item.return_method or None,
        "is_credited": item.is_credited,
        "validation": {
            "is_returned": item.is_returned,
            "is_restockable": item.is_restockable,
            "validated_at": shown_time(item.validated_at),
            "source": item.source,
            "reason": item.reason,
        },
    }

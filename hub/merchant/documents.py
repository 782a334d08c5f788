"""The document that a person says a delivery has, or that it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import ConflictError, UsageError
from hub.outcomes import Status, Verdict
from hub.store.accounts import is_taken
from hub.store.terms import remember

if TYPE_CHECKING:
    from datetime import datetime

    from hub.store.models import Connection, Delivery, Rma

LONGEST_DOCUMENT_ID = 200


def risk_of_none(row: Delivery) -> str | None:
    """What it risks to close a delivery without a document; None when that risks nothing."""
    if row.document_id is not None and row.owns_document is None:
        return (
            f"document {row.document_id} is also that of another return: without it this one has none, and "
            "nobody watches it for the goods of this one"
        )
    if row.document_id is None and row.status is Status.IN_DOUBT:
        return (
            "it is not known whether its document was made: one that was, or that the ERP makes late, "
            "credits the customer all the same, and the hub neither looks for it any more nor hears of its "
            "goods"
        )
    return None


async def settle_document(
    row: Delivery, rma: Rma, connection: Connection | None, document_id: str | None, now: datetime
) -> None:
    """Closes a delivery with the document that a person says it has; the caller holds the account.

    Args:
        row: whose; the caller writes it.
        rma: its RMA.
        connection: its connection; None when it has none.
        document_id: the ERP's id; None when it has its document already, or is to have none.
        now: the present.

    Raises:
        ConflictError: it has another document, or the document is another RMA's or cannot be watched.
        UsageError: that is no id.
    """
    if row.document_id is not None and row.owns_document:
        if document_id not in {None, row.document_id}:
            raise ConflictError(
                f"resolve delivery {row.id}: it has document {row.document_id}",
                why="one RMA has one document",
                fix="cancel the other one in the ERP, and leave --document out",
            )
        if row.status is not Status.DONE:
            row.status, row.verdict = Status.DONE, Verdict.ADOPTED
        return
    if document_id is None:
        forget_shared(row)
        row.status, row.verdict = Status.SKIPPED, Verdict.SKIPPED
        return
    await _take_document(row, connection, document_id)
    row.status, row.verdict, row.is_open = Status.DONE, Verdict.ADOPTED, True
    row.credited_at = now
    await remember(rma.store_id, {rma.id: [document_id]})


async def _take_document(row: Delivery, connection: Connection | None, document_id: str) -> None:
    if not document_id or len(document_id) > LONGEST_DOCUMENT_ID:
        raise UsageError(
            f"resolve delivery {row.id}: {document_id[:40]!r} is no document's id",
            fix="give the id that the ERP shows for the document, or leave --document out",
        )
    if connection is None:
        raise ConflictError(
            f"resolve delivery {row.id}: it goes over no connection, so the document is not watched",
            why=row.reason or "",
            fix="leave --document out and name the document in the note; or point its return method at a "
            f"connection, run `hub deliveries retry {row.id}` and resolve it then",
        )
    if row.account_key not in {None, connection.account}:
        raise ConflictError(
            f"resolve delivery {row.id}: its document is not watched",
            why=f"it was sent to another account than the one that {connection.name!r} leads to now",
            fix="leave --document out and name the document in the note",
        )
    if await is_taken(connection.account, document_id, row):
        raise ConflictError(
            f"resolve delivery {row.id}: document {document_id} belongs to another RMA",
            why="one document credits one return",
            fix="look it up with `hub deliveries list`; a return without a document of its own is closed "
            "without --document",
        )
    if document_id != row.document_id:
        row.document_id, row.document_reference = document_id, row.reference
    row.account_key, row.owns_document = connection.account, True


def forget_shared(row: Delivery) -> None:
    """Takes a delivery's document away when another one has it too and no person said whose it is."""
    if row.document_id is None or row.owns_document:
        return
    row.document_id = row.document_reference = row.credited_at = None
    row.is_open = False
    if not row.attempts:
        row.account_key = None

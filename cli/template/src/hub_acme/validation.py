"""What Acme says about the goods, and how far a poll has read, pure.

Lists are ordered by ``modified_at``, which has whole seconds, then by ``id``. So the cursor is both: rows
with equal times are told apart by their id. A row may still be stamped with a second that was read already,
so each cycle begins a little before the end of the last one; the hub takes a row that comes twice once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.outcomes import ListedDocument, Receipt, ReceiptLine, ReceiptVerdict
from hub.rma import Money

from hub_acme.finding import read_marker
from hub_acme.wire import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.hookspecs import OpenDocument

    from hub_acme.models import Memo

OVERLAP = timedelta(minutes=1)
FIRST_LOOK_BACK = timedelta(days=1)
UNSEEN_FOR = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Rows behind this time and id are still to be read."""

    modified_from: datetime
    after_id: int = 0

    def write(self) -> str:
        """As the hub stores it."""
        return json.dumps({"modified_from": self.modified_from.isoformat(), "after_id": self.after_id})

    @property
    def filters(self) -> list[tuple[str, str]]:
        """As a list call asks for them."""
        return [("modified_from", self.modified_from.isoformat()), ("after_id", str(self.after_id))]


def read_cursor(text: str | None, documents: Sequence[OpenDocument], now: datetime) -> Cursor:
    """Where the last page ended; the first time ever, a day before the oldest open document."""
    if text is None:
        oldest = min((each.created_at for each in documents), default=now)
        return Cursor(modified_from=oldest - FIRST_LOOK_BACK)
    value = json.loads(text)
    return Cursor(
        modified_from=datetime.fromisoformat(value["modified_from"]), after_id=int(value["after_id"])
    )


def advance(cursor: Cursor, page: Sequence[Memo]) -> tuple[Cursor, bool]:
    """The cursor behind a page, and whether more would come at once."""
    if len(page) == PAGE:
        return Cursor(modified_from=page[-1].modified_at, after_id=page[-1].id), True
    if not page and not cursor.after_id:
        return cursor, False  # already stepped back
    end = page[-1].modified_at if page else cursor.modified_from
    return Cursor(modified_from=end - OVERLAP), False


def unseen(documents: Sequence[OpenDocument], page: Sequence[Memo], now: datetime) -> list[OpenDocument]:
    """Open documents that no poll saw for a day, at most one page of them.

    One whose answer was lost may have changed before the hub knew it for its own.
    """
    seen = {str(memo.id) for memo in page}
    waiting = [
        each
        for each in documents
        if each.document_id not in seen
        and (each.last_seen_at is None or now - each.last_seen_at >= UNSEEN_FOR)
    ]
    return sorted(waiting, key=lambda each: each.last_seen_at or each.created_at)[: PAGE - 1]


def read_receipt(memo: Memo, now: datetime) -> Receipt:
    """Judges one memo. Counts are handed on as they are: what they mean for an item is the hub's to say."""
    verdict, reason = ReceiptVerdict.IGNORE, "nothing has arrived yet"
    if memo.state == "cancelled":
        verdict, reason = ReceiptVerdict.FLAG, f"memo {memo.external_ref} was cancelled"
    elif memo.state == "received" or any(line.received is not None for line in memo.lines):
        verdict, reason = ReceiptVerdict.PROCESS, "the warehouse booked goods in"
    signed = read_marker(memo.note)
    return Receipt(
        document_id=str(memo.id),
        reference=memo.external_ref,
        verdict=verdict,
        reason=reason,
        is_complete=memo.state in {"received", "cancelled"},
        received_at=memo.received_at,
        lines=tuple(
            ReceiptLine(sku=line.sku, expected=line.quantity, received=line.received) for line in memo.lines
        ),
        seen_at=now,
        delivery_id=signed[0] if signed else None,
    )


def read_listed(memo: Memo, now: datetime) -> ListedDocument:
    """One memo as `hub reconcile` compares it with the hub's own books."""
    signed = read_marker(memo.note)
    return ListedDocument(
        document_id=str(memo.id),
        reference=memo.external_ref,
        delivery_id=signed[0] if signed else None,
        rma_id=signed[1] if signed else None,
        is_void=memo.state == "cancelled",
        total=Money(amount=memo.total, currency=memo.currency),
        receipt=read_receipt(memo, now),
    )


def gone(document: OpenDocument, now: datetime) -> Receipt:
    """The receipt of a memo that Acme no longer has."""
    return Receipt(
        document_id=document.document_id,
        reference=document.reference,
        verdict=ReceiptVerdict.FLAG,
        reason=f"memo {document.reference} is no longer in acme",
        is_complete=True,
        received_at=None,
        lines=(),
        seen_at=now,
    )

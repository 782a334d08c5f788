"""Every credit note made since a time, for comparing it with the ledger, pure: one row in, one value out.

``where`` and ``order`` of lists: https://api.cin7.com/api/Help. Paged by id: new notes come at the end, so
no row leaves its page. A note deleted meanwhile moves those behind it up by one; whoever misses one looks
for it by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.marker import read_marker
from connectors.cin7_omni.models import CreditNoteRow, read_number, read_text
from connectors.cin7_omni.validation import read_receipt
from connectors.cin7_omni.wire import MAX_BATCH, date_literal
from hub.outcomes import ListedDocument
from hub.rma import Money

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connectors.cin7_omni.config import Settings

ORDER = "id ASC"


def where(since: datetime) -> str:
    """The list call's ``where``."""
    return f"CreatedDate>={date_literal(since.replace(microsecond=0))}"


def following(page: int, row_count: int) -> str | None:
    """The cursor after a page; a page that is not full is the last, since a list has no total."""
    return str(page + 1) if row_count >= MAX_BATCH else None


def read_listed(row: Mapping[str, Any], settings: Settings, now: datetime) -> ListedDocument | None:
    """One row; None when it has no id, so that nothing can be said about it."""
    note = CreditNoteRow.read(row)
    if note is None:
        return None
    delivery_id, rma_id = read_marker(note.internal_comments) or (None, None)
    return ListedDocument(
        document_id=str(note.id),
        reference=note.reference or "",
        delivery_id=delivery_id,
        rma_id=rma_id,
        is_void=note.is_void,
        total=_total(row),
        receipt=read_receipt(note, settings, now),
    )


def _total(row: Mapping[str, Any]) -> Money | None:
    """What the note credits. With ``taxStatus`` Excl Cin7 adds a tax that the request did not hold."""
    amount, currency = read_number(row, "total"), read_text(row, "currencyCode")
    if amount is None or currency is None or (read_text(row, "taxStatus") or "").casefold() != "incl":
        return None
    return Money(amount=abs(amount), currency=currency.upper())

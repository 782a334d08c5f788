"""What the warehouse says about the goods, and where a poll goes on. Pure.

The report of returned items is walked by its ``Return date``: whole seconds, in a time zone nobody has named.
So the cursor keeps to the report's own dates. A page moves the walk to its highest date, and that date's rows
are read again; only when a whole page has one date is the page turned. Each cycle begins two hours before the
end of the one before: that covers rows which left their places in mid-walk, and the hour that a clock is set
back in autumn. Whatever is still missed is found by reading open documents by number, longest unseen first,
at the end of every cycle.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from connectors.peoplevox_stub.rows import (
    COMMENTS,
    CONDITION,
    QUANTITY,
    RETURNED_AT,
    SKU,
    STATUS,
    has_state,
    read_marker,
)
from hub.outcomes import Receipt, ReceiptLine, ReceiptVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.peoplevox_stub.config import Settings
    from connectors.peoplevox_stub.rows import Row
    from hub.hookspecs import OpenDocument

PAGE = 100
"""Rows of one page of a poll: as many returns at most, and those are then read by number."""
UNSEEN = 100
"""Open documents read besides in each cycle. How many numbers a clause may hold is not known."""
_OVERLAP = timedelta(hours=2)
_FIRST_LOOK_BACK = timedelta(days=1)
_DATE = "%d/%m/%Y %H:%M:%S"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where a poll goes on. Dates are the report's own, ISO 8601 without a zone.

    Attributes:
        since: the next page has rows from this date on.
        floor: where this cycle began.
        page: from 1; above it only among rows of one date.
    """

    since: str
    floor: str
    page: int = 1

    @property
    def clause(self) -> str:
        """The search clause of the next page."""
        when = datetime.fromisoformat(self.since)
        return f"([{RETURNED_AT}] >= DateTime({when:%Y,%m,%d,%H,%M,%S}))"


def read_cursor(text: str | None, open_documents: Sequence[OpenDocument], now: datetime) -> Cursor:
    """What :func:`write_cursor` wrote; the first time a day before the oldest open document."""
    if text is not None:
        return Cursor(**json.loads(text))
    oldest = min([now, *(each.created_at for each in open_documents)]) - _FIRST_LOOK_BACK
    since = oldest.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()
    return Cursor(since=since, floor=since)


def write_cursor(cursor: Cursor) -> str:
    """The cursor as JSON text."""
    return json.dumps(asdict(cursor))


def advance(cursor: Cursor, rows: Sequence[Row]) -> tuple[Cursor, bool]:
    """Takes in one page: where to go on, and whether the cycle goes on at once."""
    dates = [when.isoformat() for when in map(returned_at, rows) if when is not None]
    highest = max([cursor.since, *dates])
    if len(rows) >= PAGE:
        # Rows that are not in order of their dates are paged through: a jump could pass over some.
        if dates == sorted(dates) and highest > cursor.since:
            return replace(cursor, since=highest, page=1), True
        return replace(cursor, page=cursor.page + 1), True
    floor = max(cursor.floor, (datetime.fromisoformat(highest) - _OVERLAP).isoformat())
    return Cursor(since=floor, floor=floor), False


def longest_unseen(open_documents: Sequence[OpenDocument], seen: set[str]) -> list[str]:
    """Numbers of open documents to read besides, within the budget of a cycle."""
    waiting = [each for each in open_documents if each.document_id not in seen]
    waiting.sort(key=lambda each: each.last_seen_at or each.created_at)
    return [each.document_id for each in waiting[:UNSEEN]]


def returned_at(row: Row) -> datetime | None:
    """A row's date without a zone; None when it has none that can be read."""
    try:
        return datetime.strptime(row.get(RETURNED_AT, "").strip(), _DATE)  # noqa: DTZ007 - it has no zone
    except ValueError:
        return None


def read_receipt(
    number: str, asked: Sequence[Row], returned: Sequence[Row], settings: Settings, now: datetime
) -> Receipt:
    """Judges the goods of one return authorisation.

    Args:
        number: its RMA number.
        asked: its items as they were asked for; none when it is gone.
        returned: its rows of the report of returned items.
        settings: the connection's; they say what a state's words mean.
        now: the hub's clock.
    """
    lines = goods(asked, returned)
    is_complete = bool(asked) and has_state(asked, settings.completed_states)
    verdict, reason = _judge(number, asked, returned, lines, settings, is_complete=is_complete)
    dates = [when for when in map(returned_at, returned) if when is not None]
    markers = [each for each in (read_marker(row.get(COMMENTS, "")) for row in asked) if each is not None]
    return Receipt(
        document_id=number,
        reference=number,
        verdict=verdict,
        reason=reason,
        is_complete=is_complete or has_state(asked, settings.cancelled_states),
        received_at=max(dates).replace(tzinfo=UTC) if dates else None,  # its zone is not known
        lines=lines,
        seen_at=now,
        delivery_id=markers[0][0] if markers else None,
    )


def goods(asked: Sequence[Row], returned: Sequence[Row]) -> tuple[ReceiptLine, ...]:
    """Units asked for and received by SKU. A quantity that cannot be read makes its SKU's count unknown.

    What was asked for and cannot be read counts as 0, which no return asks for, so that it is flagged.
    """
    expected: dict[str, Decimal] = {}
    received: dict[str, Decimal | None] = {}
    for row in asked:
        sku = row.get(SKU, "").strip()
        expected[sku] = expected.get(sku, Decimal(0)) + (_count(row) or Decimal(0))
    for row in returned:
        sku, count = row.get(SKU, "").strip(), _count(row)
        so_far = received.get(sku, Decimal(0))
        received[sku] = None if so_far is None or count is None else so_far + count
    return tuple(
        ReceiptLine(sku=sku, expected=expected.get(sku, Decimal(0)), received=received.get(sku, Decimal(0)))
        for sku in dict.fromkeys([*expected, *received])
    )


def _count(row: Row) -> Decimal | None:
    try:
        count = Decimal(row.get(QUANTITY, "").strip())
    except InvalidOperation:
        return None
    return count if count.is_finite() else None


def _judge(
    number: str,
    asked: Sequence[Row],
    returned: Sequence[Row],
    lines: Sequence[ReceiptLine],
    settings: Settings,
    *,
    is_complete: bool,
) -> tuple[ReceiptVerdict, str]:
    name = f"return authorisation {number}"
    if not asked:
        return ReceiptVerdict.FLAG, f"{name} is no longer in Peoplevox; somebody deleted it there"
    if has_state(asked, settings.cancelled_states):
        return ReceiptVerdict.FLAG, f"{name} was cancelled in Peoplevox"
    refused = [row for row in returned if not has_state([row], settings.accepted_states)]
    if refused:
        told = {" ".join(row.get(each, "") for each in (SKU, STATUS, CONDITION)).strip() for row in refused}
        return ReceiptVerdict.FLAG, f"items of {name} came and were not accepted: {', '.join(sorted(told))}"
    moved = sum((line.received for line in lines if line.received is not None), Decimal(0))
    is_known = all(line.received is not None for line in lines)
    if not returned and not is_complete:
        return ReceiptVerdict.IGNORE, f"nothing has arrived on {name} yet"
    if not is_known or moved == 0:
        return ReceiptVerdict.FLAG, f"{name} does not say how many units arrived: quantities unknown"
    expected = sum((line.expected for line in lines), Decimal(0))
    done = ", and it is completed" if is_complete else ""
    return ReceiptVerdict.PROCESS, f"{moved:f} of {expected:f} units of {name} were received{done}"

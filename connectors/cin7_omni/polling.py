"""Where a poll stands and where it goes on, pure.

Cin7 Omni has no webhooks, so changes are read as a list ordered by ``ModifiedDate``. Live traps, each
seen by production clients: ``ModifiedDate > X`` acts as ``>=``; a bulk edit gives a thousand rows one
identical date, so that a watermark of dates alone stalls; a row edited while its date is being paged
leaves its place, everything behind it moves up one, and a row is skipped.

So the cursor is a watermark and a page. A full page whose rows all carry the watermark's date turns the
page; any other full page moves the watermark to its highest date. An id read under one date that turns up
again under a later one, after pages were turned, sends the walk back. A short page ends the cycle; the
next one starts a few minutes earlier, on the page where news would stand, and if that page does not
begin with exactly the rows already read, from the first page.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.wire import MAX_BATCH, format_date

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.cin7_omni.models import CreditNoteRow
    from hub.hookspecs import OpenDocument

OVERLAP = timedelta(minutes=5)
"""How far apart the clocks of Cin7's own machines may be."""
FIRST_LOOK_BACK = timedelta(days=1)
UNSEEN_FOR = timedelta(days=1)
"""How long a poll may not have seen an open note before it is read by its id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where a poll goes on.

    Attributes:
        since: the watermark; the next call asks for rows modified at or after it.
        page: from 1.
        floor: where this cycle began; rows after it are known, unless pruned.
        known: id → date under which it was read, for the dates that may be read again.
        is_fresh: True when the next call begins a cycle.
        tail: id → digest, for the rows that the next cycle reads again. Dates alone would not do: they
            have whole seconds, and a note may change twice within one.
        at_risk: id → date, for ids read while pages of that date were turned: this cycle's.
        was_at_risk: the same of the cycle before.
    """

    since: datetime
    page: int = 1
    floor: datetime
    known: Mapping[int, datetime] = field(default_factory=dict)
    is_fresh: bool = True
    tail: Mapping[int, str] = field(default_factory=dict)
    at_risk: Mapping[int, datetime] = field(default_factory=dict)
    was_at_risk: Mapping[int, datetime] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The list call's ``where``."""
        return f"ModifiedDate>='{format_date(self.since)}'"


ORDER = "ModifiedDate ASC"


def first_cursor(open_documents: Sequence[OpenDocument], now: datetime) -> Cursor:
    """Where to start when nothing was ever polled: a day before the oldest open note, else now."""
    oldest = min((each.created_at for each in open_documents), default=None)
    since = now - OVERLAP if oldest is None else min(oldest - FIRST_LOOK_BACK, now - OVERLAP)
    since = since.replace(microsecond=0)
    return Cursor(since=since, floor=since)


def advance(
    cursor: Cursor, rows: Sequence[CreditNoteRow], row_count: int, now: datetime
) -> tuple[Cursor, tuple[CreditNoteRow, ...], bool]:
    """Takes in one page.

    Args:
        cursor: what the page was asked with.
        rows: the page's readable rows, in order.
        row_count: how many rows the page had, the unreadable ones too.
        now: the hub's clock.

    Returns:
        The next cursor, the rows that are not as the last cycle left them, and whether the cycle goes on.
    """
    tail = cursor.tail
    fresh = tuple(row for row in rows if row.id not in tail or tail[row.id] != _digest(row))
    dated = {row.id: row.modified_at for row in rows if row.modified_at is not None}
    if cursor.is_fresh and cursor.page > 1 and not _continues(cursor, rows):
        # Something behind the page changed: a late row slipped in, or a known one left its place.
        start = replace(cursor, page=1, known={}, is_fresh=False)
        return start, fresh, True
    risky = {**cursor.was_at_risk, **cursor.at_risk}
    moved = [row_id for row_id, when in dated.items() if row_id in risky and when > risky[row_id]]
    known = {**cursor.known, **dated}
    if moved:
        back = replace(
            cursor,
            since=min(risky[row_id] for row_id in moved),
            page=1,
            known=known,
            is_fresh=False,
            at_risk=_without(cursor.at_risk, moved),
            was_at_risk=_without(cursor.was_at_risk, moved),
        )
        return back, fresh, True
    highest = max([cursor.since, *dated.values()])
    if row_count >= MAX_BATCH:
        return _turn(cursor, dated, known, highest), fresh, True
    return _finish(cursor, rows, known, now), fresh, False


def _continues(cursor: Cursor, rows: Sequence[CreditNoteRow]) -> bool:
    """Tells whether the page begins with exactly the rows already read, and all else on it is new."""
    expected = len(cursor.known) - (cursor.page - 1) * MAX_BATCH
    is_known = [cursor.known.get(row.id) == row.modified_at for row in rows]
    return (
        all(is_known[:expected])
        and len(is_known) >= expected
        and not any(row.id in cursor.known for row in rows[expected:])
    )


def _turn(
    cursor: Cursor, dated: Mapping[int, datetime], known: Mapping[int, datetime], highest: datetime
) -> Cursor:
    """After a full page."""
    if highest == cursor.since:
        return replace(
            cursor,
            page=cursor.page + 1,
            known=known,
            is_fresh=False,
            at_risk={**cursor.at_risk, **dated},
        )
    at_risk = cursor.at_risk
    if cursor.page > 1:
        # The last page of this date was read too: its rows may leave their places like the others.
        at_risk = {**at_risk, **{row_id: when for row_id, when in dated.items() if when == cursor.since}}
    return replace(
        cursor,
        since=highest,
        page=1,
        known={row_id: when for row_id, when in known.items() if when >= highest - OVERLAP},
        is_fresh=False,
        at_risk=at_risk,
    )


def _finish(
    cursor: Cursor, rows: Sequence[CreditNoteRow], known: Mapping[int, datetime], now: datetime
) -> Cursor:
    """After a short page: the cycle ends."""
    highest = max([cursor.since, *known.values()])
    if known and now - highest >= OVERLAP:
        # Settled: nothing with so old a date can turn up late. The next whole second is free of known rows.
        since = (highest + timedelta(seconds=1)).replace(microsecond=0)
        return Cursor(since=since, floor=since, was_at_risk=cursor.at_risk)
    since = max(cursor.floor, highest - OVERLAP)
    kept = {row_id: when for row_id, when in known.items() if when >= since}
    return Cursor(
        since=since,
        page=len(kept) // MAX_BATCH + 1,
        floor=since,
        known=kept,
        tail={row.id: _digest(row) for row in rows if row.id in kept},
        was_at_risk=cursor.at_risk,
    )


def _digest(row: CreditNoteRow) -> str:
    return hashlib.sha256(repr(row).encode("utf-8", "replace")).hexdigest()[:12]


def _without(dates: Mapping[int, datetime], ids: Sequence[int]) -> dict[int, datetime]:
    return {row_id: when for row_id, when in dates.items() if row_id not in ids}


def stale(open_documents: Sequence[OpenDocument], seen: frozenset[str], now: datetime) -> list[OpenDocument]:
    """Open notes that no poll has seen for a day, or ever, longest unseen first.

    One whose answer was lost may have changed before the hub knew it for its own: the polls passed over it.
    """
    unseen = [
        each
        for each in open_documents
        if each.document_id not in seen
        and (each.last_seen_at is None or now - each.last_seen_at >= UNSEEN_FOR)
    ]
    return sorted(unseen, key=lambda each: each.last_seen_at or each.created_at)


# --- the cursor as text -------------------------------------------------------------------------------


def write_cursor(cursor: Cursor) -> str:
    """The cursor as JSON text, ids gathered under their dates."""
    return json.dumps(
        {
            "since": cursor.since.isoformat(),
            "page": cursor.page,
            "floor": cursor.floor.isoformat(),
            "known": _write_dates(cursor.known),
            "is_fresh": cursor.is_fresh,
            "tail": cursor.tail,
            "at_risk": _write_dates(cursor.at_risk),
            "was_at_risk": _write_dates(cursor.was_at_risk),
        },
        separators=(",", ":"),
    )


def read_cursor(text: str) -> Cursor:
    """Reads what :func:`write_cursor` wrote."""
    value = json.loads(text)
    return Cursor(
        since=datetime.fromisoformat(value["since"]),
        page=value["page"],
        floor=datetime.fromisoformat(value["floor"]),
        known=_read_dates(value["known"]),
        is_fresh=value["is_fresh"],
        tail={int(row_id): digest for row_id, digest in value["tail"].items()},
        at_risk=_read_dates(value["at_risk"]),
        was_at_risk=_read_dates(value["was_at_risk"]),
    )


def _write_dates(dates: Mapping[int, datetime]) -> dict[str, list[int]]:
    gathered: dict[str, list[int]] = {when.isoformat(): [] for when in dict.fromkeys(dates.values())}
    for row_id, when in dates.items():
        gathered[when.isoformat()].append(row_id)
    return gathered


def _read_dates(gathered: Mapping[str, Any]) -> dict[int, datetime]:
    return {
        row_id: datetime.fromisoformat(when).astimezone(UTC)
        for when, ids in gathered.items()
        for row_id in ids
    }

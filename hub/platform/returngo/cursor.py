"""How far the list of changed RMAs has been read, pure.

A page is asked for by the newest change of the page before, not by the platform's own cursor: one that
counts rows would skip some when an RMA changes while pages are read, for it moves to the end. The platform's
cursor is used where that cannot work: a page of one moment, rows without a time, or in another order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.platform.returngo.wire import ListPage, ListRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Where the next page begins.

    Attributes:
        since: RMAs changed at or after this.
        page: the platform's own cursor within that; None for its first page.
        newest: the newest change seen in this cycle; None before the first.
        began_at: when the cycle began; None between cycles.
    """

    since: datetime
    page: str | None = None
    newest: datetime | None = None
    began_at: datetime | None = None

    def begun(self, now: datetime) -> Cursor:
        """The same, with the time the cycle began."""
        return self if self.began_at is not None else replace(self, began_at=now)


def read_cursor(text: str) -> Cursor:
    """Reads what :func:`write_cursor` gave."""
    held = json.loads(text)

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(held[name]) if held.get(name) else None

    since = moment("since")
    if since is None:
        msg = "the cursor has no since"
        raise ValueError(msg)
    return Cursor(since=since, page=held.get("page"), newest=moment("newest"), began_at=moment("began_at"))


def write_cursor(cursor: Cursor) -> str:
    """The cursor as the text that is kept."""
    return json.dumps(
        {
            "since": cursor.since.isoformat(),
            "page": cursor.page,
            "newest": cursor.newest.isoformat() if cursor.newest else None,
            "began_at": cursor.began_at.isoformat() if cursor.began_at else None,
        }
    )


def advance(at: Cursor, page: ListPage, overlap: timedelta) -> tuple[Cursor, bool]:
    """Where to go on after a page.

    Args:
        at: where the page began; :meth:`Cursor.begun` was called.
        page: what came.
        overlap: how far the next cycle reaches back behind the newest change seen.

    Returns:
        The next cursor, and whether the cycle goes on at once.
    """
    times = [row.updated_at for row in page.rows if row.updated_at is not None]
    newest = max([*times, *([at.newest] if at.newest else [])], default=None)
    # A cursor that leads nowhere new would be followed for ever.
    if not page.rows or page.next_cursor in {None, at.page}:
        # Without a time in any row the hub's own clock has to do; with one, the platform's alone counts.
        end = newest or (at.began_at if page.rows else None)
        if end is not None and at.began_at is not None:
            # One change dated ahead would hide all that come before its date.
            end = min(end, at.began_at)
        return Cursor(since=_whole(at.since if end is None else end - overlap)), False
    last = _whole(times[-1]) if _is_ascending(page.rows) else None
    if last is not None and last > at.since:
        return replace(at, since=last, page=None, newest=newest), True
    return replace(at, page=page.next_cursor, newest=newest), True


def _is_ascending(rows: Sequence[ListRow]) -> bool:
    times = [row.updated_at for row in rows if row.updated_at is not None]
    return bool(times) and len(times) == len(rows) and times == sorted(times)


def _whole(moment: datetime) -> datetime:
    """Whole seconds, as they are asked for; so a second is never left half read."""
    return moment.astimezone(UTC).replace(microsecond=0)

"""However rows change while pages are read, a later cycle or this one lists every change."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.platform.returngo.cursor import Cursor, advance, read_cursor, write_cursor
from hub.platform.returngo.wire import ListPage, ListRow

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
OVERLAP = timedelta(seconds=5)


def row(number: int, updated_at: datetime | None) -> ListRow:
    return ListRow(rma_id=str(number), status="Approved", updated_at=updated_at)


class Api:
    """The list as a platform might have it whose cursor counts rows: the worst case."""

    def __init__(self, seconds: list[int], *, size: int, has_times: bool, is_sorted: bool) -> None:
        self.updated = {number: BEGIN + timedelta(seconds=at) for number, at in enumerate(seconds)}
        self.size = size
        self.has_times = has_times
        self.is_sorted = is_sorted

    def page(self, at: Cursor) -> ListPage:
        found = [(when, number) for number, when in self.updated.items() if when >= at.since]
        found.sort(reverse=not self.is_sorted)
        first = int(at.page or 0)
        rows = found[first : first + self.size]
        more = len(found) > first + self.size
        return ListPage(
            rows=tuple(row(number, when if self.has_times else None) for when, number in rows),
            unreadable=0,
            next_cursor=str(first + self.size) if more else None,
        )

    def cycle(self, at: Cursor, now: datetime, changes: Iterator[tuple[int, int]]) -> tuple[Cursor, set[str]]:
        """Reads to the end; a row changes after each page, as long as there are changes."""
        seen = set[str]()
        for _ in range(500):
            at = read_cursor(write_cursor(at)).begun(now)
            page = self.page(at)
            seen |= {each.rma_id for each in page.rows}
            at, more = advance(at, page, OVERLAP)
            if not more:
                return at, seen
            for number, at_s in changes:
                if number in self.updated:
                    self.updated[number] = BEGIN + timedelta(seconds=100 + at_s)
                break
        raise AssertionError("the cycle does not end")


@settings(max_examples=40)
@given(
    seconds=st.lists(st.integers(0, 20), max_size=25),
    changes=st.lists(st.tuples(st.integers(0, 24), st.integers(0, 30)), max_size=12),
    room=st.integers(1, 5),
)
def test_no_row_is_skipped_while_others_move(
    seconds: list[int], changes: list[tuple[int, int]], room: int
) -> None:
    # A page holds more than changed at any one moment; else the platform's own cursor has to be trusted.
    most = max([*Counter(seconds).values(), *Counter(at for _, at in changes).values()], default=0)
    api = Api(seconds, size=most + room, has_times=True, is_sorted=True)
    # Each change is newer than those before it, as in a real list.
    rising = iter(sorted(changes, key=lambda each: each[1]))
    at, seen = api.cycle(Cursor(since=BEGIN), BEGIN, rising)
    _, after = api.cycle(at, BEGIN, iter(()))
    assert seen | after == {str(number) for number in api.updated}


@pytest.mark.parametrize(("has_times", "is_sorted"), [(False, True), (True, False), (False, False)])
def test_list_without_times_or_order_is_read_by_its_own_cursor(has_times: bool, is_sorted: bool) -> None:
    api = Api(list(range(20)), size=3, has_times=has_times, is_sorted=is_sorted)
    now = BEGIN + timedelta(seconds=60)
    at, seen = api.cycle(Cursor(since=BEGIN), now, iter(()))
    assert len(seen) == 20
    newest = BEGIN + timedelta(seconds=19) if has_times else now
    assert at == Cursor(since=newest - OVERLAP)


def test_next_cycle_reaches_back_behind_the_newest_change_seen() -> None:
    api = Api([0, 10, 20], size=2, has_times=True, is_sorted=True)
    now = BEGIN + timedelta(seconds=60)
    at, _ = api.cycle(Cursor(since=BEGIN), now, iter(()))
    assert at == Cursor(since=BEGIN + timedelta(seconds=15))
    again, seen = api.cycle(at, now, iter(()))
    assert (again, seen) == (at, {"2"})


def test_quiet_shop_stays_where_it_is() -> None:
    at = Cursor(since=BEGIN).begun(BEGIN)
    empty = ListPage(rows=(), unreadable=0, next_cursor="more")
    assert advance(at, empty, OVERLAP) == (Cursor(since=BEGIN), False)


def test_cursor_that_leads_nowhere_ends_the_cycle() -> None:
    at = Cursor(since=BEGIN, page="p").begun(BEGIN)
    page = ListPage(rows=(row(1, BEGIN),), unreadable=0, next_cursor="p")
    assert advance(at, page, OVERLAP)[1] is False

"""The cursor against a model of Cin7's list call with its live traps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.cin7_omni import polling
from connectors.cin7_omni.models import CreditNoteRow
from hub.hookspecs import OpenDocument

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
LATER = timedelta(hours=1)


def row(number: int, modified_at: datetime) -> CreditNoteRow:
    return CreditNoteRow(
        id=number,
        reference=f"R{number}",
        sales_reference=None,
        status="APPROVED",
        internal_comments="",
        created_at=None,
        modified_at=modified_at,
        completed_at=None,
        logistics_status=None,
        lines=(),
    )


class Books:
    """Cin7's list: ``>=``, by date and then id, pages of 250."""

    def __init__(self, dates: list[datetime]) -> None:
        self.rows = dict(enumerate(dates, start=1))
        self.calls = 0

    def page(self, cursor: polling.Cursor) -> list[CreditNoteRow]:
        self.calls += 1
        found = sorted((when, number) for number, when in self.rows.items() if when >= cursor.since)
        first = (cursor.page - 1) * 250
        return [row(number, when) for when, number in found[first : first + 250]]


class Reader:
    """Polls as the hub does, keeping the cursor as text from call to call."""

    def __init__(self, books: Books, since: datetime = START) -> None:
        self.books = books
        self.text = polling.write_cursor(polling.Cursor(since=since, floor=since))
        self.seen: dict[int, datetime] = {}
        self.emitted = 0

    def cycle(self, now: datetime, between: Callable[[int], None] = lambda _: None) -> int:
        """One polling cycle; returns how many calls it took."""
        before = self.books.calls
        more = True
        while more:
            cursor = polling.read_cursor(self.text)
            page = self.books.page(cursor)
            following, fresh, more = polling.advance(cursor, page, len(page), now)
            assert polling.read_cursor(polling.write_cursor(following)) == following
            self.text = polling.write_cursor(following)
            self.emitted += len(fresh)
            for note in fresh:
                assert note.modified_at is not None
                self.seen[note.id] = note.modified_at
            assert self.books.calls - before < 200, "the walk does not end"
            between(self.books.calls - before)
        return self.books.calls - before


def test_more_than_a_page_with_one_date_is_read_whole() -> None:
    books = Books([START] * 1_000)
    reader = Reader(books)
    reader.cycle(START + LATER)
    assert reader.seen == books.rows
    assert reader.emitted == 1_000


def test_nothing_new_takes_one_call_also_right_after_a_bulk_edit() -> None:
    for count in (0, 1, 10, 250, 600, 10_000):
        books = Books([START] * count)
        reader = Reader(books)
        reader.cycle(START)
        emitted = reader.emitted
        assert [reader.cycle(START + timedelta(minutes=minutes)) for minutes in (1, 2, 30, 60, 90)] == [1] * 5
        assert reader.emitted == emitted


def test_a_row_edited_while_its_date_is_walked_hides_no_other() -> None:
    books = Books([START] * 600)
    reader = Reader(books)

    def edit(calls: int) -> None:
        if calls == 1:
            books.rows[1] = START + timedelta(minutes=50)  # row 251 moves to place 250, and page 2 misses it

    reader.cycle(START + LATER, edit)
    assert reader.seen == books.rows


def test_a_row_edited_behind_a_walk_of_an_older_date_hides_no_other() -> None:
    books = Books([START] * 300 + [START + timedelta(minutes=10)] * 500)
    reader = Reader(books)

    def edit(calls: int) -> None:
        if calls == 1:
            books.rows[7] = START + timedelta(minutes=55)

    reader.cycle(START + LATER, edit)
    assert reader.seen == books.rows


def test_an_edit_that_shows_only_in_the_next_cycle_still_sends_the_walk_back() -> None:
    books = Books([START] * 600)
    reader = Reader(books)

    def edit(calls: int) -> None:
        if calls == 1:
            del books.rows[1]  # gone from its place, and not yet visible at its new one

    reader.cycle(START + LATER, edit)
    books.rows[1] = START + LATER
    reader.cycle(START + LATER + timedelta(minutes=5))
    assert reader.seen == books.rows


def test_a_row_that_appears_late_with_an_older_date_is_read() -> None:
    books = Books([START + timedelta(seconds=each) for each in range(20)])
    reader = Reader(books)
    reader.cycle(START + timedelta(minutes=1))
    books.rows[99] = START + timedelta(seconds=3)
    reader.cycle(START + timedelta(minutes=3))
    assert reader.seen == books.rows


def test_a_late_row_among_hundreds_of_one_date_is_read() -> None:
    books = Books([START + timedelta(seconds=10)] * 600)
    reader = Reader(books)
    reader.cycle(START + timedelta(minutes=1))
    books.rows[999] = START + timedelta(seconds=3)
    reader.cycle(START + timedelta(minutes=3))
    assert reader.seen == books.rows


def test_an_edit_between_cycles_is_read_though_its_page_would_hide_it() -> None:
    books = Books([START] * 600)
    reader = Reader(books)
    reader.cycle(START + timedelta(minutes=1))
    books.rows[1] = START + timedelta(minutes=2)
    reader.cycle(START + timedelta(minutes=3))
    assert reader.seen == books.rows


def test_a_second_change_within_one_second_is_read() -> None:
    books = Books([START])
    cursor = polling.Cursor(since=START, floor=START)
    page = books.page(cursor)
    cursor, _, _ = polling.advance(cursor, page, 1, START)
    _, unchanged, _ = polling.advance(cursor, page, 1, START)
    assert unchanged == ()
    changed = [replace(page[0], completed_at=START)]
    _, fresh, _ = polling.advance(cursor, changed, 1, START)
    assert fresh == tuple(changed)


def test_a_deleted_row_does_not_stall_the_cursor() -> None:
    books = Books([START] * 600)
    reader = Reader(books)
    reader.cycle(START + timedelta(minutes=1))
    del books.rows[5]
    reader.cycle(START + timedelta(minutes=2))
    books.rows[1_000] = START + timedelta(minutes=2)
    reader.cycle(START + timedelta(minutes=3))
    assert books.rows.items() <= reader.seen.items()
    assert reader.cycle(START + LATER) == 1


def test_long_absence_is_caught_up_with_in_as_many_calls_as_pages() -> None:
    books = Books([START + timedelta(seconds=each) for each in range(5_000)])
    reader = Reader(books)
    assert reader.cycle(START + timedelta(days=2)) <= 22
    assert reader.seen == books.rows


@settings(max_examples=60)
@given(
    dates=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    edits=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 1_500)), max_size=8),
)
def test_whatever_is_edited_during_the_walk_every_row_is_read_as_it_last_stood(
    dates: list[int], edits: list[tuple[int, int]]
) -> None:
    books = Books([START + timedelta(seconds=each) for each in dates for _ in range(190)])
    reader = Reader(books)
    moment = [START + timedelta(minutes=10)]

    def edit(calls: int) -> None:
        for at, number in edits:
            if at == calls and number % len(books.rows) + 1 in books.rows:
                moment[0] += timedelta(seconds=1)
                books.rows[number % len(books.rows) + 1] = moment[0]

    reader.cycle(START + LATER, edit)
    reader.cycle(START + LATER + timedelta(minutes=5))
    assert reader.seen == books.rows


def test_the_first_look_starts_a_day_before_the_oldest_open_note() -> None:
    old = OpenDocument(document_id="1", reference="R1", created_at=START - timedelta(days=9))
    new = replace(old, document_id="2", created_at=START)
    assert polling.first_cursor([new, old], START).since == START - timedelta(days=10)
    assert polling.first_cursor([], START).since == START - polling.OVERLAP


def test_open_notes_unseen_for_a_day_or_ever_are_stale_longest_first() -> None:
    def document(name: str, created: int, seen: int | None) -> OpenDocument:
        return OpenDocument(
            document_id=name,
            reference=name,
            created_at=START - timedelta(hours=created),
            last_seen_at=None if seen is None else START - timedelta(hours=seen),
        )

    documents = [document("a", 90, 25), document("b", 90, 1), document("c", 30, None), document("d", 2, None)]
    stale = polling.stale([*documents, document("e", 90, 80)], frozenset({"e"}), START)
    # The polls may have passed over "c" and "d" before the hub knew them for its own.
    assert [each.document_id for each in stale] == ["c", "a", "d"]

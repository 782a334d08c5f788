"""What the warehouse says about the goods, and where a poll goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.peoplevox_stub import receiving
from connectors.peoplevox_stub.config import Settings
from connectors.peoplevox_stub.rows import LINE, NUMBER, QUANTITY, RETURNED_AT, SKU, STATUS
from hub.outcomes import ReceiptVerdict

if TYPE_CHECKING:
    from connectors.peoplevox_stub.rows import Row
    from hub.outcomes import Receipt

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONNECTION = Settings(base_url="https://qa.peoplevox.net")
DATE = "%d/%m/%Y %H:%M:%S"


def asked(status: str = "Open", quantity: str = "2") -> Row:
    return {NUMBER: "RMA 9", LINE: "1", SKU: "HAT", QUANTITY: quantity, STATUS: status}


def came(quantity: str, sku: str = "HAT", **others: str) -> Row:
    return {SKU: sku, QUANTITY: quantity, RETURNED_AT: "01/03/2026 10:00:00", STATUS: "Accepted", **others}


def read(of_asked: list[Row], returned: list[Row]) -> Receipt:
    return receiving.read_receipt("RMA 9", of_asked, returned, CONNECTION, NOW)


@pytest.mark.parametrize(
    ("of_asked", "returned", "verdict", "words"),
    [
        ([asked()], [], ReceiptVerdict.IGNORE, "nothing has arrived"),
        ([asked()], [came("1")], ReceiptVerdict.PROCESS, "1 of 2 units of return authorisation RMA 9 were"),
        ([asked()], [came("1"), came("1")], ReceiptVerdict.PROCESS, "2 of 2"),
        ([asked("completed")], [came("1")], ReceiptVerdict.PROCESS, "1 of 2 units"),
        ([asked()], [came("3")], ReceiptVerdict.PROCESS, "3 of 2"),
        ([asked()], [came("2"), came("1", "SOCK")], ReceiptVerdict.PROCESS, "3 of 2"),
        ([asked()], [came("")], ReceiptVerdict.FLAG, "quantities unknown"),
        ([asked()], [came("1"), came("many")], ReceiptVerdict.FLAG, "quantities unknown"),
        ([asked("Completed")], [], ReceiptVerdict.FLAG, "quantities unknown"),
        ([asked("Completed")], [came("0")], ReceiptVerdict.FLAG, "quantities unknown"),
        ([asked()], [came("2", **{STATUS: "accepted"})], ReceiptVerdict.PROCESS, "2 of 2"),
        ([asked()], [came("1"), came("1", **{STATUS: "Rejected"})], ReceiptVerdict.FLAG, "HAT Rejected"),
        ([asked()], [came("2", **{STATUS: "a new word"})], ReceiptVerdict.FLAG, "HAT a new word"),
        ([asked("Cancelled")], [came("2")], ReceiptVerdict.FLAG, "was cancelled"),
        ([], [came("2")], ReceiptVerdict.FLAG, "no longer in Peoplevox"),
    ],
)
def test_goods_are_processed_by_their_counts_and_flagged_when_those_do_not_tell(
    of_asked: list[Row], returned: list[Row], verdict: ReceiptVerdict, words: str
) -> None:
    receipt = read(of_asked, returned)
    assert receipt.verdict is verdict
    assert words in receipt.reason


def test_receipt_counts_by_sku_and_an_unasked_one_is_told() -> None:
    lines = {line.sku: (line.expected, line.received) for line in read([asked()], [came("1", "SOCK")]).lines}
    assert lines == {"HAT": (Decimal(2), Decimal(0)), "SOCK": (Decimal(0), Decimal(1))}


def test_cursor_survives_being_written_down_and_starts_a_day_early() -> None:
    first = receiving.read_cursor(None, [], NOW)
    assert first.clause == "([Return date] >= DateTime(2026,02,28,12,00,00))"
    assert receiving.read_cursor(receiving.write_cursor(first), [], NOW) == first


def test_quiet_account_is_not_read_further_and_further_back() -> None:
    cursor = receiving.read_cursor(None, [], NOW)
    for _ in range(3):
        following, more = receiving.advance(cursor, [])
        assert (following, more) == (cursor, False)


class _Report:
    """Rows as the warehouse writes them: id → second at which it came."""

    def __init__(self, seconds: list[int]) -> None:
        self.rows = dict(enumerate(seconds))

    def page(self, cursor: receiving.Cursor) -> list[Row]:
        since = datetime.fromisoformat(cursor.since)
        dated = sorted((NOW.replace(tzinfo=None) + timedelta(seconds=s), n) for n, s in self.rows.items())
        fitting = [(when, number) for when, number in dated if when >= since]
        start = (cursor.page - 1) * receiving.PAGE
        some = fitting[start : start + receiving.PAGE]
        return [{NUMBER: str(n), RETURNED_AT: f"{when:{DATE}}"} for when, n in some]


@settings(max_examples=50)
@given(data=st.data(), seconds=st.lists(st.integers(0, 3), min_size=1, max_size=9))
def test_walk_misses_nothing_of_equal_dates_and_rows_that_leave_their_places(
    data: Any, seconds: list[int]
) -> None:
    # A page of three rows, so that nine of them are a long walk.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receiving, "PAGE", 3)
        report = _Report(seconds)
        cursor, seen, later = receiving.read_cursor(None, [], NOW), set[tuple[str, str]](), 3
        for step in range(200):
            page = report.page(cursor)
            seen |= {(row[NUMBER], row[RETURNED_AT]) for row in page}
            cursor, more = receiving.advance(cursor, page)
            cursor = receiving.read_cursor(receiving.write_cursor(cursor), [], NOW)
            if not more:
                break
            if step < 5 and data.draw(st.booleans()):
                later += 1
                report.rows[data.draw(st.sampled_from(sorted(report.rows)))] = later
        else:
            raise AssertionError("the walk does not end")
        # A second cycle, as a minute later: what moved in mid-walk stands within its overlap.
        for _ in range(200):
            page = report.page(cursor)
            seen |= {(row[NUMBER], row[RETURNED_AT]) for row in page}
            cursor, more = receiving.advance(cursor, page)
            if not more:
                break
        last = {(str(n), f"{NOW + timedelta(seconds=s):{DATE}}") for n, s in report.rows.items()}
        assert last <= seen


def test_rows_out_of_order_are_paged_through_and_not_jumped_over() -> None:
    rows = [{RETURNED_AT: f"01/03/2026 10:00:{59 - n % 60:02}"} for n in range(receiving.PAGE)]
    cursor = receiving.read_cursor(None, [], NOW)
    following, more = receiving.advance(cursor, rows)
    assert (following.since, following.page, more) == (cursor.since, 2, True)

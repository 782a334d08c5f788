"""How far a poll has read, and what a memo says about its goods, without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hub.hookspecs import OpenDocument
from hub.outcomes import ReceiptVerdict

from hub_acme import validation
from hub_acme.models import Memo
from hub_acme.validation import Cursor
from hub_acme.wire import PAGE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def memo(number: int, state: str = "open", received: str | None = None) -> Memo:
    return Memo.model_validate(
        {
            "id": number,
            "external_ref": f"RMA {number}",
            "note": f"[hub:d{number} rma:{number}]",
            "state": state,
            "currency": "EUR",
            "total": "20.00",
            "modified_at": NOW,
            "received_at": None,
            "lines": [{"sku": "SKU-001", "quantity": "2", "received": received}],
        }
    )


def test_a_full_page_of_equal_times_goes_on_behind_its_last_id() -> None:
    following, more = validation.advance(Cursor(modified_from=NOW), [memo(n) for n in range(1, PAGE + 1)])
    assert more
    assert (following.modified_from, following.after_id) == (NOW, PAGE)


def test_a_cycle_begins_a_little_before_the_end_of_the_last_and_never_drifts() -> None:
    following, more = validation.advance(Cursor(modified_from=NOW, after_id=7), [])
    assert not more
    assert following == Cursor(modified_from=NOW - validation.OVERLAP)
    assert validation.advance(following, []) == (following, False)


def test_a_cursor_reads_back_as_it_was_written() -> None:
    cursor = Cursor(modified_from=NOW, after_id=7)
    assert validation.read_cursor(cursor.write(), [], NOW) == cursor


def test_an_open_document_that_no_poll_saw_for_a_day_is_asked_for() -> None:
    documents = [
        OpenDocument(document_id="1", reference="RMA 1", created_at=NOW),
        OpenDocument(document_id="2", reference="RMA 2", created_at=NOW, last_seen_at=NOW),
        OpenDocument(
            document_id="3", reference="RMA 3", created_at=NOW, last_seen_at=NOW - timedelta(days=2)
        ),
        OpenDocument(document_id="4", reference="RMA 4", created_at=NOW),
    ]
    assert {each.document_id for each in validation.unseen(documents, [memo(4)], NOW)} == {"1", "3"}


@pytest.mark.parametrize(
    ("state", "received", "expected"),
    [
        ("open", None, ReceiptVerdict.IGNORE),
        ("open", "1", ReceiptVerdict.PROCESS),
        ("received", "2", ReceiptVerdict.PROCESS),
        ("received", None, ReceiptVerdict.PROCESS),
        ("cancelled", "2", ReceiptVerdict.FLAG),
    ],
)
def test_the_state_of_a_memo_decides_and_a_count_is_never_guessed(
    state: str, received: str | None, expected: ReceiptVerdict
) -> None:
    receipt = validation.read_receipt(memo(1, state, received), NOW)
    assert receipt.verdict is expected
    assert str(receipt.lines[0].received) == str(received)

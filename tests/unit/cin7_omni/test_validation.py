from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.cin7_omni.config import Settings
from connectors.cin7_omni.models import CreditNoteRow
from connectors.cin7_omni.validation import read_receipt, vanished
from hub.outcomes import Receipt, ReceiptVerdict
from tests.support.cin7 import APPROVED_AT

FLAG, IGNORE, PROCESS = ReceiptVerdict.FLAG, ReceiptVerdict.IGNORE, ReceiptVerdict.PROCESS
DONE = "2026-03-05T08:00:00Z"


def line(code: str, qty: int, moved: Any, **others: Any) -> dict[str, Any]:
    return {"code": code, "qty": qty, "qtyShipped": moved, "parentId": 0, **others}


def receipt(lines: list[dict[str, Any]], settings: Settings | None = None, **fields: Any) -> Receipt:
    row = {"id": 7, "reference": "R7", "status": "APPROVED", "lineItems": lines, **fields}
    note = CreditNoteRow.read(row)
    assert note is not None
    return read_receipt(note, settings or Settings(), APPROVED_AT)


def counts(of: Receipt) -> dict[str, tuple[int, int | None]]:
    return {
        each.sku: (int(each.expected), None if each.received is None else int(each.received))
        for each in of.lines
    }


@pytest.mark.parametrize("sign", [1, -1])
def test_all_units_on_a_completed_note_are_received_whatever_the_sign(sign: int) -> None:
    read = receipt([line("A", -2, 2 * sign), line("B", -1, 1 * sign)], completedDate=DONE)
    assert (read.verdict, read.is_complete) == (PROCESS, True)
    assert counts(read) == {"A": (2, 2), "B": (1, 1)}
    assert read.received_at is not None
    assert read.reason == "all 3 units of credit note R7 were received"


@pytest.mark.parametrize("moved", [None, 0])
def test_a_completed_note_without_quantities_is_flagged_never_full(moved: int | None) -> None:
    read = receipt([line("A", -2, moved)], completedDate=DONE)
    assert read.verdict is FLAG
    assert "quantities unknown" in read.reason


def test_one_line_without_quantity_on_a_completed_note_is_flagged() -> None:
    read = receipt([line("A", -2, 2), line("B", -1, None)], completedDate=DONE)
    assert read.verdict is FLAG
    assert counts(read) == {"A": (2, 2), "B": (1, None)}


def test_a_short_receipt_is_processed_with_what_came() -> None:
    read = receipt([line("A", -2, 1), line("B", -1, 0)], completedDate=DONE)
    assert (read.verdict, read.is_complete, read.is_rest_not_returned) == (PROCESS, True, False)
    assert read.reason == "1 of 3 units of credit note R7 were received, and it is completed"
    chosen = receipt(
        [line("A", -2, 1)], Settings.model_validate({"short_receipts": "not_returned"}), completedDate=DONE
    )
    assert chosen.is_rest_not_returned


def test_moved_units_without_completed_date_are_a_partial_receipt() -> None:
    read = receipt([line("A", -2, 1), line("B", -1, None)])
    assert (read.verdict, read.is_complete) == (PROCESS, False)
    assert counts(read) == {"A": (2, 1), "B": (1, 0)}


@pytest.mark.parametrize("moved", [None, 0])
def test_nothing_moved_and_not_completed_is_ignored(moved: int | None) -> None:
    assert receipt([line("A", -2, moved)]).verdict is IGNORE


def test_an_unset_date_of_their_platform_is_no_receipt() -> None:
    assert receipt([line("A", -2, 0)], completedDate="0001-01-01T00:00:00").verdict is IGNORE


def test_a_void_note_is_flagged_even_when_completed() -> None:
    read = receipt([line("A", -2, 2)], status="Void", completedDate=DONE)
    assert (read.verdict, read.is_complete) == (FLAG, True)
    assert "voided" in read.reason


def test_bundle_parts_and_money_lines_are_skipped_and_a_sku_counts_once() -> None:
    read = receipt(
        [
            line("KIT", -1, 1),
            line("PART", -3, 3, parentId=12),
            line("", -1, None),
            line("A", -1, 1),
            line("A", -2, 2),
        ],
        completedDate=DONE,
    )
    assert counts(read) == {"KIT": (1, 1), "A": (3, 3)}
    assert read.verdict is PROCESS


def test_sizes_stand_for_the_style_they_are_under() -> None:
    sizes = [{"code": "T-S", "qty": 1}, {"code": "T-M", "qty": 2}]
    whole = receipt([line("T", -3, 3, sizes=sizes)], completedDate=DONE)
    assert (whole.verdict, counts(whole)) == (PROCESS, {"T-S": (1, 1), "T-M": (2, 2)})
    part = receipt([line("T", -3, 2, sizes=sizes)], completedDate=DONE)
    assert (part.verdict, counts(part)) == (FLAG, {"T-S": (1, None), "T-M": (2, None)})
    single = receipt([line("T", -2, 1, sizes=[{"code": "T-S", "qty": 2}])], completedDate=DONE)
    assert (single.verdict, counts(single)) == (PROCESS, {"T-S": (2, 1)})


def test_a_merchants_rules_decide_what_a_state_means() -> None:
    table = '[{"status":["VOID"],"then":"flag"},{"logistics_status":[10],"then":"process"}]'
    carrier = Settings.model_validate({"rules": table})
    assert receipt([line("A", -1, 1)], carrier, logisticsStatus=200, completedDate=DONE).verdict is IGNORE
    assert receipt([line("A", -1, 1)], carrier, logisticsStatus=10).verdict is PROCESS
    unknown = receipt([line("A", -1, 0)], carrier, logisticsStatus=10)
    assert unknown.verdict is FLAG
    assert "quantities unknown" in unknown.reason
    drafts = Settings.model_validate({"rules": '[{"status":["draft"],"completed":true,"then":"flag"}]'})
    flagged = receipt([line("A", -1, 1)], drafts, status="DRAFT", completedDate=DONE)
    assert (flagged.verdict, "flagged by a rule" in flagged.reason) == (FLAG, True)


def test_a_vanished_note_is_flagged() -> None:
    gone = vanished("7", "R7", APPROVED_AT)
    assert (gone.verdict, gone.lines) == (FLAG, ())
    assert "no longer in Cin7 Omni" in gone.reason


def test_fractions_survive() -> None:
    read = receipt([line("A", -1, Decimal("0.5"))], completedDate=DONE)
    assert read.lines[0].received == Decimal("0.5")
    assert read.reason.startswith("0.5 of 1 units")

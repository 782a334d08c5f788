from __future__ import annotations

from typing import Any

import pytest

from connectors.cin7_omni import finding
from connectors.cin7_omni.marker import is_marked, marked_rma, marker
from connectors.cin7_omni.models import CreditNoteRow
from connectors.cin7_omni.orders import match_order, other_credits
from hub.outcomes import Prepared, Sighting, SightingKind
from tests.support.cin7 import delivery

PREPARED = Prepared(delivery_id="d1", reference="R-2", request='{"reference":"R-2","salesReference":"SO-1"}')
SOUGHT = finding.sought(delivery(prepared=PREPARED, references=("R-1",)))
MARK = "[hub:d1 rma:41515515]"


def note(number: int, **fields: Any) -> CreditNoteRow:
    row = CreditNoteRow.read({"id": number, "reference": "R-2", "salesReference": "SO-1", **fields})
    assert row is not None
    return row


def judge(*notes: CreditNoteRow, sought: finding.Sought = SOUGHT) -> Sighting:
    return finding.judge(sought, notes)


def test_every_name_ever_used_is_asked_for() -> None:
    assert finding.clauses([SOUGHT]) == ["reference='R-1' OR reference='R-2' OR salesReference='SO-1'"]
    known = finding.sought(delivery(document_id="77"))
    assert finding.clauses([known]) == ["salesReference='#1001'", "id IN (77)"]


@pytest.mark.parametrize(
    ("notes", "kind"),
    [
        ([], SightingKind.ABSENT),
        ([note(1, internalComments=MARK)], SightingKind.OURS),
        ([note(1, internalComments=f" {MARK} and more")], SightingKind.OURS),
        ([note(1, internalComments=MARK, reference="renamed")], SightingKind.OURS),
        ([note(1, internalComments=MARK), note(2)], SightingKind.OURS),
        ([note(1, internalComments=MARK), note(2, internalComments=MARK)], SightingKind.SEVERAL),
        ([note(1, internalComments=MARK, status="VOID")], SightingKind.VOID),
        ([note(1)], SightingKind.FOREIGN),
        ([note(1, reference="r-1")], SightingKind.FOREIGN),
        ([note(1, internalComments=f"copy of {MARK}")], SightingKind.FOREIGN),
        ([note(1, internalComments="[hub:d2 rma:41515515]")], SightingKind.FOREIGN),
        ([note(1, reference="other")], SightingKind.ABSENT),
        ([note(1, reference="other", internalComments="[hub:d9 rma:1]")], SightingKind.ABSENT),
    ],
)
def test_what_is_seen_is_judged_by_its_mark(notes: list[CreditNoteRow], kind: SightingKind) -> None:
    sighting = judge(*notes)
    assert sighting.kind is kind
    assert bool(sighting.reason) == (kind not in {SightingKind.ABSENT, SightingKind.OURS})


def test_a_note_of_our_ledger_is_ours_without_a_mark() -> None:
    known = finding.sought(delivery(document_id="5"))
    sighting = judge(note(5, reference="renamed", salesReference="renamed"), sought=known)
    assert sighting.kind is SightingKind.OURS
    assert sighting.documents[0].document_id == "5"


def test_a_mark_is_read_back_only_from_the_start() -> None:
    mark = marker("d1", "41515515")
    assert mark == MARK
    assert is_marked(f"{mark} text", "d1", "41515515")
    assert not is_marked(f"x {mark}", "d1", "41515515")
    assert marked_rma(f"{mark} text") == "41515515"
    assert marked_rma(f"x {mark}") is None
    assert marked_rma("") is None


def test_other_credits_are_those_no_hub_made_for_another_return() -> None:
    notes = [
        note(1),
        note(2, status="VOID"),
        note(3, internalComments="[hub:d9 rma:99]"),
        note(4, internalComments="[hub:d9 rma:41515515]"),
        note(5, salesReference="SO-2"),
        note(6),
        note(7, salesReference="so-1 "),
    ]
    found = other_credits("SO-1", "41515515", {"6"}, notes)
    assert [each.id for each in found] == [1, 4, 7]


def test_orders_are_compared_again_in_code() -> None:
    assert match_order(("X",), []).warning == "Cin7 holds no sales order named 'X'"

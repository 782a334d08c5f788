"""Notes that a hub made for a return and has since forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.cin7_omni import finding
from connectors.cin7_omni.config import Settings
from connectors.cin7_omni.models import CreditNoteRow
from connectors.cin7_omni.plans import make_plan
from hub.outcomes import Prepared, Sighting, SightingKind
from tests.support.cin7 import delivery

REQUEST = """{"reference": "R-2", "salesReference": "SO-1", "lineItems": [
    {"code": "SKU-001", "qty": -2, "unitPrice": 10.50}, {"code": "SKU-002", "qty": -1.0, "unitPrice": 3}]}"""
LINES = [{"code": "sku-002", "qty": -1}, {"code": "SKU-001", "qty": -2}]
FORGOTTEN = "[hub:d0 rma:41515515]"
OURS = "[hub:d1 rma:41515515]"


def note(number: int, comments: str, **fields: Any) -> CreditNoteRow:
    given = {"reference": "R-2", "salesReference": "SO-1", "lineItems": LINES, **fields}
    row = CreditNoteRow.read({"id": number, "internalComments": comments, **given})
    assert row is not None
    return row


def judge(*notes: CreditNoteRow, request: str | None = REQUEST) -> Sighting:
    prepared = Prepared(delivery_id="d1", reference="R-2", request=request) if request else None
    return finding.judge(finding.sought(delivery(prepared=prepared)), notes)


@pytest.mark.parametrize("fields", [{}, {"reference": "renamed", "salesReference": "renamed"}])
def test_one_with_the_same_goods_is_foreign_and_of_this_return(fields: dict[str, Any]) -> None:
    sighting = judge(note(1, FORGOTTEN, **fields))
    assert (sighting.kind, sighting.is_of_this_rma) == (SightingKind.FOREIGN, True)
    assert [document.document_id for document in sighting.documents] == ["1"]
    assert "a hub made for this return under another delivery; its goods are those" in sighting.reason


@pytest.mark.parametrize(
    "lines",
    [
        [],
        LINES[:1],
        [*LINES, {"code": "SKU-003", "qty": -1}],
        [LINES[0], {"code": "SKU-001", "qty": -1}],
        [LINES[0], {"code": "SKU-009", "qty": -2}],
    ],
)
def test_one_with_other_goods_is_for_a_person(lines: list[dict[str, Any]]) -> None:
    sighting = judge(note(1, FORGOTTEN, lineItems=lines))
    assert (sighting.kind, sighting.is_of_this_rma) == (SightingKind.FOREIGN, False)
    assert "its goods are not those of this one" in sighting.reason


def test_before_a_request_is_frozen_its_goods_cannot_be_compared() -> None:
    assert not judge(note(1, FORGOTTEN), request=None).is_of_this_rma


@pytest.mark.parametrize(
    ("notes", "kind"),
    [
        ([note(1, FORGOTTEN), note(2, FORGOTTEN)], SightingKind.SEVERAL),
        ([note(1, FORGOTTEN), note(2, OURS)], SightingKind.SEVERAL),
        ([note(1, FORGOTTEN, status="VOID")], SightingKind.VOID),
        ([note(1, FORGOTTEN), note(2, "by hand")], SightingKind.FOREIGN),
        ([note(1, FORGOTTEN, reference="x"), note(2, OURS)], SightingKind.SEVERAL),
        ([note(1, f"a copy of {FORGOTTEN}", reference="x")], SightingKind.ABSENT),
        ([note(1, "[hub:d0 rma:415155150]", reference="x")], SightingKind.ABSENT),
    ],
)
def test_anything_beside_one_clear_note_is_for_a_person(
    notes: list[CreditNoteRow], kind: SightingKind
) -> None:
    sighting = judge(*notes)
    assert sighting.kind is kind
    assert not sighting.is_of_this_rma


def test_only_a_delivery_that_is_looked_for_first_overlooks_it_while_preparing() -> None:
    notes = [note(1, FORGOTTEN), note(2, "[hub:d0 rma:1]"), note(3, "")]
    assert make_plan(delivery(), Settings()).own_ids(notes) == set()
    looked_for = delivery(is_looked_for_first=True)
    assert make_plan(looked_for, Settings()).own_ids(notes) == {"1"}

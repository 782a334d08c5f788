"""What is written for a delivery, and whose the rows are that are seen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.peoplevox_stub import rows
from connectors.peoplevox_stub.wire import read_rows
from hub.outcomes import Prepared, Rejected, SightingKind
from tests.support.cin7 import delivery, item, rma

CANCELLED = ("Cancelled",)
READY = delivery(1, rma("9", items=(item(1), item(2), item(3, sku="SKU-002"))))


def prepared(**others: Any) -> Any:
    made = rows.prepare(READY)
    assert isinstance(made, Prepared)
    return replace(READY, prepared=made, references=(made.reference,), **others)


def seen(**changes: str) -> list[rows.Row]:
    """The rows of the delivery's items as a report shows them, changed."""
    return [
        {rows.STATUS: "Open", **row, **changes} for row in read_rows(rows.batch(rows.ITEMS, [prepared()]), "")
    ]


def test_items_become_one_row_for_each_sku_that_starts_with_the_marker() -> None:
    made = prepared().prepared
    assert made.units == {"SKU-001": Decimal(2), "SKU-002": Decimal(1)}
    assert [(row[rows.SKU], row[rows.QUANTITY], row[rows.COMMENTS]) for row in seen()] == [
        ("SKU-001", "2", "[hub:d1 rma:9]"),
        ("SKU-002", "1", "[hub:d1 rma:9]"),
    ]


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        (rma("9", items=(item(sku=None),)), "no SKU"),
        (rma("9", items=(item(sku="A\nB"),)), "cannot be written"),
        (rma('9"'), "cannot stand in a search"),
    ],
)
def test_what_cannot_be_written_safely_is_rejected_with_a_fix(returned: Any, why: str) -> None:
    answer = rows.prepare(delivery(1, returned))
    assert isinstance(answer, Rejected)
    assert why in answer.reason
    assert answer.fix


def test_comment_of_the_mapping_stands_behind_the_marker_and_what_is_empty_is_told() -> None:
    mapping = {"comments": {"template": "Return {rma_id}\nby {tracking_number}"}}
    made = rows.prepare(replace(READY, mapping=mapping))
    assert isinstance(made, Prepared)
    assert "[hub:d1 rma:9] Return 9 by" in made.request
    assert made.warnings == ("tracking_number is empty in the mapping for this return",)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ({}, SightingKind.ABSENT),
        ({"RMA 9": seen()}, SightingKind.OURS),
        ({"renamed": seen()}, SightingKind.OURS),
        ({"RMA 9": seen()[:1]}, SightingKind.ABSENT),
        ({"RMA 9": seen(), "copy": seen()}, SightingKind.SEVERAL),
        ({"RMA 9": seen(**{rows.STATUS: "cancelled"})}, SightingKind.VOID),
        ({"RMA 9": seen(Comments="")}, SightingKind.FOREIGN),
        ({"rma 9": seen(Comments="see [hub:d1 rma:9]")}, SightingKind.FOREIGN),
        ({"RMA 9": seen(Comments="[hub:d1 rma:10]")}, SightingKind.FOREIGN),
        ({"RMA 10": seen(Comments="[hub:d1 rma:10]")}, SightingKind.ABSENT),
    ],
)
def test_what_is_seen_is_judged_by_its_marker(found: dict[str, Any], kind: SightingKind) -> None:
    assert rows.judge(prepared(), found, CANCELLED).kind is kind


def test_document_of_our_ledger_is_ours_without_a_marker() -> None:
    known = prepared(document_id="RMA 9")
    assert rows.judge(known, {"RMA 9": seen(Comments="")}, CANCELLED).kind is SightingKind.OURS


@pytest.mark.parametrize(("quantity", "is_alike"), [({}, True), ({rows.QUANTITY: "7"}, False)])
def test_document_a_hub_made_and_forgot_is_told_by_its_goods(
    quantity: dict[str, str], is_alike: bool
) -> None:
    sighting = rows.judge(prepared(), {"RMA 9": seen(Comments="[hub:other rma:9]", **quantity)}, CANCELLED)
    assert (sighting.kind, sighting.is_of_this_rma) == (SightingKind.FOREIGN, is_alike)

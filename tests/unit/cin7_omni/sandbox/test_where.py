from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from connectors.cin7_omni.sandbox.books import RESOURCES
from connectors.cin7_omni.sandbox.where import WhereError, as_cin7_reads, matches, parse

if TYPE_CHECKING:
    from connectors.cin7_omni.sandbox.fields import Record

TABLE = RESOURCES["CreditNotes"].table
NOTE: Record = {
    "id": 7,
    "reference": "RMA 1/O'Neil",
    "salesReference": "#1001",
    "total": Decimal("12.50"),
    "isApproved": True,
    "completedDate": None,
    "modifiedDate": "2026-03-01T12:00:00Z",
    "email": "",
}


def is_meant(text: str) -> bool:
    return matches(as_cin7_reads(parse(text, TABLE)), NOTE)


@pytest.mark.parametrize(
    "text",
    [
        "reference='RMA 1/O''Neil'",
        "REFERENCE = 'rma 1/o''neil'",
        "reference<>'x'",
        "reference LIKE 'RMA%'",
        "reference like '%1_O%'",
        "reference NOT LIKE 'SO%'",
        "salesReference LIKE '#1001'",
        "id IN (5, 6,7)",
        "reference IN ('x','RMA 1/O''Neil')",
        "total>=12.5",
        "total<12.51",
        "total>-1",
        "isApproved=true",
        "isApproved = 1",
        "completedDate IS NULL",
        "modifiedDate is not null",
        "email IS NOT NULL",
        "ModifiedDate>='2026-03-01T12:00:00Z'",
        "ModifiedDate<'2026-03-01T12:00:00.500Z'",
        "id=1 OR id=7",
        "id=1 AND id=2 OR id=7",
        "id=7 AND (id=1 OR reference LIKE 'RMA%')",
        "salesReference='#1001' and\n isApproved=TRUE",
    ],
)
def test_record_is_meant(text: str) -> None:
    assert is_meant(text)


@pytest.mark.parametrize(
    "text",
    [
        "reference='RMA 1'",
        "reference LIKE 'RMA'",
        "reference NOT LIKE '%neil'",
        "id IN (1,2)",
        "completedDate<>'2026-03-01T12:00:00Z'",
        "completedDate IS NOT NULL",
        "id=7 AND (id=1 OR id=2)",
        "createdDate IS NOT NULL",
    ],
)
def test_record_is_not_meant(text: str) -> None:
    assert not is_meant(text)


@pytest.mark.parametrize(
    "text",
    [
        "reference",
        "reference=",
        "reference='open",
        "reference=RMA",
        "reference='a' reference='b'",
        "reference='a' AND",
        "(reference='a'",
        "reference=='a'",
        "reference!='a'",
        "id='7'",
        "id LIKE '7'",
        "id NOT IN (7)",
        "id IN ()",
        "total='12.5'",
        "stage='New'",
        "lineItems='x'",
        "lineItems.code='SKU-001'",
        "'reference'='a'",
        "reference IS 'a'",
        "modifiedDate>2026-03-01",
        "modifiedDate>2026-03-01T12:00:00Z",
        "modifiedDate>'2026-03-01'",
        "modifiedDate>'2026-02-30T00:00:00Z'",
        "isApproved='true'",
        "NOT reference='a'",
        "%",
    ],
)
def test_anything_else_cannot_be_read(text: str) -> None:
    with pytest.raises(WhereError, match="where argument is invalid"):
        parse(text, TABLE)


def test_later_than_a_modified_date_also_means_that_date() -> None:
    assert is_meant("ModifiedDate>'2026-03-01T12:00:00Z'")
    assert not is_meant("ModifiedDate>'2026-03-01T12:00:01Z'")


def test_id_beside_a_modified_date_is_dropped_wherever_it_stands() -> None:
    assert is_meant("ModifiedDate>='2026-03-01T12:00:00Z' AND Id=99")
    assert is_meant("(Id>99 OR Id IN (98)) AND modifiedDate<='2026-03-01T12:00:00Z'")
    assert not is_meant("Id=99 AND reference LIKE '%'")


def test_word_inside_a_text_is_no_keyword() -> None:
    assert not is_meant("reference='a' AND salesReference='OR'")
    assert is_meant("salesReference<>'AND'")

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.cin7_omni.sandbox import json_text
from connectors.cin7_omni.sandbox.books import CREATE, UPDATE, Books
from connectors.cin7_omni.sandbox.fields import MalformedError, load_tables
from connectors.cin7_omni.sandbox.quota import Quota
from connectors.cin7_omni.sandbox.seeding import seed_books
from connectors.cin7_omni.sandbox.writes import apply_batch, read_batch
from hub.hookspecs import QuotaWindow

NOW = datetime(2026, 3, 1, 12, 0, 0, 987_654, tzinfo=UTC)


@pytest.fixture
def books() -> Books:
    books = Books(100)
    seed_books(books, random.Random(1), NOW)  # noqa: S311 - repeatable, not secret
    return books


def write(books: Books, *records: dict[str, Any], action: str = CREATE, at: datetime = NOW) -> list[Any]:
    return apply_batch(books, "CreditNotes", action, read_batch("CreditNotes", records), at)


def note(**changes: Any) -> dict[str, Any]:
    return {"reference": "A", "salesReference": "#1001"} | changes


def test_field_table_holds_the_limits_that_matter() -> None:
    notes = load_tables()["CreditNote"]
    assert (notes["reference"].max_length, notes["salesReference"].max_length) == (30, 50)
    assert notes["salesReference"].is_required
    assert notes["status"].is_read_only
    assert notes["lineItems"].children["qtyShipped"].is_read_only
    assert "stage" not in notes


def test_times_are_kept_in_whole_seconds(books: Books) -> None:
    (result,) = write(books, note())
    made = books.get("CreditNotes", result["id"])
    assert made is not None
    assert made["createdDate"] == made["modifiedDate"] == "2026-03-01T12:00:00Z"


def test_computed_fields_are_not_taken_from_the_client(books: Books) -> None:
    line = {"name": "fee", "qty": -1, "unitPrice": Decimal("2.50")}
    (result,) = write(books, note(total=999, createdDate="2020-01-01T00:00:00Z", lineItems=[line]))
    made = books.get("CreditNotes", result["id"])
    assert made is not None
    assert (made["total"], made["createdDate"]) == (Decimal("2.50"), "2026-03-01T12:00:00Z")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 5},
        {"isVoid": True},
        {"taxStatus": "Sometimes"},
        {"taxRate": 101},
        {"currencyCode": "DOLLAR"},
        {"source": "me"},
        {"lineItems": [{"name": "x", "qty": -1, "holdingQty": 1}]},
        {"lineItems": [{"name": "x", "qty": -1, "qtyShipped": 1}]},
    ],
)
def test_refused_record_leaves_nothing_behind(books: Books, changes: dict[str, Any]) -> None:
    (result,) = write(books, note(**changes))
    assert (result["success"], result["id"], result["code"]) == (False, 0, None)
    assert result["errors"]
    assert list(books.records("CreditNotes")) == []
    assert not books.holders("CreditNotes", "A")


@pytest.mark.parametrize(
    "changes",
    [
        {"isApproved": "true"},
        {"branchId": True},
        {"branchId": Decimal("1.0")},
        {"taxStatus": 7.5},
        {"lineItems": {}},
        {"lineItems": ["x"]},
        {"lineItems": [{"qty": "-1"}]},
        {"customFields": ["orders_1004"]},
        {"completedDate": "2026-03-01T10:00:00+01:00"},
    ],
)
def test_wrong_type_makes_the_batch_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        read_batch("CreditNotes", [note(), note(**changes)])


def test_tax_status_may_be_a_number_as_clients_send_it(books: Books) -> None:
    (result,) = write(books, note(taxStatus=1))
    made = books.get("CreditNotes", result["id"])
    assert made is not None
    assert made["taxStatus"] == "Incl"


def test_changed_reference_frees_the_old_one(books: Books) -> None:
    (made,) = write(books, note())
    write(books, {"id": made["id"], "reference": "B"}, action=UPDATE)
    again, taken = write(books, note(), note(reference="b"))
    assert (again["success"], taken["success"]) == (True, False)


def test_refused_change_changes_nothing(books: Books) -> None:
    (made,) = write(books, note(lineItems=[{"name": "x", "qty": -1, "unitPrice": 1}]))
    before = json_text.dump(books.get("CreditNotes", made["id"]))
    bad_lines = [{"name": "y", "qty": -2}, {"name": "z"}]
    (result,) = write(
        books,
        {"id": made["id"], "email": "new@example.com", "lineItems": bad_lines},
        action=UPDATE,
        at=NOW + timedelta(days=1),
    )
    assert not result["success"]
    assert json_text.dump(books.get("CreditNotes", made["id"])) == before


def test_lines_of_a_change_replace_all_and_keep_those_named_by_id(books: Books) -> None:
    lines = [{"name": name, "qty": -1, "unitPrice": 1} for name in "xyz"]
    (made,) = write(books, note(lineItems=lines))
    held = books.get("CreditNotes", made["id"])
    assert held is not None
    second = held["lineItems"][1]["id"]
    change = {"id": made["id"], "lineItems": [{"id": second, "qty": -5}, {"name": "new", "qty": -1}]}
    assert write(books, change, action=UPDATE)[0]["success"]
    after = books.get("CreditNotes", made["id"])
    assert after is not None
    assert [(line["name"], line["qty"]) for line in after["lineItems"]] == [("y", -5), ("new", -1)]
    assert (after["lineItems"][0]["id"], after["total"]) == (second, 5)


def test_numbers_are_written_without_exponent_and_nan_is_not_read() -> None:
    assert json_text.dump({"a": Decimal("1E+2"), "b": [Decimal("0.10")]}) == '{"a":100,"b":[0.10]}'
    with pytest.raises(ValueError, match="NaN"):
        json_text.parse("[NaN]")


def test_window_slides_rather_than_starting_anew() -> None:
    quota = Quota([QuotaWindow(calls=2, per=timedelta(seconds=10))])
    admitted = [quota.admits(NOW + timedelta(seconds=second)) for second in (0, 9, 11, 12, 22)]
    assert admitted == [True, True, True, False, True]

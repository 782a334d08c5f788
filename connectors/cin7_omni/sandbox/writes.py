"""Applies a batch of records, each for itself, and says what came of each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.cin7_omni.sandbox import transactions
from connectors.cin7_omni.sandbox.books import CREATE, RESOURCES, UPDATE
from connectors.cin7_omni.sandbox.fields import (
    Reading,
    blank_record,
    format_time,
    missing_fields,
    read_record,
)
from connectors.cin7_omni.sandbox.transactions import KINDS, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from connectors.cin7_omni.sandbox.books import Books
    from connectors.cin7_omni.sandbox.fields import Record

MAX_BATCH = 250


def read_batch(resource: str, raw: Sequence[object]) -> list[Reading]:
    """Reads every record before any is applied.

    Raises:
        MalformedError: one of them has a value of the wrong JSON type, so that none is taken (I).
    """
    table = RESOURCES[resource].table
    return [read_record(table, each) for each in raw]


def apply_batch(
    books: Books,
    resource: str,
    action: str,
    readings: Sequence[Reading],
    now: datetime,
    *,
    is_duplicate_allowed: bool = False,
) -> list[Record]:
    """Applies what can be applied.

    Returns:
        ``{index, success, id, code, errors}`` for each record, in order (D). ``code`` is the reference, for
        contacts the e-mail address; of a refused record ``id`` is 0 and ``code`` null, as the API
        description's example has them (whether live ones name the reference is unknown).
    """
    results = []
    for index, reading in enumerate(readings):
        try:
            record = _apply(books, resource, action, reading, now, is_duplicate_allowed)
        except RefusedError as error:
            results.append(
                {"index": index, "success": False, "id": 0, "code": None, "errors": error.problems}
            )
            continue
        code = record.get("reference") or record.get("email") or None
        results.append({"index": index, "success": True, "id": record["id"], "code": code, "errors": []})
    return results


def _apply(
    books: Books, resource: str, action: str, reading: Reading, now: datetime, is_duplicate_allowed: bool
) -> Record:
    if reading.problems:
        raise RefusedError(list(reading.problems))
    values = reading.values
    if resource in KINDS:
        write = {CREATE: transactions.create, UPDATE: transactions.update}[action]
        return write(books, KINDS[resource], values, now, is_duplicate_allowed=is_duplicate_allowed)
    create = {"Contacts": _create_contact, "Payments": _create_payment}[resource]
    record = create(books, values)
    record |= {"id": books.new_id(), "createdDate": format_time(now), "modifiedDate": format_time(now)}
    books.add(resource, record)
    return record


def _create_contact(books: Books, values: Record) -> Record:
    table = RESOURCES["Contacts"].table
    record = blank_record(table) | {"isActive": True} | values
    problems = missing_fields(table, record)
    if record["email"] and books.find_contact(record["email"]):
        problems.append(f"A contact with the email {record['email']} already exists.")
    if problems:
        raise RefusedError(problems)
    return record


def _create_payment(books: Books, values: Record) -> Record:
    """A payment of an order or a credit note (D). The sign of a credit's amount is unknown: any is taken."""
    order_id = values.get("orderId", 0)
    found = {name: document for name in KINDS if (document := books.get(name, order_id))}
    problems = [] if found else [f"orderId {order_id} was not found."]
    if "amount" not in values:
        problems.append("amount is required.")
    if problems:
        raise RefusedError(problems)
    ((resource, document),) = found.items()
    return (
        blank_record(RESOURCES["Payments"].table)
        | {"branchId": document["branchId"]}
        | values
        | {"orderRef": document["reference"], "orderType": RESOURCES[resource].record}
    )

"""What people do in Cin7 itself: goods come in, a note is cancelled or deleted. Pure."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.sandbox.books import ZERO
from connectors.cin7_omni.sandbox.fields import format_time
from hub.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from connectors.cin7_omni.sandbox.books import Books
    from connectors.cin7_omni.sandbox.fields import Record

NOTES = "CreditNotes"


def find_note(books: Books, document: str) -> Record:
    """A credit note by its id or its reference.

    Raises:
        NotFoundError: there is none.
        ConflictError: several carry the reference, so only an id can tell them apart.
    """
    by_id = books.get(NOTES, int(document)) if document.isascii() and document.isdigit() else None
    if by_id is not None:
        return by_id
    holders = books.holders(NOTES, document)
    if len(holders) > 1:
        ids = ", ".join(str(each) for each in sorted(holders))
        raise ConflictError(f"several credit notes carry the reference {document}", fix=f"name one of {ids}")
    note = books.get(NOTES, next(iter(holders), 0))
    if note is None:
        raise NotFoundError(
            f"there is no credit note {document}", fix="name a credit note by its id or its reference"
        )
    return note


def describe(note: Record) -> dict[str, Any]:
    """The document as :meth:`hub.sandbox.Sandbox.documents` promises it."""
    return {
        "id": str(note["id"]),
        "reference": note["reference"],
        "sales_reference": note["salesReference"],
        "status": note["status"],
        "currency": note["currencyCode"],
        "total": _amount(note["total"]),
        "lines": [_describe_line(line) for line in note["lineItems"]],
        "raw": copy.deepcopy(note),
    }


def receive(
    books: Books,
    note: Record,
    quantities: Mapping[str, Decimal] | None,
    now: datetime,
    *,
    is_complete: bool,
    is_quantity_known: bool,
) -> None:
    """Books goods in. Done again, it corrects: the quantities are what arrived in all.

    A line that no quantity names has moved 0, once quantities are known. ``is_complete`` sets
    ``completedDate``; without it a date set earlier stays.

    Raises:
        ConflictError: the note is void.
        NotFoundError: a quantity names a SKU that the note does not have.
        UsageError: a quantity is negative, or given although it is said to be unknown.
    """
    if note["status"] == "VOID":
        raise ConflictError(f"credit note {note['reference']} is void", fix="receive another one")
    stocked = [line for line in note["lineItems"] if line["code"]]
    if quantities is not None:
        _check_quantities(stocked, quantities, is_quantity_known=is_quantity_known)
    if not is_quantity_known:
        for line in stocked:
            _set_moved(books, note, line, None, sign=-1)
    elif quantities is None:
        move_everything(books, note, sign=-1)
    else:
        for line, units in _deal_out(stocked, quantities):
            _set_moved(books, note, line, units, sign=-1)
    if is_complete:
        note["completedDate"] = format_time(now)
    note["modifiedDate"] = format_time(now)


def void(books: Books, note: Record, now: datetime) -> None:
    """Cancels a note; what it brought into stock goes out again (I). A void one stays as it is."""
    if note["status"] == "VOID":
        return
    for line in note["lineItems"]:
        _shift_stock(books, note, line, -abs(line["qtyShipped"] or ZERO), sign=-1)
    note["status"] = "VOID"
    note["modifiedDate"] = format_time(now)


def touch(books: Books, note_ids: Iterable[int], now: datetime) -> None:
    """A bulk edit: every note gets one identical ``modifiedDate`` (seen live)."""
    for note_id in note_ids:
        find_note(books, str(note_id))["modifiedDate"] = format_time(now)


def move_everything(books: Books, document: Record, sign: int) -> None:
    """All that the document asks for has moved, as filling in its date does in the UI (D).

    A money-only line moves nothing.
    """
    for line in document["lineItems"]:
        if line["code"]:
            _set_moved(books, document, line, abs(line["qty"]), sign=sign)


def _set_moved(books: Books, document: Record, line: Record, units: Decimal | None, sign: int) -> None:
    before = abs(line["qtyShipped"] or ZERO)
    _shift_stock(books, document, line, (units or ZERO) - before, sign)
    is_shown_negative = sign < 0 and books.is_moved_negative
    line["qtyShipped"] = -units if units is not None and is_shown_negative else units


def _shift_stock(books: Books, document: Record, line: Record, units: Decimal, sign: int) -> None:
    books.move_stock(line["productOptionId"], document["branchId"], -sign * units)


def _check_quantities(
    lines: list[Record], quantities: Mapping[str, Decimal], *, is_quantity_known: bool
) -> None:
    if not is_quantity_known:
        raise UsageError("quantities are given and said to be unknown", fix="leave one of the two out")
    codes = {line["code"] for line in lines}
    for sku, units in quantities.items():
        if sku not in codes:
            raise NotFoundError(f"no line has the SKU {sku}", fix=f"use one of {', '.join(sorted(codes))}")
        if not units.is_finite() or units < 0:
            raise UsageError(f"quantity of {sku} is {units}", fix="give 0 or more")


def _deal_out(lines: list[Record], quantities: Mapping[str, Decimal]) -> list[tuple[Record, Decimal]]:
    """Units for each line: in line order up to what each asks for, any excess on the SKU's last line."""
    left = dict(quantities)
    dealt = []
    for line in lines:
        units = min(left.get(line["code"], ZERO), abs(line["qty"]))
        left[line["code"]] = left.get(line["code"], ZERO) - units
        dealt.append((line, units))
    last = {line["code"]: position for position, line in enumerate(lines)}
    return [
        (line, units + (left[line["code"]] if last[line["code"]] == position else ZERO))
        for position, (line, units) in enumerate(dealt)
    ]


def _describe_line(line: Record) -> dict[str, Any]:
    moved = line["qtyShipped"]
    return {
        "sku": line["code"],
        # Minus, not the absolute value: a line that takes goods out must not look like a return.
        "quantity": _plain(-line["qty"]),
        "received": None if moved is None else _plain(abs(moved)),
    }


def _plain(number: Decimal) -> str:
    """Without exponent and without zeros at the end; never ``-0``."""
    return format(number.normalize() + ZERO, "f")


def _amount(number: Decimal) -> str:
    """At least two decimals."""
    text = _plain(number)
    decimals = len(text.partition(".")[2])
    return text if decimals >= len("00") else f"{number:.2f}"

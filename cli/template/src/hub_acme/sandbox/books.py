"""What the stand-in holds, and what people do in the ERP itself. Pure but for its clock."""

from __future__ import annotations

import copy
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from hub.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

Record = dict[str, Any]

WAREHOUSES = [
    {"id": "W1", "name": "Main", "is_active": True},
    {"id": "W2", "name": "Outlet", "is_active": True},
]
_FIELDS = {"external_ref", "order_ref", "warehouse", "currency", "note", "lines"}
_LONGEST_REF = 60


class Books:
    """Every memo of one account, as Acme's API shows it."""

    def __init__(self, first_id: int, clock: Callable[[], datetime]) -> None:
        self.memos: dict[int, Record] = {}
        self._next_id = first_id
        self._clock = clock

    def create(self, record: Any, *, is_duplicate_allowed: bool = False) -> Record:
        """One record of a POST: a result with an id, or with an error. As strict as the ERP is."""
        reference = record.get("external_ref")
        error = _problem(record)
        if error is None and not is_duplicate_allowed and self._named(reference):
            error = f"external_ref {reference} is taken"
        if error is not None:
            return {"external_ref": reference, "error": error}
        return {"external_ref": reference, "id": self.add(record)["id"]}

    def add(self, record: Record) -> Record:
        """A memo from a record that is known to be good."""
        memo = {
            **copy.deepcopy(record),
            "id": self._next_id,
            "state": "open",
            "total": str(
                sum(Decimal(line["quantity"]) * Decimal(line["unit_price"]) for line in record["lines"])
            ),
            "created_at": self._now(),
            "received_at": None,
            "lines": [{**line, "received": None} for line in record["lines"]],
        }
        self.memos[self._next_id] = memo
        self._next_id += 1
        self._stamp(memo)
        return memo

    def find(self, document: str) -> Record:
        """One memo by its id or its reference."""
        found = [memo for memo in self.memos.values() if str(memo["id"]) == document] or self._named(document)
        if len(found) > 1:
            raise ConflictError(f"several memos are called {document}", fix="name one by its id")
        if not found:
            raise NotFoundError(f"there is no memo {document}", fix="name a memo by its id or its reference")
        return found[0]

    def receive(
        self,
        memo: Record,
        quantities: Mapping[str, Decimal] | None,
        *,
        is_complete: bool,
        is_quantity_known: bool,
    ) -> None:
        """Books goods in. Done again, it corrects: quantities are what arrived in all."""
        if memo["state"] == "cancelled":
            raise ConflictError(f"memo {memo['external_ref']} is cancelled", fix="receive another one")
        skus = [line["sku"] for line in memo["lines"]]
        if unknown := [sku for sku in quantities or () if sku not in skus]:
            raise NotFoundError(f"no line has the SKU {unknown[0]}", fix=f"use one of {', '.join(skus)}")
        left = dict(quantities or {})
        for place, line in enumerate(memo["lines"]):
            if not is_quantity_known:
                line["received"] = None
            elif quantities is None:
                line["received"] = line["quantity"]
            else:
                # What is too much stands on the SKU's last line.
                is_last = line["sku"] not in skus[place + 1 :]
                units = left.pop(line["sku"], Decimal(0))
                here = units if is_last else min(units, Decimal(line["quantity"]))
                left[line["sku"]] = units - here
                line["received"] = str(here)
        memo["received_at"] = self._now()
        if is_complete:
            memo["state"] = "received"
        self._stamp(memo)

    def cancel(self, memo: Record) -> None:
        """Cancels a memo by hand."""
        memo["state"] = "cancelled"
        self._stamp(memo)

    def select(self, asked: Sequence[tuple[str, str]]) -> list[Record]:
        """Rows of a list call: of ``ref``, ``text`` and ``id`` any may fit; then those behind the cursor."""
        limits = dict(asked)
        limit = int(limits.get("limit", "20"))
        wanted = [(name, value) for name, value in asked if name in {"ref", "text", "id"}]
        rows = [
            memo for memo in self.memos.values() if not wanted or any(_fits(memo, *each) for each in wanted)
        ]
        after_id = int(limits.get("after_id", "0"))
        if "created_from" in limits:
            rows = [memo for memo in rows if memo["created_at"] >= limits["created_from"]]
            return sorted((memo for memo in rows if memo["id"] > after_id), key=lambda memo: memo["id"])[
                :limit
            ]
        rows.sort(key=_place)
        if "modified_from" in limits:
            rows = [memo for memo in rows if _place(memo) > (limits["modified_from"], after_id)]
        return rows[:limit]

    def _named(self, reference: str) -> list[Record]:
        return [memo for memo in self.memos.values() if memo["external_ref"] == reference]

    def _now(self) -> str:
        return self._clock().replace(microsecond=0).isoformat()

    def _stamp(self, memo: Record) -> None:
        memo["modified_at"] = self._now()


def describe(memo: Record) -> Record:
    """The memo as :meth:`hub.sandbox.Sandbox.documents` promises it."""
    return {
        "id": str(memo["id"]),
        "reference": memo["external_ref"],
        "sales_reference": memo["order_ref"],
        "status": memo["state"],
        "currency": memo["currency"],
        "total": memo["total"],
        "lines": [{name: line[name] for name in ("sku", "quantity", "received")} for line in memo["lines"]],
        "raw": copy.deepcopy(memo),
    }


def _place(memo: Record) -> tuple[str, int]:
    return memo["modified_at"], memo["id"]


def _fits(memo: Record, name: str, value: str) -> bool:
    if name == "text":
        return value.casefold() in str(memo["note"]).casefold()
    return str(memo["id" if name == "id" else "external_ref"]) == value


def _problem(record: Record) -> str | None:
    if set(record) != _FIELDS:
        return f"a memo has the fields {', '.join(sorted(_FIELDS))}"
    reference, lines = record["external_ref"], record["lines"]
    if not isinstance(reference, str) or not 0 < len(reference) <= _LONGEST_REF:
        return f"external_ref has 1 to {_LONGEST_REF} characters"
    if record["warehouse"] not in {None, *(each["id"] for each in WAREHOUSES)}:
        return f"there is no warehouse {record['warehouse']}"
    if not isinstance(lines, list) or not lines:
        return "a memo needs lines"
    return next((error for line in lines if (error := _line_problem(line))), None)


def _line_problem(line: Any) -> str | None:
    if not isinstance(line, dict) or set(line) != {"sku", "quantity", "unit_price"} or not line["sku"]:
        return "a line has sku, quantity and unit_price"
    try:
        quantity, price = Decimal(line["quantity"]), Decimal(line["unit_price"])
    except (InvalidOperation, TypeError):
        return "quantity and unit_price are decimal strings"
    return None if quantity > 0 and price >= 0 else "quantity is above 0 and unit_price not below"

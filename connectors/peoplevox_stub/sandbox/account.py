"""What the stand-in's account holds, what the service does to it, and what people in the warehouse do."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.peoplevox_stub.rows import (
    COLUMNS,
    COMMENTS,
    CONDITION,
    ITEMS,
    LINE,
    NUMBER,
    QUANTITY,
    RETURNED_AT,
    RETURNS,
    SKU,
    STATUS,
)
from connectors.peoplevox_stub.wire import MOST_ROWS, read_rows, write_rows
from hub.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from connectors.peoplevox_stub.rows import Row
    from hub.rma import Rma

REPORT = "Item returns"
CLIENT, USER, PASSWORD = "sandbox", "integration", "sandbox-password"
ORDER = "Sales order number"
_DATE = "%d/%m/%Y %H:%M:%S"
_CONDITION = re.compile(
    r'\(\[(?P<column>[^\]]+)\](?:\.(?P<how>Equals|Contains)\("(?P<text>[^"]*)"\)'
    r"| >= DateTime\((?P<date>\d{4}(?:,\d{2}){5})\))\)"
)


class RefusedError(Exception):
    """Peoplevox refuses a call, with this text inside a 200."""


class Account:
    """An account of invented data."""

    def __init__(self, dice: Random, clock: Callable[[], datetime]) -> None:
        self._dice, self._clock = dice, clock
        self._sessions: set[str] = set()
        self._tables: dict[str, dict[tuple[str, ...], Row]] = {RETURNS: {}, ITEMS: {}}
        self._returned: list[Row] = []

    # --- the service ----------------------------------------------------------------------------------

    def answer(self, action: str, given: Mapping[str, str], *, is_partial: bool = False) -> tuple[str, int]:
        """Detail and TotalCount of one action.

        Args:
            action: in Peoplevox's words.
            given: every text of the request by its element's name.
            is_partial: True applies a save to the first half of its documents only.

        Raises:
            RefusedError: Peoplevox would refuse it.
        """
        if action == "Authenticate":
            return self._authenticate(given)
        if given.get("SessionId") not in self._sessions or given.get("UserId") != "0":
            raise RefusedError("The session is not valid")
        if action == "GetReportData":
            return self._report(given)
        if given.get("TemplateName") not in COLUMNS or action not in {"SaveData", "GetSaveTemplate"}:
            raise RefusedError("There is no such action or template")
        if action == "GetSaveTemplate":
            return ",".join(COLUMNS[given["TemplateName"]]), 1
        return self._save(given["TemplateName"], given, is_partial=is_partial)

    def _authenticate(self, given: Mapping[str, str]) -> tuple[str, int]:
        password = base64.b64encode(PASSWORD.encode()).decode()
        if [given.get(name) for name in ("clientId", "username", "password")] != [CLIENT, USER, password]:
            raise RefusedError("The user name or the password is not right")
        session = f"{self._dice.getrandbits(64):016x}"
        self._sessions.add(session)
        return f"{CLIENT},{session}", 1

    def _save(self, template: str, given: Mapping[str, str], *, is_partial: bool) -> tuple[str, int]:
        rows, is_items = read_rows(given.get("CsvData", ""), "SaveData"), template == ITEMS
        if given.get("Action") != "0" or not rows or any(tuple(row) != COLUMNS[template] for row in rows):
            raise RefusedError("The CSV does not have the columns of the template")
        for row in rows:
            if is_items and (row[NUMBER],) not in self._tables[RETURNS]:
                raise RefusedError(f"There is no return authorisation {row[NUMBER]}")
            if not row[NUMBER] or (is_items and not (row[LINE] and row[SKU] and row[QUANTITY].isdigit())):
                raise RefusedError(f"A row of {row[NUMBER]} has no code or no quantity")
        numbers = list(dict.fromkeys(row[NUMBER] for row in rows))
        taken = numbers[: (len(numbers) + 1) // 2] if is_partial else numbers
        for row in rows:
            if row[NUMBER] in taken:
                key = (row[NUMBER], row[LINE]) if is_items else (row[NUMBER],)
                table = self._tables[template]
                table[key] = {STATUS: "Open", **table.get(key, {}), **row}
        return "", len(rows)

    def _report(self, given: Mapping[str, str]) -> tuple[str, int]:
        tables = {ITEMS: list(self._tables[ITEMS].values()), REPORT: self._returned}
        name, size = given.get("TemplateName", ""), int(given.get("ItemsPerPage") or 0)
        if name not in tables or not 0 < size <= MOST_ROWS:
            raise RefusedError("There is no such report, or too many rows are asked for")
        rows, order = (
            _matching(tables[name], given.get("SearchClause", "")),
            given.get("OrderBy", "").strip("[]"),
        )
        rows.sort(key=lambda row: _sortable(order, row.get(order, "")))
        start = (int(given.get("PageNo") or 1) - 1) * size
        header = list(rows[0]) if rows else [*COLUMNS[ITEMS], STATUS]
        cells = [[row.get(column, "") for column in header] for row in rows[start : start + size]]
        return write_rows([header, *cells]), len(rows)

    # --- the doors that people have into it -----------------------------------------------------------

    def documents(self) -> list[dict[str, Any]]:
        """See :meth:`hub.sandbox.Sandbox.documents`. A warehouse knows no money, so totals are 0.00."""
        return [self._describe(number) for number in dict.fromkeys(key[0] for key in self._tables[ITEMS])]

    def receive(
        self,
        document: str,
        quantities: Mapping[str, Decimal] | None = None,
        *,
        is_complete: bool = True,
        is_quantity_known: bool = True,
    ) -> dict[str, Any]:
        """See :meth:`hub.sandbox.Sandbox.receive`. Done again, the quantities are what arrived in all."""
        items = self._items(document)
        if items[0][STATUS] == "Cancelled":
            raise ConflictError(f"return authorisation {document} is cancelled", fix="receive another one")
        asked = {row[SKU]: Decimal(row[QUANTITY]) for row in items}
        arrived = asked if quantities is None else quantities
        if unknown := [sku for sku in arrived if sku not in asked]:
            raise NotFoundError(f"no item has the SKU {unknown[0]}", fix=f"use one of {', '.join(asked)}")
        if any(count < 0 or not count.is_finite() for count in arrived.values()):
            raise UsageError("a quantity is negative", fix="give 0 or more")
        self._returned = [row for row in self._returned if row[NUMBER] != document]
        for row in items:
            if arrived.get(row[SKU]):
                self._book(row, f"{arrived[row[SKU]]:f}" if is_quantity_known else "", "Accepted")
        self._set_status(items, "Completed" if is_complete else "Open")
        return self._describe(document)

    def enter(self, reference: str, quantities: Mapping[str, Decimal]) -> dict[str, Any]:
        """See :meth:`hub.sandbox.Sandbox.enter`. Raises ConflictError when the number, the key, is taken."""
        if (reference,) in self._tables[RETURNS]:
            raise ConflictError(f"there is a return authorisation {reference}", fix="choose another number")
        self._tables[RETURNS][reference,] = {NUMBER: reference, ORDER: "", COMMENTS: ""}
        for line, (sku, count) in enumerate(quantities.items(), 1):
            row = {NUMBER: reference, LINE: str(line), SKU: sku, QUANTITY: f"{count:f}", COMMENTS: ""}
            self._tables[ITEMS][reference, str(line)] = {STATUS: "Open", **row}
        return self._describe(reference)

    def reject(self, document: str, sku: str, condition: str = "Damaged") -> None:
        """The warehouse refuses one unit: a state of the item."""
        item = next(row for row in self._items(document) if row[SKU] == sku)
        self._book(item, "1", "Rejected", condition)

    def void(self, document: str) -> dict[str, Any]:
        """See :meth:`hub.sandbox.Sandbox.void`."""
        self._set_status(self._items(document), "Cancelled")
        return self._describe(document)

    def delete(self, document: str) -> None:
        """Somebody deletes it. Raises NotFoundError when there is none."""
        for row in self._items(document):
            del self._tables[ITEMS][document, row[LINE]]

    def sell(self, rma: Rma) -> dict[str, Any]:
        """See :meth:`hub.sandbox.Sandbox.sell`. Orders are not kept: returns are taken without one."""
        return {"id": rma.order_name, "reference": rma.order_name}

    def _items(self, document: str) -> list[Row]:
        items = [row for key, row in self._tables[ITEMS].items() if key[0] == document]
        if not items:
            raise NotFoundError(f"there is no return authorisation {document}", fix="name one by its number")
        return items

    @staticmethod
    def _set_status(items: list[Row], status: str) -> None:
        for row in items:
            row[STATUS] = status

    def _book(self, item: Row, quantity: str, state: str, condition: str = "") -> None:
        row = {**item, QUANTITY: quantity, STATUS: state, CONDITION: condition, "Is reusable": ""}
        row |= {"Return code": f"RET{len(self._returned) + 1}", RETURNED_AT: f"{self._clock():{_DATE}}"}
        self._returned.append({**row, ORDER: self._tables[RETURNS][item[NUMBER],][ORDER]})

    def _describe(self, number: str) -> dict[str, Any]:
        items, head = self._items(number), self._tables[RETURNS][number,]
        counts: dict[str, list[str]] = {}
        for row in self._returned:
            if row[NUMBER] == number and row[STATUS] != "Rejected":
                counts.setdefault(row[SKU], []).append(row[QUANTITY])
        return {
            "id": number,
            "reference": number,
            "sales_reference": head[ORDER],
            "status": items[0][STATUS],
            "currency": "",
            "total": "0.00",
            "lines": [
                {"sku": row[SKU], "quantity": row[QUANTITY], "received": _sum(counts.get(row[SKU], ["0"]))}
                for row in items
            ],
            "raw": {RETURNS: dict(head), ITEMS: [dict(row) for row in items]},
        }


def _sum(counts: list[str]) -> str | None:
    return f"{sum(map(Decimal, counts)):f}" if all(counts) else None


def _matching(rows: list[Row], clause: str) -> list[Row]:
    """The rows that fit conditions joined by OR, each in brackets; anything else is refused."""
    parts = [_CONDITION.fullmatch(part) for part in clause.split(" OR ")] if clause else []
    read = [part for part in parts if part is not None]
    if len(read) < len(parts):
        raise RefusedError("The search clause cannot be read")
    return [row for row in rows if not read or any(_holds(row, part) for part in read)]


def _holds(row: Row, part: re.Match[str]) -> bool:
    value = row.get(part["column"], "")
    if part["date"] is not None:
        return _sortable(RETURNED_AT, value) >= part["date"].replace(",", "")
    return value == part["text"] if part["how"] == "Equals" else part["text"] in value


def _sortable(column: str, value: str) -> str:
    if column != RETURNED_AT or not value:
        return value
    return f"{datetime.strptime(value, _DATE):%Y%m%d%H%M%S}"  # noqa: DTZ007 - the report's dates have no zone

"""Reads what a client sent against the field table (``fields.json``). Pure.

Two kinds of mistake. A value of the wrong JSON type makes the whole batch unreadable, because Cin7's server
binds the body to typed records before it looks at one of them (I): :class:`MalformedError`. Everything else
fails its own record: an unknown field, a read-only one, a text too long, a required field left out. The
texts of those errors are invented; Cin7 documents none (U).
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Record = dict[str, Any]
"""One record as it stands on the wire; numbers are int or Decimal, dates are text."""

COMPUTED = frozenset(
    {"createdDate", "modifiedDate", "createdBy", "processedBy", "productTotal", "total", "currencySymbol"}
)
"""Cin7 works these out. The table does not call them read-only, so sending them does nothing (I)."""

_TAX_STATUS_NUMBERS = {1: "Incl", 2: "Excl", 3: "Exempt"}
"""The API description types ``taxStatus`` as an integer, and client code sends these (L)."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


class MalformedError(Exception):
    """The body as a whole cannot be read; answered with one 400 for all of it."""


class FieldType(StrEnum):
    """The types of the field table that are read; any other is ``OTHER``."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    STRING = "string"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    OBJECT = "object"
    ARRAY = "array"
    OTHER = "other"


_BLANKS: Mapping[FieldType, Any] = {
    FieldType.INTEGER: 0,
    FieldType.DECIMAL: Decimal(0),
    FieldType.STRING: "",
    FieldType.BOOLEAN: False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of one kind of record.

    Attributes:
        blank: what stands in it when nothing was filled in; a list or an object is made anew each time.
        max_length: of a string; None when the table names no limit.
        choices: values a string may have; empty for any.
        children: fields of the elements of an array or of an object; empty when the table has none.
    """

    name: str
    type: FieldType
    max_length: int | None = None
    is_read_only: bool = False
    is_required: bool = False
    choices: tuple[str, ...] = ()
    children: Mapping[str, Field] = field(default_factory=dict)
    blank: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One record of a request.

    Attributes:
        values: canonical field name → value; what was null is left out, which means *unchanged* (D).
        problems: one sentence for each thing that is wrong with it.
    """

    values: Record
    problems: tuple[str, ...]


@functools.cache
def load_tables() -> Mapping[str, Mapping[str, Field]]:
    """Kind of record (``CreditNote``) → field name → field."""
    text = resources.files("connectors.cin7_omni").joinpath("fields.json").read_text(encoding="utf-8")
    return {kind: _read_table(raw) for kind, raw in json.loads(text).items() if not kind.startswith("_")}


def _read_table(raw: Mapping[str, Any]) -> dict[str, Field]:
    return {name: _read_field(name, entry) for name, entry in raw.items()}


def _read_field(name: str, entry: Mapping[str, Any]) -> Field:
    try:
        kind = FieldType(entry["type"])
    except ValueError:
        kind = FieldType.OTHER
    return Field(
        name=name,
        type=kind,
        max_length=entry.get("maxLength"),
        is_read_only=entry.get("readOnly", False),
        is_required=entry.get("required", False),
        choices=tuple(entry.get("enum", ())),
        children=_read_table(entry.get("item") or entry.get("fields") or {}),
        blank=_BLANKS.get(kind),
    )


def blank_record(table: Mapping[str, Field]) -> Record:
    """A record with nothing filled in: "" for texts, 0 for numbers, null for dates (U)."""
    record: Record = {}
    for name, entry in table.items():
        if entry.type is FieldType.ARRAY:
            record[name] = []
        elif entry.type is FieldType.OBJECT:
            record[name] = blank_record(entry.children)
        else:
            record[name] = entry.blank
    return record


def read_record(table: Mapping[str, Field], raw: object, where: str = "") -> Reading:
    """Reads one record. Names are matched without case (D/L).

    Args:
        table: the fields the record may have.
        raw: the parsed JSON value.
        where: prefix of the field names in problems, such as ``lineItems[0].``.

    Raises:
        MalformedError: it is no object, or a value has the wrong JSON type.
    """
    if not isinstance(raw, dict):
        msg = f"{where or 'record'} is no object"
        raise MalformedError(msg)
    names = {name.casefold(): name for name in table}
    values: Record = {}
    problems: list[str] = []
    for given, value in raw.items():
        name = names.get(given.casefold())
        if name is None:
            problems.append(f"Unknown field '{where}{given}'.")
        elif value is not None and name not in COMPUTED:
            values[name] = _read_value(table[name], value, where + name, problems)
    return Reading(values=values, problems=tuple(problems))


def missing_fields(table: Mapping[str, Field], record: Record) -> list[str]:
    """One problem for each required field that is blank."""
    return [f"{name} is required." for name, entry in table.items() if entry.is_required and not record[name]]


def _read_value(entry: Field, value: Any, path: str, problems: list[str]) -> Any:
    if entry.is_read_only:
        # Cin7 may well ignore it (U). A stand-in that did would hide a mapping that does nothing.
        problems.append(f"Field '{path}' is read-only.")
        return value
    if entry.name == "taxStatus" and type(value) is int and value in _TAX_STATUS_NUMBERS:
        return _TAX_STATUS_NUMBERS[value]
    if entry.type is FieldType.STRING:
        return _read_string(entry, value, path, problems)
    if entry.type is FieldType.DATETIME:
        return _read_datetime(value, path)
    if entry.type is FieldType.ARRAY and isinstance(value, list):
        readings = [read_record(entry.children, each, f"{path}[{n}].") for n, each in enumerate(value)]
        problems.extend(problem for reading in readings for problem in reading.problems)
        return [reading.values for reading in readings]
    if entry.type is FieldType.OBJECT and isinstance(value, dict):
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if entry.type is FieldType.INTEGER and is_number:
        return value
    if entry.type is FieldType.DECIMAL and (is_number or isinstance(value, Decimal)):
        return Decimal(value)
    if entry.type is FieldType.BOOLEAN and isinstance(value, bool):
        return value
    msg = f"{path} has the wrong type"
    raise MalformedError(msg)


def _read_string(entry: Field, value: object, path: str, problems: list[str]) -> str:
    if not isinstance(value, str):
        msg = f"{path} has the wrong type"
        raise MalformedError(msg)
    if entry.max_length is not None and len(value) > entry.max_length:
        problems.append(f"Field '{path}' cannot be longer than {entry.max_length} characters.")
    if entry.choices and value:
        chosen = next((choice for choice in entry.choices if choice.casefold() == value.casefold()), None)
        if chosen is None:
            problems.append(f"Field '{path}' must be one of {', '.join(entry.choices)}.")
        return chosen or value
    return value


def _read_datetime(value: object, path: str) -> str | None:
    """UTC as ``yyyy-MM-ddTHH:mm:ssZ``, milliseconds accepted (D/L); "" clears (D)."""
    if value == "":
        return None
    moment = parse_time(value) if isinstance(value, str) else None
    if moment is None:
        msg = f"{path} is no date"
        raise MalformedError(msg)
    return format_time(moment)


def parse_time(text: str) -> datetime | None:
    """``yyyy-MM-ddTHH:mm:ss[.fff]Z`` as aware UTC; None for anything else, such as a date alone."""
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def format_time(moment: datetime) -> str:
    """The wire's form, whole seconds, so that many records share one time (D/L)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Which fields a Cin7 credit note has, and what fits into each, pure.

Source: ``fields.json`` beside this file, collected from https://api.cin7.com/api/Help and its OpenAPI
document; lengths, types and what is read-only come from there.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.mapping.values import Scalar

_NOT_SETTABLE = {
    "id": "Cin7 gives it",
    "total": "Cin7 works it out",
    "transactionId": "Cin7 gives it",
}
_LARGEST_INTEGER = 2**31 - 1
_MOST_DIGITS = 15


class DoesNotFitError(ValueError):
    """A value does not fit its field; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a record.

    Attributes:
        type: ``string, integer, decimal, boolean, datetime``, or ``object`` and ``array`` for the few
            that hold others.
        max_length: characters; None when Cin7 names no limit.
        choices: the only texts it takes; empty when any.
        why_not: why it cannot be set; empty when it can.
        fields: of an object with known fields or of the elements of an array; empty otherwise.
    """

    name: str
    type: str
    max_length: int | None
    choices: tuple[str, ...]
    why_not: str
    fields: Mapping[str, Field]


@functools.cache
def credit_note_fields() -> Mapping[str, Field]:
    """Every field of a credit note by name; ``lineItems`` holds those of a line."""
    text = resources.files("connectors.cin7_omni").joinpath("fields.json").read_text(encoding="utf-8")
    return _read_table(json.loads(text)["CreditNote"])


def _read_table(table: Mapping[str, Any]) -> dict[str, Field]:
    return {name: _read_field(name, entry) for name, entry in table.items()}


def _read_field(name: str, entry: Mapping[str, Any]) -> Field:
    return Field(
        name=name,
        type=entry["type"],
        max_length=entry.get("maxLength"),
        choices=tuple(entry.get("enum", ())),
        why_not="it is read-only in Cin7" if entry.get("readOnly") else _NOT_SETTABLE.get(name, ""),
        fields=_read_table(entry.get("item", entry.get("fields", {}))),
    )


def check(field: Field, value: Scalar) -> Scalar:
    """Checks a value as it stands in a mapping.

    Returns:
        The value to send.

    Raises:
        DoesNotFitError: it is of another type, too long, too large or none of the choices.
    """
    kind = field.type
    if kind == "boolean":
        return _require(isinstance(value, bool), value, "takes true or false")
    if kind == "integer":
        is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_INTEGER
        return _require(is_whole, value, "takes a whole number")
    if kind == "decimal":
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        _require(is_number and abs(Decimal(value).adjusted()) < _MOST_DIGITS, value, "takes a number")
        return Decimal(value)
    if not isinstance(value, str):
        msg = "takes text, in double quotes"
        raise DoesNotFitError(msg)
    return _check_text(field, value)


def _require(is_so: bool, value: Scalar, message: str) -> Scalar:
    if not is_so:
        raise DoesNotFitError(message)
    return value


def _check_text(field: Field, text: str) -> str:
    if field.type == "datetime":
        return _check_date(text)
    if field.choices and text not in field.choices:
        msg = f"takes one of {', '.join(field.choices)}, not {text!r}"
        raise DoesNotFitError(msg)
    if field.max_length is not None and len(text) > field.max_length:
        msg = f"{text!r} has {len(text)} characters and Cin7 takes at most {field.max_length}"
        raise DoesNotFitError(msg)
    return text


def _check_date(text: str) -> str:
    try:
        when = datetime.fromisoformat(text)
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"takes a date like 2026-03-01T10:30:00Z, not {text!r}"
        raise DoesNotFitError(msg) from None
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def fit(field: Field, value: Scalar) -> Scalar:
    """As :func:`check`, for what a function or template gave: text that reads as a number becomes one."""
    if isinstance(value, str) and field.type in {"integer", "decimal"}:
        text = value.strip()
        try:
            number = Decimal(text) if len(text) <= _MOST_DIGITS * 2 else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number.adjusted()) >= _MOST_DIGITS:
            msg = f"takes a number, not {text!r}"
            raise DoesNotFitError(msg)
        is_whole = field.type == "integer" and number == number.to_integral_value()
        return check(field, int(number) if is_whole else number)
    return check(field, value)

"""Answers a list call: ``fields, where, order, page, rows`` over one kind of record. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.sandbox import where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.cin7_omni.sandbox.fields import Field, Record

DEFAULT_ROWS = 50
MAX_ROWS = 250
TOO_MANY_ROWS = "The rows argument cannot be greater than 250."
"""Word for word as documented; the other texts here are unknown."""

_ORDER = re.compile(r"\s*(\w+)(?:\s+(ASC|DESC))?\s*", re.IGNORECASE)


class QueryError(Exception):
    """An argument is wrong; its text is what the 400 says."""


def list_records(
    records: Iterable[Record], table: Mapping[str, Field], query: Mapping[str, str]
) -> list[Record]:
    """One page of what a query means.

    Args:
        records: everything there is, in id order, which is the order without ``order`` (L).
        table: the fields of this kind of record.
        query: the query's arguments; names are matched without case, unknown ones mean nothing.

    Raises:
        QueryError: an argument cannot be read.
    """
    arguments = {name.casefold(): value for name, value in query.items()}
    rows = _count(arguments, "rows", DEFAULT_ROWS)
    if rows > MAX_ROWS:
        raise QueryError(TOO_MANY_ROWS)
    page = _count(arguments, "page", 1)
    found = _filtered(records, table, arguments.get("where", ""))
    found = _ordered(found, table, arguments.get("order", ""))
    start = (page - 1) * rows
    return _narrowed(found[start : start + rows], table, arguments.get("fields", ""))


def _count(arguments: Mapping[str, str], name: str, default: int) -> int:
    text = arguments.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        msg = f"The {name} argument is invalid."
        raise QueryError(msg)
    return int(text)


def _filtered(records: Iterable[Record], table: Mapping[str, Field], text: str) -> list[Record]:
    if not text.strip():
        return list(records)
    try:
        expression = where.as_cin7_reads(where.parse(text, table))
    except where.WhereError as error:
        raise QueryError(str(error)) from error
    return [record for record in records if where.matches(expression, record)]


def _ordered(records: list[Record], table: Mapping[str, Field], text: str) -> list[Record]:
    if not text.strip():
        return records
    found = _ORDER.fullmatch(text)
    name = _field_name(table, found.group(1)) if found else None
    if found is None or name is None:
        msg = f"The order argument is invalid: {text}."
        raise QueryError(msg)
    is_descending = (found.group(2) or "ASC").upper() == "DESC"
    # Python's sort keeps what is equal in its place, so equal rows stay in id order.
    return sorted(records, key=lambda record: _sort_key(record.get(name)), reverse=is_descending)


def _sort_key(value: Any) -> tuple[int, Decimal, str]:
    """Nulls first; numbers by size; texts without case. Dates sort as text, all having one form."""
    if value is None:
        return (0, Decimal(0), "")
    if isinstance(value, int | Decimal):
        return (1, Decimal(value), "")
    return (1, Decimal(0), str(value).casefold())


def _narrowed(records: list[Record], table: Mapping[str, Field], text: str) -> list[Record]:
    if not text.strip():
        return records
    names: list[str] = []
    for given in text.split(","):
        name = _field_name(table, given.strip())
        if name is None:
            msg = f"The fields argument is invalid: {given.strip()}."
            raise QueryError(msg)
        names.append(name)
    return [{name: record[name] for name in names if name in record} for record in records]


def _field_name(table: Mapping[str, Field], given: str) -> str | None:
    return next((name for name in table if name.casefold() == given.casefold()), None)

"""Cin7 Omni's wire format, pure: requests to bytes, and bytes and a status to a value or a typed error.

Source of every rule, unless another is named: https://api.cin7.com/api/Help and, for what production
clients saw, the notes under "Not verified against a live account" in this folder's README.

Nothing here raises anything outside :mod:`hub.errors`, whatever the bytes.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from connectors.cin7_omni.failures import as_text, quote_body, raise_for_status, raise_unreadable, shorten
from connectors.cin7_omni.models import read_id, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hub.hookspecs import HttpReply

MAX_BATCH = 250
"""Most records of one POST, and most rows of one page (``Batch limit is 250.``)."""
MAX_QUERY = 1_990
"""Longest query string sent. Cin7 names no limit; servers of its family stop at 2,048 characters."""

_NUMBER_LIMIT = 40
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


# --- requests -----------------------------------------------------------------------------------------


def authorization(username: str, api_key: str) -> str:
    """The value of the Authorization header (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{api_key}".encode()).decode("ascii")


def text_literal(text: str) -> str:
    """A string in a ``where`` clause. Doubling the quote is inferred; results are checked again anyway."""
    return "'" + text.replace("'", "''") + "'"


def date_literal(when: datetime) -> str:
    """A date in a ``where`` clause: quoted, whole ISO form, UTC; a bare date is answered 400."""
    return f"'{format_date(when)}'"


def format_date(when: datetime) -> str:
    """``yyyy-MM-ddTHH:mm:ssZ``, with milliseconds where the time has them."""
    utc = when.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds") + "Z"


def list_query(*, where: str = "", order: str = "", page: int = 1, rows: int = MAX_BATCH) -> str:
    """The query string of a list call, percent-encoded."""
    parts = []
    if where:
        parts.append("where=" + quote(where, safe=""))
    if order:
        parts.append("order=" + quote(order, safe=""))
    if page > 1:
        parts.append(f"page={page}")
    parts.append(f"rows={rows}")
    return "&".join(parts)


def fits(condition: str) -> bool:
    """Whether a condition can be asked at all: with a longer query string every call is answered 404."""
    return len(quote(condition, safe="")) <= MAX_QUERY - len(list_query(page=99)) - len("where=&")


def any_of(conditions: Iterable[str]) -> list[str]:
    """Joins conditions with ``OR`` into as few ``where`` clauses as fit the query string.

    Repeated conditions are asked once. A condition too long to fit by itself still gets its own clause.
    """
    clauses: list[str] = []
    current: list[str] = []
    room = MAX_QUERY - len(list_query(page=99))  # with a page number, so that following pages fit too
    for condition in dict.fromkeys(conditions):
        if current and len(quote(" OR ".join([*current, condition]), safe="")) + len("where=&") > room:
            clauses.append(" OR ".join(current))
            current = []
        current.append(condition)
    if current:
        clauses.append(" OR ".join(current))
    return clauses


def ids_in(ids: Iterable[int]) -> list[tuple[str, tuple[int, ...]]]:
    """``id IN (1,2)`` clauses with the ids each asks for.

    Each stands alone in its call: beside another predicate Cin7 drops it silently.
    """
    groups: list[list[int]] = [[]]
    room = MAX_QUERY - len(list_query(page=99)) - len("where=&")
    for each in dict.fromkeys(ids):
        grown = [*groups[-1], each]
        if len(grown) > MAX_BATCH or len(quote(_ids_clause(grown), safe="")) > room:
            groups.append([each])
        else:
            groups[-1] = grown
    return [(_ids_clause(group), tuple(group)) for group in groups if group]


def _ids_clause(ids: Sequence[int]) -> str:
    return f"id IN ({','.join(str(each) for each in ids)})"


def batch_body(requests: Sequence[str]) -> bytes:
    """The body of a POST: the frozen records as they are, in one array. A bare object is answered 400."""
    return ("[" + ",".join(requests) + "]").encode()


# --- replies ------------------------------------------------------------------------------------------


class RecordVerdict(StrEnum):
    """What one record of a batch came to."""

    CREATED = "created"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordResult:
    """The answer for one record of a batch.

    Attributes:
        note_id: Cin7's id; None unless created.
        reason: their words when refused, ours when unclear; empty when created.
    """

    verdict: RecordVerdict
    note_id: int | None = None
    reason: str = ""


def read_list(reply: HttpReply, operation: str) -> list[dict[str, Any]]:
    """Rows of a list call.

    Args:
        reply: the whole answer.
        operation: what was asked, in Cin7's words; starts every error message.

    Raises:
        AuthError, RejectedError, RetriableError: see :func:`raise_for_status`; an unreadable answer to a
            read is worth asking again.
    """
    raise_for_status(reply, operation, is_write=False)
    value = _read_json(reply, operation, is_write=False)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise_unreadable(operation, "the answer is not a list of records", is_write=False)
    return value


def read_one(reply: HttpReply, operation: str) -> dict[str, Any] | None:
    """The record of a look by id; None when Cin7 has none of that id (404)."""
    if reply.status == 404:  # noqa: PLR2004 - HTTP's own number
        return None
    raise_for_status(reply, operation, is_write=False)
    value = _read_json(reply, operation, is_write=False)
    if not isinstance(value, dict):
        raise_unreadable(operation, "the answer is not a record", is_write=False)
    return value


def read_results(reply: HttpReply, references: Sequence[str], operation: str) -> list[RecordResult]:
    """What became of each record of a batch, in the order sent.

    Cin7 answers 200 with ``[{index, success, id, code, errors[]}]`` even when records failed. A result is
    believed only when its index is in its place in the order, stands there once, and a success carries
    our reference as ``code``; everything else is unclear and must be looked up.

    Args:
        reply: the whole answer.
        references: the reference of each record sent.
        operation: starts every error message.

    Raises:
        InDoubtError: nothing in the answer can be read.
        AuthError, RejectedError, RetriableError: see :func:`raise_for_status`.
    """
    raise_for_status(reply, operation, is_write=True)
    value = _read_json(reply, operation, is_write=True)
    if not isinstance(value, list):
        raise_unreadable(operation, "the answer is not a list of results", is_write=True)
    placed = _in_place([row for row in value if isinstance(row, dict)])
    return [_read_result(placed.get(index), reference) for index, reference in enumerate(references)]


def _in_place(rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Results by index, without those that stand twice or out of order."""
    indexed = [
        (row["index"], row)
        for row in rows
        if isinstance(row.get("index"), int) and not isinstance(row["index"], bool)
    ]
    numbers = [index for index, _ in indexed]
    placed = {}
    highest_before = -1
    lowest_after = _minima_from_right(numbers)
    for position, (index, row) in enumerate(indexed):
        if highest_before < index < lowest_after[position + 1]:
            placed[index] = row
        highest_before = max(highest_before, index)
    return placed


def _minima_from_right(numbers: list[int]) -> list[float]:
    minima = [float("inf")] * (len(numbers) + 1)
    for position in range(len(numbers) - 1, -1, -1):
        minima[position] = min(minima[position + 1], numbers[position])
    return minima


def _read_result(row: dict[str, Any] | None, reference: str) -> RecordResult:
    if row is None:
        return _unclear("Cin7 Omni gave no result for this record, or gave it out of order")
    code = read_text(row, "code")
    success = row.get("success")
    if success is True and code != reference:
        return _unclear(f"Cin7 Omni answered with the reference {shorten(str(code))!r}, not with ours")
    if success is False and code not in {None, reference}:
        return _unclear(f"Cin7 Omni refused the reference {shorten(str(code))!r}, which is not ours")
    if success is False:
        return RecordResult(verdict=RecordVerdict.REFUSED, reason=_their_errors(row.get("errors")))
    note_id = read_id(row, "id")
    if success is True and note_id is not None:
        return RecordResult(verdict=RecordVerdict.CREATED, note_id=note_id)
    return _unclear("Cin7 Omni's result says neither success with an id nor failure")


def _unclear(reason: str) -> RecordResult:
    return RecordResult(verdict=RecordVerdict.UNCLEAR, reason=reason)


def _their_errors(errors: object) -> str:
    if isinstance(errors, str):
        errors = [errors]
    texts = [as_text(each) for each in errors] if isinstance(errors, list) else []
    return shorten("; ".join(text for text in texts if text)) or "Cin7 Omni gave no reason"


def _read_json(reply: HttpReply, operation: str, *, is_write: bool) -> Any:
    if not reply.body.strip():
        raise_unreadable(operation, "the answer is empty", is_write=is_write)
    try:
        value = json.loads(
            reply.body.decode("utf-8-sig"),
            parse_float=_read_decimal,
            parse_int=_read_int,
            parse_constant=_refuse_constant,
        )
        return _storable(value) if b"\\u" in reply.body else value
    except (ValueError, RecursionError):  # bad UTF-8 and bad JSON are both ValueErrors
        why = f"the answer is not whole JSON: {quote_body(reply.body)}"
        raise_unreadable(operation, why, is_write=is_write)


def _storable(value: Any) -> Any:
    """Without NUL and halves of surrogate pairs, which no database takes; both come in as escapes only."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return value


def _read_decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _read_int(text: str) -> int | None:
    return int(text) if len(text) <= _NUMBER_LIMIT else None


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)

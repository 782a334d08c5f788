"""Bytes in, an event or a typed refusal out: the pure part of accepting an RMA.

What triggers is the RMA's state, never the event's name (returngo/REFERENCE.md: there is no approval event),
so any ``type`` is taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hub.errors import EventError
from hub.inbound.document import parse_rma
from hub.inbound.fields import MAX_ID_LENGTH, Field, Problems
from hub.inbound.strict_json import canonical, load, shown

if TYPE_CHECKING:
    from hub.rma import Rma

MAX_BYTES = 5 * 1024 * 1024
"""Size of an event that is read, in bytes. An RMA of 14 items has about 20,000."""

_KEYS_SHOWN = 10
_FIX = (
    'send the document of GET /rma/{id}, which has "rmaSummary", or the envelope '
    '{"type": "rma.approved", "timestamp": …, "data": {"rma": {that document}}}'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class IncomingEvent:
    """One event, readable and right.

    Attributes:
        type: what the envelope calls it, an open set; None for a bare document or when it does not say.
        timestamp: the envelope's; None for a bare document or when it does not say.
        rma: what it carries.
        digest: SHA-256 of ``text``, 64 hexadecimal digits: equal when two events carry the same document,
            whatever their order of keys, blanks or envelope.
        text: canonical JSON of the RMA document, to be stored; :func:`hub.inbound.strict_json.load` reads it
            back with every digit.
        document: the RMA document itself, unknown keys kept; numbers are ``int`` and ``Decimal``.
    """

    type: str | None
    timestamp: datetime | None
    rma: Rma
    digest: str
    text: str = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)


def read_event(raw: bytes, *, max_bytes: int = MAX_BYTES) -> IncomingEvent:
    """Reads a bare RMA document, recognised by ``rmaSummary``, or the envelope around one.

    Args:
        raw: the body or file as it came.
        max_bytes: more are refused unread.

    Raises:
        EventError: 413 too large; 400 not readable JSON; 422 not an RMA, or one with problems.
    """
    if len(raw) > max_bytes:
        raise EventError(
            "read the event",
            why=f"it has {len(raw):,} bytes, and at most {max_bytes:,} are read",
            fix="send one RMA at a time; many go in a file with one RMA on each line, to `hub rmas import`",
            status=413,
        )
    value = load(raw)
    if not isinstance(value, Mapping):
        raise _not_an_rma(f"it is {_kind(value)}, not an object")
    if "rmaSummary" in value:
        return _event(value, None, None)
    document = _enveloped(value)
    problems = Problems()
    envelope = Field(value, problems)
    kind, timestamp = _read_type(envelope.at("type")), _read_timestamp(envelope.at("timestamp"))
    if problems.count:
        raise EventError("read the event's envelope", fix=_FIX, problems=problems.sentences)
    return _event(document, kind, timestamp)


def _event(document: Mapping[str, Any], kind: str | None, timestamp: datetime | None) -> IncomingEvent:
    text = canonical(document)
    return IncomingEvent(
        type=kind,
        timestamp=timestamp,
        rma=parse_rma(document),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        document=document,
    )


def _enveloped(value: Mapping[str, Any]) -> Mapping[str, Any]:
    data = value.get("data")
    if "data" not in value:
        raise _not_an_rma(f"it has neither 'rmaSummary' nor 'data', but {_keys(value)}")
    if not isinstance(data, Mapping) or "rma" not in data:
        raise _not_an_rma(f"its 'data' has no 'rma', but {_keys(data)}")
    rma = data["rma"]
    if not isinstance(rma, Mapping) or "rmaSummary" not in rma:
        raise _not_an_rma(f"its 'data.rma' has no 'rmaSummary', but {_keys(rma)}")
    return rma


def _not_an_rma(why: str) -> EventError:
    return EventError("read the event", why=f"it is not an RMA: {why}", fix=_FIX)


def _kind(value: object) -> str:
    return shown(value) if isinstance(value, list) or value is None else "a single value"


def _keys(value: object) -> str:
    if not isinstance(value, Mapping):
        return f"is {_kind(value)}"
    if not value:
        return "no keys at all"
    names = [shown(key) for key in value]
    more = f" and {len(names) - _KEYS_SHOWN} more" if len(names) > _KEYS_SHOWN else ""
    return f"the keys {', '.join(names[:_KEYS_SHOWN])}{more}"


def _read_type(envelope_type: Field) -> str | None:
    if envelope_type.value is None:
        return None
    text = envelope_type.value
    if not isinstance(text, str) or len(text) > MAX_ID_LENGTH or not text.isprintable():
        envelope_type.refuse(f"is not a short, printable text ({shown(text)})")
        return None
    return text.strip() or None


def _read_timestamp(timestamp: Field) -> datetime | None:
    """ISO 8601, as Standard Webhooks has it in the body, or Unix seconds, as it has them in the header."""
    value = timestamp.value
    if value is None:
        return None
    moment = timestamp.moment()
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        try:
            moment = datetime.fromtimestamp(float(value), UTC)
        except (ValueError, OverflowError, OSError):
            moment = None
    if moment is None:
        timestamp.refuse(f"is not an ISO 8601 time or Unix seconds ({shown(value)})")
    return moment

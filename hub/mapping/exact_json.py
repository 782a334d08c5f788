"""JSON text in which a Decimal is a number with exactly its own digits, never a float."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def write_json(value: Any) -> str:
    """Writes compact JSON, keys in the order given.

    Args:
        value: mappings with text keys, sequences, text, whole numbers, finite Decimals, booleans, None and
            aware datetimes (written as ``yyyy-MM-ddTHH:mm:ssZ``, UTC, whole seconds).

    Raises:
        TypeError: anything else, floats included: money that was a float has lost its digits already.
        ValueError: a Decimal that is not finite.
    """
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(f"{_write_leaf(str(key))}:{write_json(each)}" for key, each in value.items()) + "}"
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(write_json(each) for each in value) + "]"
    return _write_leaf(value)


def _write_leaf(value: Any) -> str:
    if isinstance(value, str):
        # Half of a surrogate pair cannot be written as UTF-8; a platform may still send one.
        return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False)
    if value is None or isinstance(value, int):
        return json.dumps(value)
    if isinstance(value, Decimal):
        return _write_decimal(value)
    if isinstance(value, datetime):
        return f'"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"'
    msg = f"cannot write a {type(value).__name__} as JSON"
    raise TypeError(msg)


def _write_decimal(value: Decimal) -> str:
    if not value.is_finite():
        msg = f"cannot write {value} as a JSON number"
        raise ValueError(msg)
    return format(value, "f")

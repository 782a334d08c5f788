"""JSON with decimal numbers: amounts go out digit for digit as they are held. Pure."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def parse(text: str | bytes) -> Any:
    """Reads JSON; numbers with a point become Decimal. Raises ValueError for anything else."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(name: str) -> None:
    # Python reads NaN and Infinity, which JSON does not have.
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def dump(value: object) -> str:
    """Writes JSON; a Decimal becomes a plain number without exponent."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join([f"{_write(key)}:{dump(each)}" for key, each in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([dump(each) for each in value]) + "]"
    return _write(value) if isinstance(value, str) else json.dumps(value)


# json.dumps looks at all its options each time, which takes longer than to write a text.
_write = json.JSONEncoder().encode

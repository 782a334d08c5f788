"""JSON as money and identity need it: exact numbers, one value for each key, nothing outside RFC 8259.

The reader's numbers are ``int`` and :class:`~decimal.Decimal`, never ``float``: 0.1 stays 0.1.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from hub.errors import EventError

MAX_DEPTH = 64
"""Levels of nesting that are read. An RMA document has about six."""
MAX_NUMBER_LENGTH = 100
"""Characters of one number that are read; Python itself stops at 4,300 digits."""

# NUL cannot be stored as text by PostgreSQL; half a surrogate pair cannot be written as UTF-8 at all.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Only an escape can bring one in: UTF-8 has no half of a pair, and JSON no bare NUL.
_MAY_BE_UNSTORABLE = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)
_SHOWN_LENGTH = 60
_WORDS = {None: "null", True: "true", False: "false"}
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def shown(value: object) -> str:
    """A value as it may stand in a message: quoted, on one line, at most about 60 characters."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    text = repr(value[: _SHOWN_LENGTH + 1]) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def load(raw: bytes) -> object:
    """Reads one JSON value.

    Args:
        raw: UTF-8, with or without a byte order mark.

    Returns:
        ``dict``, ``list``, ``str``, ``int``, ``Decimal``, ``bool`` or None.

    Raises:
        EventError: status 400 when it cannot be read without guessing (empty, not UTF-8, not JSON, ``NaN``,
            a key twice in one object, nested too deep, an endless number); 422 when a text in it holds a
            character that cannot be stored.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(f"it is not UTF-8 text (byte {error.start + 1})", "send it as UTF-8")
    if not text.strip():
        _refuse("it is empty", "send the RMA document as the body")
    try:
        value: object = json.loads(
            text,
            parse_int=_whole,
            parse_float=_decimal,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        _refuse(f"it is not JSON ({place}: {error.msg.lower()})", "check it with a JSON validator")
    except RecursionError:
        _refuse_depth()
    _check_depth(value)
    if _MAY_BE_UNSTORABLE.search(text):
        _check_texts(value)
    return value


def canonical(value: object) -> str:
    """The one text for a JSON value: keys sorted, no blanks, every digit of a number kept.

    Two documents have the same text exactly when they say the same. Unlike RFC 8785 it does not pass numbers
    through binary floats, which would change amounts; so ``1.5`` and ``1.50`` differ.

    Args:
        value: as :func:`load` gives it; nested at most :data:`MAX_DEPTH` deep.

    Raises:
        TypeError: for anything :func:`load` never gives, floats among them.
    """
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int) or (isinstance(value, Decimal) and value.is_finite()):
        return str(value)
    if isinstance(value, dict | Mapping):
        return f"{{{','.join([f'{_quoted(key)}:{canonical(value[key])}' for key in sorted(value)])}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join([canonical(element) for element in value])}]"
    raise TypeError(f"no canonical JSON for {type(value).__name__} {shown(value)}")


def _refuse(why: str, fix: str) -> NoReturn:
    raise EventError("read the event", why=why, fix=fix, status=400)


def _refuse_depth() -> NoReturn:
    _refuse(
        f"it is nested more than {MAX_DEPTH} levels deep", "send the RMA document as the platform gives it"
    )


def _whole(text: str) -> int:
    _check_length(text)
    return int(text)


def _decimal(text: str) -> Decimal:
    _check_length(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        _refuse(f"the number {text} is beyond all bounds", "correct it and send the document again")


def _check_length(number: str) -> None:
    if len(number) > MAX_NUMBER_LENGTH:
        _refuse(f"a number in it has {len(number)} characters", "correct it and send the document again")


def _constant(name: str) -> NoReturn:
    _refuse(f"it holds {name}, which is not JSON", "write a number, or null")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        # Readers differ in which of the two they take, so an RMA could have two ids or two amounts.
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        _refuse(f"an object in it has the key {shown(twice)} twice", "leave one of them out")
    return members


def _check_depth(value: object) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH - 1):
        level = [
            each
            for node in level
            for each in (node.values() if isinstance(node, dict) else node)
            if isinstance(each, dict | list)
        ]
        if not level:
            return
    _refuse_depth()


def _check_texts(value: object) -> None:
    below = [value]
    while below:
        node = below.pop()
        if isinstance(node, dict):
            below += (*node, *node.values())
        elif isinstance(node, list):
            below += node
        elif isinstance(node, str) and (found := _UNSTORABLE.search(node)):
            start = max(0, found.start() - 20)
            raise EventError(
                "read the event",
                why=f"a text in it holds a character that cannot be stored ({shown(node[start:])})",
                fix="take NUL characters and halves of surrogate pairs out of it and send it again",
            )

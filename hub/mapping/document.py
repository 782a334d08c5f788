"""Reads the text of a mapping document, and says where in it something is wrong.

Stricter than JSON's usual readers: a key that stands twice, ``NaN`` and comments are refused with their
line and column, since a merchant edits this text by hand and half of it must not win silently.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NoReturn

from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_CHARACTERS = 65_536
"""Longest mapping document. One that names every field of a credit note has about 10,000 characters."""
MAX_DEPTH = 20
_LONGEST_NUMBER = 40

_FIX = "correct the mapping document there and try again"
_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[{}\[\]:,])|(?P<word>[^\s"{}\[\]:,]+)', re.DOTALL
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class MappingTextError(ConfigError):
    """The text of a mapping document cannot be read.

    Attributes:
        line, column: where, counted from 1.
    """

    def __init__(self, line: int, column: int, why: str) -> None:
        super().__init__(f"read mapping: line {line}, column {column}", why=why, fix=_FIX)
        self.line = line
        self.column = column


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    text: str
    kind: str
    start: int


def parse_mapping(text: str) -> dict[str, Any]:
    """Reads a mapping document.

    Args:
        text: JSON; a byte order mark in front is no harm. Blank text is an empty mapping.

    Returns:
        The object; numbers are ``int`` or :class:`~decimal.Decimal`, never ``float``.

    Raises:
        ConfigError: it is too long, not JSON, not an object, nested too deep, or holds a key twice,
            ``NaN``, an endless number or a character that cannot be stored. The message names line and
            column.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"read mapping: it has {len(text)} characters",
            why=f"at most {MAX_CHARACTERS} are read",
            fix="shorten the mapping document",
        )
    if not text.strip():
        return {}
    _check_tokens(text)
    try:
        value = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        _refuse(text, error.pos, _plain(error.msg))
    except (RecursionError, InvalidOperation, ValueError):
        _refuse(text, 0, "it cannot be read")
    if not isinstance(value, dict):
        _refuse(text, 0, "it is not an object: a mapping stands in { }")
    if _has_unstorable(value):
        _refuse(text, 0, "a text in it holds a character that cannot be stored")
    return value


def place_of(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Where in a mapping document a part of it stands.

    Args:
        text: a document that :func:`parse_mapping` reads.
        path: keys, and places in lists counted from 0; what is not found counts as its parent.

    Returns:
        Line and column, counted from 1.
    """
    text = text.removeprefix("\ufeff")
    wanted, found, deepest = list(path), 0, 0
    here: list[str | int] = []
    tokens = list(_tokens(text))
    for position, token in enumerate(tokens):
        if token.text in {"{", "["}:
            here.append("" if token.text == "{" else 0)
        elif token.text in {"}", "]"}:
            here.pop()
        elif token.text == "," and isinstance(here[-1], int):
            here[-1] += 1
        elif token.kind == "string" and _is_key(tokens, position):
            here[-1] = _unquote(text, token)
            if here == wanted[: len(here)] and len(here) > deepest:
                found, deepest = token.start, len(here)
    return _line_and_column(text, found)


def _check_tokens(text: str) -> None:
    """Finds what a usual JSON reader lets pass or names badly."""
    keys: list[set[str] | None] = []
    tokens = list(_tokens(text))
    for position, token in enumerate(tokens):
        if token.kind == "word":
            _check_word(text, token)
        elif token.text in "{[":
            keys.append(set() if token.text == "{" else None)
            if len(keys) > MAX_DEPTH:
                _refuse(text, token.start, f"it is nested more than {MAX_DEPTH} levels deep")
        elif token.text in "}]" and keys:
            keys.pop()
        elif token.kind == "string" and _is_key(tokens, position) and keys and keys[-1] is not None:
            key = _unquote(text, token)
            if key in keys[-1]:
                _refuse(text, token.start, f"the key {json.dumps(key, ensure_ascii=False)} stands twice")
            keys[-1].add(key)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        yield _Token(text=match[0], kind=str(match.lastgroup), start=match.start())


def _is_key(tokens: list[_Token], position: int) -> bool:
    return position + 1 < len(tokens) and tokens[position + 1].text == ":"


def _check_word(text: str, token: _Token) -> None:
    if token.text.startswith(("//", "/*", "#")):
        _refuse(text, token.start, "comments are not JSON")
    if token.text.lstrip("+-").lower() in {"nan", "infinity", "inf"}:
        _refuse(text, token.start, f"{token.text} is not JSON")
    if token.text.startswith("'"):
        _refuse(text, token.start, "text stands in double quotes")
    if len(token.text) > _LONGEST_NUMBER:
        _refuse(text, token.start, "a number is too long")


def _unquote(text: str, token: _Token) -> str:
    try:
        return str(json.loads(token.text))
    except ValueError:
        return _refuse(text, token.start, "the text is not written as JSON")


def _has_unstorable(value: object) -> bool:
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is not None
    if isinstance(value, dict):
        return any(_has_unstorable(each) for pair in value.items() for each in pair)
    return isinstance(value, list) and any(_has_unstorable(each) for each in value)


def _plain(message: str) -> str:
    if message.startswith("Extra data"):
        return "something stands behind the end of the object"
    return message[:1].lower() + message[1:]


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _refuse(text: str, position: int, why: str) -> NoReturn:
    line, column = _line_and_column(text, position)
    raise MappingTextError(line, column, why)

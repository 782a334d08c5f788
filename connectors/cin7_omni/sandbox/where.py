"""Cin7's ``where`` language: reads it, and tells which records it means. Pure.

Sources: https://api.cin7.com/api/Help (``= <> > < >= <= IS [NOT] LIKE IN AND OR`` over parent fields, texts
in single quotes); seen live: dates as quoted full ISO, a bare one is a 400; ``OR`` over texts and ``IN`` over
numbers work. Assumed: ``''`` stands for one quote, and texts compare without case, as the server family's
database does by default. The texts of the errors are unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.sandbox.fields import Field, FieldType, Record, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Value = str | Decimal | datetime | bool


class WhereError(Exception):
    """The expression cannot be read; its text is what the 400 says."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """One field compared with something.

    Attributes:
        operator: ``<> > < >= <= LIKE IN IS``, or ``NOT LIKE`` and ``IS NOT``; ``=`` is an ``IN`` of one.
        values: one, for ``IN`` one or more, for ``IS`` none (it is always NULL).
    """

    field: Field
    operator: str
    values: frozenset[Value] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """Several expressions, all (``AND``) or any (``OR``) of which must hold."""

    is_and: bool
    parts: tuple[Expression, ...]


Expression = Predicate | Group

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?)(?![\w-])
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<mark><>|<=|>=|[=<>(),])
    )""",
    re.VERBOSE,
)
_SCALARS = {FieldType.INTEGER, FieldType.DECIMAL, FieldType.STRING, FieldType.BOOLEAN, FieldType.DATETIME}
_COMPARISONS = {"<>": ne, ">": gt, "<": lt, ">=": ge, "<=": le}


def parse(text: str, table: Mapping[str, Field]) -> Expression:
    """Reads an expression over the parent fields of one kind of record.

    Raises:
        WhereError: it is not in the language, or names a field the record does not have.
    """
    parser = _Parser(list(_tokens(text)), table)
    expression = parser.any_of()
    if parser.peek() is not None:
        raise WhereError(_complaint(f"unexpected {parser.next()[1]}"))
    return expression


def as_cin7_reads(expression: Expression) -> Expression | None:
    """Drops every ``Id`` predicate that stands beside a ``ModifiedDate`` one: a trap seen live (L).

    Returns:
        None when nothing is left, which means every record.
    """
    if {"id", "modifiedDate"} <= set(_fields_of(expression)):
        return _without_id(expression)
    return expression


def matches(expression: Expression | None, record: Record) -> bool:
    """Tells whether a record is meant. A null matches ``IS NULL`` and nothing else."""
    if expression is None:
        return True
    if isinstance(expression, Group):
        join = all if expression.is_and else any
        return join(matches(part, record) for part in expression.parts)
    held = _comparable(expression.field, record.get(expression.field.name))
    if expression.operator == "IS":
        return held is None
    if expression.operator == "IS NOT":
        return held is not None
    return held is not None and _holds(expression, held)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        found = _TOKEN.match(stripped, position)
        if found is None or found.lastgroup is None:
            raise WhereError(_complaint(f"cannot read {stripped[position:].strip()[:20]}"))
        yield found.lastgroup, found.group(found.lastgroup)
        position = found.end()


def _complaint(detail: str) -> str:
    return f"The where argument is invalid: {detail}."


class _Parser:
    """Recursive descent over the tokens: OR binds weaker than AND."""

    def __init__(self, tokens: list[tuple[str, str]], table: Mapping[str, Field]) -> None:
        self._tokens = tokens
        self._at = 0
        self._fields = {name.casefold(): field for name, field in table.items()}

    def peek(self) -> str | None:
        """The next token in capitals; None at the end. A text keeps its quotes, so it is no keyword."""
        return self._tokens[self._at][1].upper() if self._at < len(self._tokens) else None

    def next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise WhereError(_complaint("it ends too early"))
        self._at += 1
        return self._tokens[self._at - 1]

    def takes(self, word: str) -> bool:
        if self.peek() != word:
            return False
        self._at += 1
        return True

    def expect(self, word: str) -> None:
        if not self.takes(word):
            raise WhereError(_complaint(f"{word} expected"))

    def any_of(self) -> Expression:
        parts = [self.all_of()]
        while self.takes("OR"):
            parts.append(self.all_of())
        parts = _gathered(parts)
        return parts[0] if len(parts) == 1 else Group(is_and=False, parts=tuple(parts))

    def all_of(self) -> Expression:
        parts = [self.single()]
        while self.takes("AND"):
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else Group(is_and=True, parts=tuple(parts))

    def single(self) -> Expression:
        if self.takes("("):
            inside = self.any_of()
            self.expect(")")
            return inside
        kind, name = self.next()
        field = self._fields.get(name.casefold())
        if kind != "word" or field is None or field.type not in _SCALARS:
            raise WhereError(_complaint(f"unknown field {name}"))
        return self.predicate(field)

    def predicate(self, field: Field) -> Predicate:
        if self.takes("IS"):
            operator = "IS NOT" if self.takes("NOT") else "IS"
            self.expect("NULL")
            return Predicate(field, operator)
        if self.takes("IN"):
            self.expect("(")
            values = [self.value(field)]
            while self.takes(","):
                values.append(self.value(field))
            self.expect(")")
            return Predicate(field, "IN", frozenset(values))
        operator = "NOT LIKE" if self.takes("NOT") else self.next()[1].upper()
        if operator == "NOT LIKE":
            self.expect("LIKE")
        elif operator != "LIKE" and operator not in {"=", *_COMPARISONS}:
            raise WhereError(_complaint(f"unknown operator {operator}"))
        if operator.endswith("LIKE") and field.type is not FieldType.STRING:
            raise WhereError(_complaint(f"{field.name} is no text"))
        return Predicate(field, "IN" if operator == "=" else operator, frozenset({self.value(field)}))

    def value(self, field: Field) -> Value:
        kind, token = self.next()
        value: Value | None = None
        if field.type is FieldType.STRING and kind == "text":
            value = token[1:-1].replace("''", "'").casefold()
        elif field.type is FieldType.DATETIME and kind == "text":
            value = parse_time(token[1:-1])
        elif field.type in {FieldType.INTEGER, FieldType.DECIMAL} and kind == "number":
            value = Decimal(token)
        elif field.type is FieldType.BOOLEAN and token.upper() in {"TRUE", "FALSE", "1", "0"}:
            value = token.upper() in {"TRUE", "1"}
        if value is None:
            raise WhereError(_complaint(f"{token} does not suit {field.name}"))
        return value


def _gathered(parts: list[Expression]) -> list[Expression]:
    """Alternatives with every ``IN`` of one field made one: asking for many names takes one look each row."""
    gathered: dict[str, Predicate] = {}
    others: list[Expression] = []
    for part in parts:
        if isinstance(part, Predicate) and part.operator == "IN":
            before = gathered.get(part.field.name)
            values = part.values | before.values if before else part.values
            gathered[part.field.name] = Predicate(part.field, "IN", values)
        else:
            others.append(part)
    return [*gathered.values(), *others]


def _fields_of(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Predicate):
        yield expression.field.name
    else:
        for part in expression.parts:
            yield from _fields_of(part)


def _without_id(expression: Expression) -> Expression | None:
    if isinstance(expression, Predicate):
        return None if expression.field.name == "id" else expression
    parts = tuple(part for part in map(_without_id, expression.parts) if part is not None)
    return Group(expression.is_and, parts) if parts else None


def _comparable(field: Field, held: Any) -> Value | None:
    """What a record holds, as something that compares with what :func:`parse` gave."""
    if held is None:
        return None
    if field.type is FieldType.DATETIME:
        return parse_time(held)
    if field.type is FieldType.STRING:
        return str(held).casefold()
    return held if field.type is FieldType.BOOLEAN else Decimal(held)


def _holds(predicate: Predicate, held: Any) -> bool:
    operator = predicate.operator
    if operator == "IN":
        return held in predicate.values
    wanted: Any = next(iter(predicate.values))
    if predicate.field.name == "modifiedDate" and operator == ">":
        operator = ">="  # seen live (L)
    if operator.endswith("LIKE"):
        is_like = _pattern(wanted).fullmatch(held) is not None
        return is_like != operator.startswith("NOT")
    return bool(_COMPARISONS[operator](held, wanted))


def _pattern(like: str) -> re.Pattern[str]:
    """``%`` stands for any run of characters, ``_`` for one."""
    marks = {"%": ".*", "_": "."}
    return re.compile("".join(marks.get(each, re.escape(each)) for each in like), re.DOTALL)

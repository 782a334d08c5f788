"""The values of a mapping document: how they are written, and what they come to for one return.

A value is a literal, ``{"function": "rma_id"}``, ``{"template": "Return {rma_id} for {order_name}"}`` or
``{"literal": …}``. A text that equals a function's name exactly is that function, in short; ``literal``
escapes it. In a template ``{{`` and ``}}`` stand for braces.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.mapping.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.hookspecs import Delivery

Scalar = str | int | Decimal | bool

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
WRAPPERS = ("function", "literal", "template")


class ValueNotationError(ValueError):
    """A value is not written in the notation; the message says why, for the person who wrote it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Literal:
    """A value that is the same for every return."""

    value: Scalar


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A function of the return."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """Text with functions in it.

    Attributes:
        pieces: plain texts and functions, in order.
    """

    pieces: tuple[str | Call, ...]


Value = Literal | Call | Template


@dataclass(frozen=True, kw_only=True, slots=True)
class Worked:
    """What a value came to.

    Attributes:
        value: None when it is empty, so that its field is left out.
        origin: where it came from, in words.
        empty: names of the functions that gave nothing.
    """

    value: Scalar | None
    origin: str
    empty: tuple[str, ...] = ()


def suggest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a near miss, else an empty text."""
    candidates = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), candidates, n=1, cutoff=0.6)
    return f"; did you mean {candidates[close[0]]!r}?" if close else ""


def read_value(raw: object) -> Value:
    """Reads one value of a mapping document.

    Raises:
        ValueNotationError: it is not written in the notation.
    """
    if isinstance(raw, dict):
        return _read_wrapped(raw)
    if isinstance(raw, str) and raw in FUNCTIONS:
        return Call(name=raw)
    return Literal(value=_scalar(raw))


def _read_wrapped(raw: dict[str, object]) -> Value:
    if len(raw) != 1 or next(iter(raw)) not in WRAPPERS:
        keys = ", ".join(sorted(map(str, raw))) or "nothing"
        msg = f"takes an object with one of function, template and literal, not with {keys}"
        raise ValueNotationError(msg)
    ((wrapper, value),) = raw.items()
    if wrapper == "literal":
        return Literal(value=_scalar(value))
    if not isinstance(value, str):
        msg = f"{wrapper} takes text"
        raise ValueNotationError(msg)
    return _call(value) if wrapper == "function" else _read_template(value)


def _scalar(raw: object) -> Scalar:
    if raw is None:
        msg = "is null; leave the field out instead"
        raise ValueNotationError(msg)
    if isinstance(raw, float):
        raw = Decimal(repr(raw))
    if isinstance(raw, Decimal) and not raw.is_finite():
        msg = "is not a finite number"
        raise ValueNotationError(msg)
    if isinstance(raw, str | int | Decimal):
        return raw
    msg = "takes one value, not a list"
    raise ValueNotationError(msg)


def _call(name: str) -> Call:
    if name not in FUNCTIONS:
        msg = f"there is no function {name!r}{suggest(name, FUNCTIONS)}"
        raise ValueNotationError(msg)
    return Call(name=name)


def _read_template(text: str) -> Template:
    pieces: list[str | Call] = []
    for match in _PIECE.finditer(text):
        piece = match[0]
        if match[1] is not None:
            pieces.append(_call(match[1].strip()))
        elif piece in {"{{", "}}"}:
            pieces.append(piece[0])
        elif piece in {"{", "}"}:
            msg = f"the template has a lone {piece!r}; write it twice to mean the character"
            raise ValueNotationError(msg)
        else:
            pieces.append(piece)
    return Template(pieces=tuple(pieces))


def work_out(value: Value, delivery: Delivery) -> Worked:
    """What a value comes to for one delivery.

    A template is empty when all its functions are; when only some are, they leave a gap and are named in
    ``empty``.
    """
    if isinstance(value, Literal):
        return Worked(value=value.value, origin="the mapping: a literal")
    if isinstance(value, Call):
        function = FUNCTIONS[value.name]
        text = function.read(delivery)
        return Worked(
            value=text,
            origin=f"the mapping: function {value.name}, from {function.source}",
            empty=(value.name,) if text is None else (),
        )
    calls = [piece for piece in value.pieces if isinstance(piece, Call)]
    results = {call.name: FUNCTIONS[call.name].read(delivery) for call in calls}
    empty = tuple(name for name, text in results.items() if text is None)
    filled = "".join(piece if isinstance(piece, str) else results[piece.name] or "" for piece in value.pieces)
    is_empty = bool(calls) and len(empty) == len(results)
    return Worked(value=None if is_empty else filled, origin="the mapping: a template", empty=empty)

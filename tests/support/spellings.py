"""Spellings in which a remote may quote a secret, and a search that knows nothing of the hub's own."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOSTILE = '/+=&<"'
"""What each spelling writes in another way; keys made up for tests are full of it."""


def _each(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form % ord(each) for each in text)


def _json(text: str) -> str:
    return json.dumps(text)[1:-1].replace("/", r"\/")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _basic(text: str) -> str:
    return _base64(f"somebody:{text}")


def _percent(text: str) -> str:
    return quote(text, safe="")


def _in_lower_case(text: str) -> str:
    return re.sub("%..", lambda match: match[0].lower(), _percent(text))


def _mixed(text: str) -> str:
    """Each hostile character in another way."""
    ways = {"/": r"\/", "+": r"\u002B", "=": "%3d", "&": "&amp;", "<": "&#x3c;", '"': r"\""}
    return "".join(ways.get(each, each) for each in text)


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "JSON": _json,
    "JSON, lower case": _each(r"\u%04x"),
    "JSON, upper case": _each(r"\u%04X"),
    "JSON in JSON": lambda text: _json(_json(text)),
    "HTML": html.escape,
    "HTML, by name": lambda text: html.escape(text).translate({47: "&sol;", 43: "&plus;", 61: "&equals;"}),
    "HTML, decimal": _each("&#%d;"),
    "HTML, hexadecimal": _each("&#x%x;"),
    "HTML, upper case": _each("&#X%04X;"),
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "percent": _percent,
    "percent, lower case": _in_lower_case,
    "percent, all of it": lambda text: "".join(f"%{each:02x}" for each in text.encode()),
    "percent twice": lambda text: _percent(_percent(text)),
    "percent three times": lambda text: _percent(_percent(_percent(text))),
    "a form": quote_plus,
    "HTML of percent": lambda text: html.escape(_percent(text)),
    "percent of HTML": lambda text: _percent(html.escape(text)),
    "JSON of HTML": lambda text: _json(html.escape(text)),
    "percent of JSON": lambda text: _percent(_json(text)),
    "Python": lambda text: repr(text.encode())[2:-1],
    "bytes": lambda text: "".join(rf"\x{each:02x}" for each in text.encode()),
    "CSV": lambda text: text.replace('"', '""'),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex().upper(),
    "hexadecimal, in pairs": lambda text: text.encode().hex(":"),
    "base64": _base64,
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Basic": _basic,
    "Basic, one on": lambda text: _base64(f"x{text}"),
    "Basic, two on": lambda text: _base64(f"xy{text}:z"),
    "Basic in JSON": lambda text: _json(_basic(text)),
    "Basic in percent": lambda text: _percent(_basic(text)),
    "base64 in lines": lambda text: re.sub("(.{8})", "\\1\r\n", _basic(text)),
    "base64 of JSON": lambda text: _base64(json.dumps({"key": text})),
    "base64 of HTML": lambda text: _base64(f"<p>{html.escape(text)}</p>"),
    "hexadecimal of a form": lambda text: quote_plus(text).encode().hex(),
    "mixed": _mixed,
}


def holds(text: str, secret: str) -> bool:
    """Tells whether a text holds a secret in a spelling that somebody could undo."""
    pieces = {secret, secret.encode().hex()}
    for form in (secret, html.escape(secret), json.dumps(secret)[1:-1], quote(secret), quote_plus(secret)):
        for shift in range(3):
            piece = base64.b64encode(b"\0" * shift + form.encode()).decode().rstrip("=")
            # Characters at either end mix in the neighbours' bits.
            pieces |= {piece[(0, 2, 3)[shift] : -1]}
        pieces.add(form.encode().hex())
    return any(piece.casefold() in each.casefold() for each in _undone(text) for piece in pieces)


def _undone(text: str) -> set[str]:
    """A text and what comes of undoing any one kind of escape, again and again."""
    seen, new = set[str](), {text}
    while new and len(seen) < 400:
        seen |= new
        new = {undo(each) for each in new for undo in _UNDO} - seen
    return seen


_UNDO: tuple[Callable[[str], str], ...] = (
    html.unescape,
    lambda text: unquote_to_bytes(text).decode(errors="replace"),
    lambda text: re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text),
    lambda text: re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text),
    lambda text: re.sub(r"\\(.)", r"\1", text),
    lambda text: text.replace('""', '"'),
    lambda text: text.translate(dict.fromkeys(map(ord, "\r\n:"))),
    lambda text: text.replace("-", "+").replace("_", "/"),
)

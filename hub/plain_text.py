r"""Texts of others on a terminal, in a log or in a file: what would steer a program is shown instead. Pure.

A return's, an ERP's or a person's text may hold what clears a terminal or colours it, moves its cursor,
forges a line of a log, or turns the direction of what follows. All of it is written as Python writes it, like
``\x1b``. HTML pages need none of this: there the templates see to it.
"""

from __future__ import annotations

import re

_STEERING = (
    "\x00-\x1f\x7f-\x9f"  # control characters, C0 and C1
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # of no width, many of them turn the direction
    "\u2028\u2029"  # ends of a line
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # annotations and tags, which are not seen
    "\ud800-\udfff"  # halves of characters, which no file takes
)
_ANYWHERE = re.compile(f"[{_STEERING}]")
_IN_A_LINE = re.compile(f"(?!\n)[{_STEERING}]")
_IN_JSON = re.compile(f"(?![\t\n\r])[{_STEERING}]")
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_BEHIND_SEMICOLON = re.compile(f";(?=[ ]*{_FORMULA.pattern})")


def visible(text: str) -> str:
    """A text as one line that steers nothing."""
    return _ANYWHERE.sub(_written, text)


def visible_lines(text: str) -> str:
    """The same for a text of our own making that has several lines, such as a traceback."""
    return _IN_A_LINE.sub(_written, text)


def visible_json(text: str) -> str:
    """A JSON text that steers nothing, and means what it meant."""
    return _IN_JSON.sub(_written_in_json, text)


def cell(text: str) -> str:
    """A text for a cell of CSV: on one line, and no spreadsheet takes it for a formula.

    After https://owasp.org/www-community/attacks/CSV_Injection, with the signs of full width (U+FF1D, FF0B,
    FF0D, FF20). Where the comma is a decimal point a semicolon ends a cell, whatever the file says.
    """
    quoted = _BEHIND_SEMICOLON.sub(";'", text)
    return visible(f"'{quoted}" if _FORMULA.match(quoted.lstrip(" ")) else quoted)


def _written(match: re.Match[str]) -> str:
    # As Python writes a text, so `\n` for the end of a line.
    return ascii(match[0])[1:-1]


def _written_in_json(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number > 0xFFFF:  # noqa: PLR2004 - JSON writes what lies beyond as two halves
        number -= 0x10000
        return f"\\u{0xD800 | number >> 10:04x}\\u{0xDC00 | number & 0x3FF:04x}"
    return f"\\u{number:04x}"

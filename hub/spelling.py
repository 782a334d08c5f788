r"""Undoes the spellings in which a text may be quoted, layer by layer. Pure.

An ERP that quotes a request back writes ``a/b+c`` as ``a\/b\u002Bc`` in JSON, as ``a/b&#43;c`` in a page and
as ``a%2Fb%2Bc`` in an address, and mixes them. Each layer undoes every escape once; what is found in a layer
is traced back to where it stands in the text itself.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Span = tuple[int, int]
"""Where a part begins and where it ends, in bytes."""

MOST_LAYERS = 8
"""Nobody who reads an answer undoes more."""

_ESCAPES = rb"""
  (?<=%)  (?: (?:25)+(?:%(?:25)+)* | u[0-9A-Fa-f]{4} | [0-9A-Fa-f]{2} )
| (?<=\\) (?: \\(?:\\\\)*
           | u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}
           | u[0-9A-Fa-f]{4} | u\{[0-9A-Fa-f]{1,6}\} | U[0-9A-Fa-f]{8}
           | x[0-9A-Fa-f]{2} | [0-3][0-7]{2} | [abefnrtv] | [^\\0-9A-Za-z\x80-\xff] )
| (?<=&)  (?: (?:amp;)+ | \#[0-9]{1,7} | \#[xX][0-9A-Fa-f]{1,6} | [A-Za-z][A-Za-z0-9]{1,31} ) ;?
"""
"""Of what itself begins an escape, a whole run is one: whoever nests spellings writes long ones."""
_LETTERS = dict(zip(b"abefnrtv", b"\a\b\x1b\f\n\r\t\v", strict=True))
_TWO_HALVES = len(rb"\ud83d\ude00")
"""A character beyond the first 65,536 is written as two halves."""


def escapes(doubled: Iterable[str] = ()) -> re.Pattern[bytes]:
    """What counts as an escape.

    Args:
        doubled: characters that CSV and SQL write twice where they mean one. Only those that matter: two
            quotes are an empty text in JSON as well.
    """
    twice = "".join(doubled).encode()
    # A class of characters in front lets the search skip to the next of them.
    again = [b"(?<=%c)%c" % (each, each) for each in twice]
    return re.compile(b"[%%\\\\&%b](?:%b)" % (twice, b"|".join([_ESCAPES, *again])), re.VERBOSE)


def layers(text: bytes, escape: re.Pattern[bytes]) -> Iterator[bytes]:
    """A text with its escapes undone once, twice and so on, until nothing is left to undo."""
    for _ in range(MOST_LAYERS):
        undone = _undo(text, escape)
        if undone == text:
            return
        yield undone
        text = undone


def places(text: bytes, find: Callable[[bytes], Iterable[Span]], escape: re.Pattern[bytes]) -> Iterator[Span]:
    """Where something stands in a text, in whichever spelling; an escape is part of a place or not, whole.

    Args:
        text: UTF-8, or anything.
        find: gives the places in one layer.
        escape: see :func:`escapes`.
    """
    yield from find(text)
    above = [text]
    for layer in layers(text, escape):
        found = list(find(layer))
        for each in reversed(above) if found else ():
            found = _traced_back(found, each, escape)
        yield from found
        above.append(layer)


def _undo(text: bytes, escape: re.Pattern[bytes]) -> bytes:
    known = _Known()
    return escape.sub(lambda match: known[match[0]], text)


class _Known(dict[bytes, bytes]):
    """Escapes and what they stand for: a text has many, and few different ones."""

    def __missing__(self, token: bytes) -> bytes:
        self[token] = _meaning(token)
        return self[token]


def _meaning(token: bytes) -> bytes:
    """What an escape stands for, in UTF-8; the escape itself when that is nothing."""
    kind, rest = token[:1], token[1:]
    if kind == b"&":
        return _entity(token.decode()) or token
    if kind == b"%" and rest[:1] != b"u":
        return b"%" * token.count(b"%") if rest.startswith(b"25") else bytes.fromhex(rest.decode())
    if kind not in {b"\\", b"%"}:
        return kind  # written twice
    letter = rest[:1]
    if letter == b"\\":
        return b"\\" * (len(token) // 2)
    if len(token) == _TWO_HALVES and letter == b"u":
        halves = int(token[2:6], 16), int(token[8:12], 16)
        return _character(0x10000 + ((halves[0] & 0x3FF) << 10 | halves[1] & 0x3FF)) or token
    if letter in b"uU":
        return _character(int(rest[1:].strip(b"{}"), 16)) or token
    if letter == b"x":
        return bytes.fromhex(rest[1:].decode())
    if len(rest) > 1:
        return bytes([int(rest, 8)])
    return bytes([_LETTERS.get(rest[0], rest[0])])


def _entity(token: str) -> bytes:
    name = token[1:].removesuffix(";")
    if name.startswith("#"):
        # As XML has it. HTML takes some numbers for others, which no secret holds.
        return _character(int(name[1:]) if name[1] not in "xX" else int(f"0{name[1:]}", 0))
    return b"&" if token.startswith("&amp;") else html.unescape(token).encode()


def _character(number: int) -> bytes:
    """Half of a surrogate pair by itself is written down as well; nothing when there is no such character."""
    return chr(number).encode(errors="surrogatepass") if number <= 0x10FFFF else b""  # noqa: PLR2004 - Unicode's last


def _traced_back(found: Iterable[Span], above: bytes, escape: re.Pattern[bytes]) -> list[Span]:
    """Places in the layer below a text, as places in the text."""
    # Where each escape's meaning begins and ends below, and where the escape itself does.
    below_starts, below_ends, starts, ends = [0], [0], [0], [0]
    for token in escape.finditer(above):
        begins = below_ends[-1] + token.start() - ends[-1]
        below_starts.append(begins)
        below_ends.append(begins + len(_meaning(token[0])))
        starts.append(token.start())
        ends.append(token.end())

    def trace(position: int) -> Span:
        """The byte, or the whole escape, that the byte below comes from."""
        nearest = bisect_right(below_starts, position) - 1
        if position < below_ends[nearest]:
            return starts[nearest], ends[nearest]
        at = ends[nearest] + position - below_ends[nearest]
        return at, at + 1

    return [(trace(first)[0], trace(last - 1)[1]) for first, last in found]

"""What is searched for in a text, to find some secrets. Pure.

Each search is of one layer of a text, as :mod:`hub.spelling` undoes it. What no layer undoes is searched for
as it would be written: base64 and hexadecimal, also of the usual escaped forms.
"""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from hub.spelling import escapes, layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.spelling import Span

SHORTEST_SECRET = 3
"""Shorter texts are no secrets, and hiding them would make everything unreadable."""
SHORTEST_ANYWHERE = 8
"""Shorter secrets are hidden where they stand as a word by themselves, and never in what a program reads:
hiding them inside other words would change records and wipe out ordinary text."""
SHORTEST_PIECE = 4
"""Fewer characters of base64 are found in ordinary text by chance."""
SHORTEST_CUT_OFF = 6
"""So much of a secret's beginning, where a text breaks off, is taken for the secret."""

_HALF_AN_ESCAPE = re.compile(rb"(?:\\+(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)?|%[0-9A-Fa-f]?|&[#\w]{0,30})\Z")
_LONGEST_ESCAPE = 32
_DOTS = ("…".encode(), b"...")


class Needles:
    """What is searched for, for some secrets.

    Args:
        secrets: texts; key bytes, which are searched for in hexadecimal and in base64 only.

    Attributes:
        escape: what counts as an escape in texts that may hold them.
    """

    def __init__(self, secrets: Iterable[str | bytes]) -> None:
        secrets = list(secrets)
        texts = [each for each in secrets if isinstance(each, str) and len(each) >= SHORTEST_SECRET]
        long = [each for each in texts if len(each) >= SHORTEST_ANYWHERE]
        keys = [each for each in secrets if isinstance(each, bytes) and len(each) >= SHORTEST_ANYWHERE]
        short = [each for each in texts if len(each) < SHORTEST_ANYWHERE]
        self.escape = escapes(each for each in "\"'" if any(each in text for text in texts))
        self._plain = _longest_first(each.lower() for each in self._plain_forms(long))
        self._longest = max(map(len, self._plain), default=0)
        self._hex = _longest_first(each.hex().encode() for each in [*_forms(long), *keys])
        self._base64 = _longest_first(piece for each in [*_forms(long), *keys] for piece in _pieces(each))
        self._words = _longest_first(each for form in _forms(short) for each in (form, form.hex().encode()))
        short_pieces = (piece for form in _forms(short) for piece in _pieces(form))
        self._short_base64 = _longest_first(each for each in short_pieces if len(each) >= SHORTEST_PIECE)

    def _plain_forms(self, secrets: Iterable[str]) -> Iterator[bytes]:
        for raw in _raw(secrets):
            yield raw
            # A text is undone until nothing is left to undo, and a secret may look like an escape itself.
            yield from (each for each in layers(raw, self.escape) if len(each) >= SHORTEST_ANYWHERE)

    def anywhere(self, layer: bytes) -> Iterator[Span]:
        """Secrets that are long enough to be hidden in what a program reads."""
        folded = _folded(layer)
        # Some remotes quote in capitals, and many keys mean the same in them.
        yield from _all_of(self._plain, folded.lower())
        yield from _all_of(self._base64, folded)
        # Base64 breaks its lines, and hexadecimal is written in pairs: 61:62:63.
        yield from _skipping(self._base64, folded, b"\r\n")
        yield from _skipping(self._hex, layer.lower(), b" \t\r\n:,-")

    def in_prose(self, layer: bytes) -> Iterator[Span]:
        """Secrets that are hidden in what people read."""
        yield from self.anywhere(layer)
        folded = _folded(layer)
        yield from _all_of(self._short_base64, folded)
        yield from (each for each in _all_of(self._words, folded) if _is_word(folded, *each))
        yield from self._cut_off(folded.lower())

    def _cut_off(self, folded: bytes) -> Iterator[Span]:
        """The beginning of a secret at the end of a text, or before the dots where it was cut short."""
        ends = [start for start, _ in _all_of(_DOTS, folded)]
        for end in [*ends, len(folded)]:
            begin = max(0, end - self._longest - _LONGEST_ESCAPE)
            rest = _HALF_AN_ESCAPE.sub(b"", folded[begin:end])
            for needle in self._plain:
                at = rest.find(needle[:SHORTEST_CUT_OFF])
                while at >= 0 and not needle.startswith(rest[at:]):
                    at = rest.find(needle[:SHORTEST_CUT_OFF], at + 1)
                if at >= 0:
                    yield begin + at, end


def _raw(secrets: Iterable[str]) -> Iterator[bytes]:
    """Secrets as bytes: in UTF-8, and in the one letter, one byte of old systems where it has all letters."""
    for each in secrets:
        yield each.encode(errors="surrogatepass")
        if not each.isascii() and max(each) <= "\xff":
            yield each.encode("latin-1")


def _forms(secrets: Iterable[str]) -> set[bytes]:
    """What may have been turned into base64 or hexadecimal: a secret, or a text that holds it escaped."""
    spelled = set[str]()
    for each in secrets:
        # Halves of surrogate pairs have no UTF-8, so they stand in no address.
        address = each.encode(errors="replace")
        dumped = json.dumps(each)[1:-1]
        spelled |= {
            each,
            dumped,
            dumped.replace("/", r"\/"),
            html.escape(each),
            html.escape(each, quote=False),
        }
        spelled |= {quote(address), quote(address, safe=""), quote_plus(address)}
    return {each for each in _raw(spelled) if each}


def _pieces(raw: bytes) -> Iterator[bytes]:
    """A text in base64, at each of the three places at which it may begin within a group of four."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        # The first and the last characters mix in the neighbours' bits.
        piece = text[(0, 2, 3)[shift] : -1]
        yield piece
        yield piece.replace(b"+", b"-").replace(b"/", b"_")


def _longest_first(found: Iterable[bytes]) -> tuple[bytes, ...]:
    folded = {_folded(each) for each in found}
    return tuple(sorted(folded - {b""}, key=lambda each: (-len(each), each)))


def _folded(text: bytes) -> bytes:
    """Forms in addresses write a blank as a plus."""
    return text.replace(b"+", b" ")


def _all_of(needles: Iterable[bytes], text: bytes) -> Iterator[Span]:
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = text.find(needle, at + len(needle))


def _skipping(needles: tuple[bytes, ...], text: bytes, skipped: bytes) -> Iterator[Span]:
    """Where needles stand when some characters do not count."""
    joined = text.translate(None, skipped)
    found = list(_all_of(needles, joined))
    if not found:
        return
    where = [at for at, each in enumerate(text) if each not in skipped]
    yield from ((where[start], where[end - 1] + 1) for start, end in found)


def _is_word(text: bytes, start: int, end: int) -> bool:
    """Whether what stands there is not a part of a longer word."""
    before, after = text[max(0, start - 1) : start + 1], text[end - 1 : end + 1]
    return not any(len(pair) == 2 and _joins(pair[0]) and _joins(pair[1]) for pair in (before, after))  # noqa: PLR2004


def _joins(byte: int) -> bool:
    return byte >= 0x80 or bytes([byte]).isalnum() or byte == ord("_")  # noqa: PLR2004 - a part of a letter

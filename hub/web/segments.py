"""Names and ids as parts of a path: whatever they are made of, a link with one leads back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_MARK = "\u00ad"
"""Comes after what browsers take out of every path, however it is encoded. No name and no id has it in it,
since it cannot be printed."""
_MARKED = {f"{dots}{_MARK}": dots for dots in (".", "..")}


def segment(text: str) -> str:
    """A name or an id as one part of a path, to be read with :func:`unmark`."""
    return quote(f"{text}{_MARK}" if f"{text}{_MARK}" in _MARKED else text, safe="")


def unmark(found: MutableMapping[str, str]) -> None:
    """Gives the parts of a path, which a route has found, as they were given to :func:`segment`."""
    for name, text in found.items():
        found[name] = _MARKED.get(text, text)

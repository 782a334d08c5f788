"""Two versions of a text side by side. Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A line of each text, as they belong together.

    Attributes:
        old, new: the lines; None where there is none.
        old_number, new_number: counted from 1; None where there is no line.
    """

    old: str | None
    new: str | None
    old_number: int | None
    new_number: int | None

    @property
    def is_changed(self) -> bool:
        """True when the two lines differ."""
        return self.old != self.new


def side_by_side(old: str, new: str) -> list[Pair]:
    """Every line of both texts, in order."""
    return list(_pairs(old.splitlines(), new.splitlines()))


def _pairs(old: list[str], new: list[str]) -> Iterator[Pair]:
    for _, a1, a2, b1, b2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for a, b in zip_longest(range(a1, a2), range(b1, b2)):
            yield Pair(
                old=None if a is None else old[a],
                new=None if b is None else new[b],
                old_number=None if a is None else a + 1,
                new_number=None if b is None else b + 1,
            )

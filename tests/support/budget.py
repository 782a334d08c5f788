"""What a test may cost: ``tests/budget.toml``, read and held against what tests did cost."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """A larger share, for tests that are worth it.

    Attributes:
        test: of a test, of all cases of one, or of all in a file or folder: what its id begins with.
        share: in loops.
        reason: why it cannot be had for less.
    """

    test: str
    share: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a test may cost, in loops of :class:`tests.support.processor.Calibration`.

    Attributes:
        share: of a test that is not named.
        exemptions: those that are named; the longest name that fits a test counts.
    """

    share: float
    exemptions: tuple[Exemption, ...]

    @classmethod
    def read(cls, file: Path) -> Budget:
        """Reads it.

        Raises:
            ValueError: an exemption has no reason, or is none.
        """
        given = tomllib.loads(file.read_text(encoding="utf-8"))
        budget = cls(
            share=given["share"],
            exemptions=tuple(Exemption(**each) for each in given.get("exemption", ())),
        )
        for each in budget.exemptions:
            if not each.reason.strip():
                raise ValueError(f"{file.name}: {each.test} may cost more, and no reason stands beside it")
            if each.share <= budget.share:
                raise ValueError(f"{file.name}: {each.test} may cost what every test may")
        return budget

    def share_of(self, test: str) -> float:
        """What a test may cost."""
        fitting = [each for each in self.exemptions if test.startswith(each.test)]
        return max(fitting, key=lambda each: len(each.test)).share if fitting else self.share

    def exceeded(self, costs: Mapping[str, float]) -> dict[str, float]:
        """The tests that cost more than their share → that share."""
        shares = {test: self.share_of(test) for test in costs}
        return {test: share for test, share in shares.items() if costs[test] > share}

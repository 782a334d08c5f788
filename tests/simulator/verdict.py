"""What came of a seed, for people."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.drawing import draw

LINES_TOLD = 60


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a seed.

    Attributes:
        problems: broken promises, in plain sentences; empty when all is well.
        trace: what happened, in order.
        digest: of every effect of every process: two runs with the same one were the same run.
        documents: credit notes that the hub made.
    """

    seed: int
    problems: tuple[str, ...]
    trace: tuple[str, ...]
    digest: int
    documents: int


def report(verdict: Verdict) -> str:
    """What went wrong, the schedule, how it ended, and the command that plays it again."""
    return "\n".join(
        [
            f"seed {verdict.seed} broke a promise:",
            *(f"  {problem}" for problem in verdict.problems),
            str(draw(verdict.seed)),
            f"the last of {len(verdict.trace)} lines:",
            *verdict.trace[-LINES_TOLD:],
            f"to see it all again: make simulate SEED={verdict.seed}",
        ]
    )

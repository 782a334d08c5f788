"""`make simulate`: any number of seeds, or one again with all that happened in it."""

from __future__ import annotations

import sys
import time

from tests.simulator.schedule import draw
from tests.simulator.world import live


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    first, count = int(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    bad = 0
    for seed in range(first, first + count):
        verdict = live(draw(seed))
        if verdict.problems or count == 1:
            bad += bool(verdict.problems)
            say(f"seed {seed}: {verdict.problems}")
            if count == 1:
                say(draw(seed))
                say("\n".join(verdict.trace))
                say(f"{verdict.digest} {verdict.problems}")
    took = time.perf_counter() - began
    say(f"{count} seeds, {bad} bad, {took:.1f} s, {count / took:.1f}/s")

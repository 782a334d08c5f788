"""`make simulate`: any number of seeds; one again, with all that happened in it; or those that show a bug."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from tests.simulator.broken import VARIANTS
from tests.simulator.drawing import draw
from tests.simulator.running import live, simulate
from tests.simulator.store import origin
from tests.simulator.verdict import report

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_ONCE = 50
SHOWN = 2
"""So many seeds that show a broken hub are looked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="this one only, told in full")
    parser.add_argument(
        "--broken", choices=[each.name for each in VARIANTS], help="which seeds show this broken hub"
    )
    parser.add_argument("--digests", action="store_true", help="print what tells two runs apart")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        return _one(given.seed)
    if given.broken is not None:
        return _show(given.broken, given.first)
    seeds = range(given.first, given.first + given.seeds)
    if given.digests:
        for seed in seeds:
            _say(f"{seed} {live(draw(seed)).digest:08x}")
        return 0
    return _many(seeds)


def _one(seed: int) -> int:
    verdict = live(draw(seed))
    _say(str(draw(seed)))
    for line in verdict.trace:
        _say(line)
    _say(f"seed {seed}: {verdict.documents} notes, digest {verdict.digest:08x}")
    _say("\n".join(verdict.problems) or "every promise held")
    return int(bool(verdict.problems))


def _show(name: str, first: int) -> int:
    """Tells seeds that show a broken hub, and how long each takes: a quick one is the best to name."""
    variant = next(each for each in VARIANTS if each.name == name)
    concerned = (seed for seed in itertools.count(first) if variant.concerns(draw(seed)))
    origin().renew()
    found = 0
    with variant.breaks():
        while found < SHOWN:
            seed = next(concerned)
            began = time.process_time()
            if variant.sign in str(live(draw(seed)).problems):
                _say(f"seed {seed} shows {name}, in {time.process_time() - began:.2f} s")
                found += 1
    return 0


def _many(seeds: range) -> int:
    began, done, bad = time.monotonic(), 0, 0
    chunks = [seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for chunk, verdicts in zip(chunks, pool.map(simulate, chunks), strict=True):
            done += len(chunk)
            bad += len(verdicts)
            for verdict in verdicts:
                _say(report(verdict))
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{done} of {len(seeds)} seeds, {bad} broke a promise")
    took = time.monotonic() - began
    _say(f"\n{len(seeds)} seeds in {took:.0f} s ({len(seeds) / took:.1f} a second), {bad} broke a promise")
    return int(bool(bad))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: every figure beside its floor or peer in the same run; a table, and JSON in results/."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import sys
import time
from typing import TYPE_CHECKING

import structlog

from benchmarks.figures import circumstances, show, write

if TYPE_CHECKING:
    from benchmarks.figures import Figure

QUICK = ("starting", "accept", "first_byte", "polling", "backlog", "workers")
"""Modules of this package; each has ``async def run() -> list[Figure]``."""
LARGE = ("pages",)
"""Those that need a million rows, which are made once and kept outside the repository."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--large", action="store_true", help="the figures at a million returns")
    parser.add_argument("only", nargs="*", help=f"some of: {', '.join((*QUICK, *LARGE))}")
    given = parser.parse_args()
    names = given.only or (LARGE if given.large else QUICK)
    where = circumstances()
    figures: list[Figure] = []
    for name in names:
        began = time.monotonic()
        # What runs in this process would log a line for each return. Commands that ran in it reset this.
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        figures += asyncio.run(importlib.import_module(f"benchmarks.{name}").run())
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    show(figures)
    if not given.only:
        file = write("large" if given.large else "bench", figures, where)
        print(f"written to {file.relative_to(file.parents[2])}")
    unmet = [each.what for each in figures if each.is_met is False]
    print(f"{len(unmet)} of {len(figures)} figures miss their target" if unmet else "every target is met")


if __name__ == "__main__":
    main()

"""Processor time: of this process and of all that it started, and of a loop that tells machines apart."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections import defaultdict, deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS_IN_S = os.sysconf("SC_CLK_TCK")
CALIBRATED_FOR_S = 5.0
KEPT_LOOPS = 5
_PROC = Path("/proc")


def processor_s() -> float:
    """Seconds of processor time that this process and everything it started have used.

    A process that still runs is found in ``/proc``; where there is none, it counts only once it has ended.
    A server that lives on without the one who started it is not counted: see :func:`processor_s_of`.
    """
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    return used + sum(map(processor_s_of, _children(os.getpid())))


def processor_s_of(process_id: int) -> float:
    """The same of another process; 0 when it has ended."""
    try:
        fields = (_PROC / str(process_id) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    # The four after its state and what precedes them: its own time, and that of its ended children.
    used = sum(map(int, fields[11:15])) / TICKS_IN_S
    return used + sum(map(processor_s_of, _children(process_id)))


def _children(process_id: int) -> list[int]:
    """Those that run; a child is its thread's."""
    found = []
    for place in (_PROC / str(process_id) / "task").glob("*/children"):
        try:
            found += place.read_text(encoding="utf-8").split()
        except OSError:  # the thread has ended
            continue
    return [int(each) for each in found]


class Meter:
    """What was used so far, also by processes whose time nobody took over when they ended."""

    def __init__(self) -> None:
        self._total = self._last = processor_s()
        self.shared: defaultdict[str, float] = defaultdict(float)

    def read(self) -> float:
        """Processor seconds of this process and all it started, without what was shared."""
        now = processor_s()
        # Where a browser ends before its helpers, their time is in nobody's sum any more.
        self._total += max(0.0, now - self._last)
        self._last = now
        return self._total - sum(self.shared.values())

    def add(self, seconds: float) -> None:
        """Adds what a process used that this one did not start itself."""
        self._total += seconds

    @contextmanager
    def share(self, name: str) -> Iterator[None]:
        """What the block makes is for many tests, so that the one it is made for first does not pay for it.

        A block within it keeps what is its own.
        """
        began = self.read()
        try:
            yield
        finally:
            self.shared[name] += self.read() - began


METER = Meter()
"""This process's."""


class Calibration:
    """How long a fixed piece of work takes here and now, in processor seconds.

    A test's cost is told in such loops: on a slow machine, or beside others that share its caches, the loop
    takes longer too.
    """

    def __init__(self) -> None:
        self._loops: deque[float] = deque(maxlen=KEPT_LOOPS)
        self._measured_at = -CALIBRATED_FOR_S

    def loop_s(self) -> float:
        """The middle one of the last few; measures one more when the last is some seconds old."""
        if time.monotonic() - self._measured_at >= CALIBRATED_FOR_S:
            began = time.thread_time()
            run_loop()
            self._loops.append(time.thread_time() - began)
            self._measured_at = time.monotonic()
        return statistics.median(self._loops)


def run_loop() -> int:
    """The work: what Python code mostly does, which is to build, look up and sort small things."""
    seen: dict[str, int] = {}
    for number in range(60_000):
        name = f"SKU-{number % 997:03}"
        seen[name] = seen.get(name, 0) + (number ^ len(name)) % 7
    return len(sorted(seen, key=lambda name: (seen[name], name)))

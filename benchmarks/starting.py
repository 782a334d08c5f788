"""How soon `hub serve` answers, what memory it takes when idle, and how soon `hub --help` is printed."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from tests.support.processes import REPOSITORY, Home

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STARTS = 5
HELPS = 9
IDLE_S = 5.0
MOST_S = 1.0
MOST_MB = 120.0
MOST_HELP_MS = 250.0
HUB = (sys.executable, "-m", "cli")
MB = 2**20


async def run() -> list[Figure]:
    """Measures all of them; in a thread, since a command wants an event loop of its own."""
    return await asyncio.to_thread(measure)


def measure() -> list[Figure]:
    """The three figures."""
    with tempfile.TemporaryDirectory(prefix="returns-hub-bench-") as folder:
        home = Home(Path(folder))
        home.spawn("init")  # this also writes the bytecode, which an installed package has
        starts = []
        for number in range(STARTS):
            with started(home) as (took_s, process):
                starts.append(took_s)
                if number == STARTS - 1:
                    time.sleep(IDLE_S)
                    memory_mb = used_mb(process.pid)
    help_ms = took_ms([*HUB, "--help"])
    bare_ms = took_ms([sys.executable, "-c", "pass"])
    start_s = statistics.median(starts)
    return [
        Figure(
            what="start of hub serve to ready",
            value=start_s,
            unit="s",
            target=f"≤ {MOST_S:g} s",
            is_met=start_s <= MOST_S,
            note=f"median of {STARTS}; ready is when the line is printed and /readyz has answered 200",
        ),
        Figure(
            what="idle memory of hub serve",
            value=memory_mb,
            unit="MB",
            target=f"≤ {MOST_MB:g} MB",
            is_met=memory_mb <= MOST_MB,
            note=f"PSS of the process, {IDLE_S:g} s after its start",
        ),
        Figure(
            what="hub --help",
            value=help_ms,
            unit="ms",
            beside="python -c pass",
            beside_value=bare_ms,
            target=f"≤ {MOST_HELP_MS:g} ms",
            is_met=help_ms <= MOST_HELP_MS,
            note=f"median of {HELPS}",
        ),
    ]


@contextmanager
def started(home: Home) -> Iterator[tuple[float, subprocess.Popen[bytes]]]:
    """`hub serve` for the block, and how many seconds it took until it was ready."""
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own command
        [*HUB, "serve", "--port=0", "--json"],
        cwd=REPOSITORY,
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            printed = b""
            while not printed.endswith(b"}\n"):
                printed += (process.stdout.readline() if process.stdout else b"") or _ended()
            # Raises unless it is 200.
            urllib.request.urlopen(f"{json.loads(printed)['url']}/readyz", timeout=10).close()  # noqa: S310
            yield time.perf_counter() - began, process
        finally:
            process.terminate()


def _ended() -> bytes:
    raise SystemExit("hub serve ended before it was ready")


def used_mb(pid: int) -> float:
    """The process's share of memory (PSS): pages shared with others count in part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    (used_kb,) = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    return used_kb * 1024 / MB


def took_ms(command: Sequence[str]) -> float:
    """The median time of running a command to its end, once it has run before."""
    took = []
    for _ in range(HELPS + 1):
        began = time.perf_counter()
        subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took[1:])

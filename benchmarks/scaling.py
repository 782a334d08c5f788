"""Thousands of connections and a million open documents: `python -m benchmarks.scaling`.

The scheduler, the store and the engine are the hub's own; the ERP and the time are simulated. For each size
it measures a sweep, then how fast polls go when all are due at once, as after an outage, then how late they
come when they are due evenly. Rows are made once and kept in the machine's folder for temporary files.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks import scaling_erp, scaling_rows
from benchmarks.figures import RESULTS, circumstances
from benchmarks.places import place
from benchmarks.processor import postmaster
from benchmarks.scaling_load import INTERVAL, OPEN_FOR_HOURS, Stage, all_due, evenly, sweeps, syncs_per_s
from hub.core import open_hub
from hub.engine.jobs import make_job_tables
from hub.store.database import client
from tests.support.postgres import own_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.scaling_load import Found
    from hub.environment import Environment

KEPT = Path(tempfile.gettempdir()) / "returns-hub-scaling"


@dataclass(frozen=True, slots=True)
class Size:
    """How much, and who works on it."""

    connections: int
    documents: int
    workers: int = 1
    is_sqlite: bool = False

    @property
    def title(self) -> str:
        """For people."""
        who = "SQLite" if self.is_sqlite else f"{self.workers} worker" + "s" * (self.workers > 1)
        return f"{self.connections:,} connections, {self.documents:,} documents, {who}"


SIZES = (
    Size(100, 10_000, is_sqlite=True),
    Size(1_000, 100_000, is_sqlite=True),
    Size(100, 10_000),
    Size(1_000, 100_000),
    Size(10_000, 1_000_000),
    Size(10_000, 1_000_000, workers=2),
)
STEADY_SHARE = 0.6
"""Of what was possible when all were due, so much is asked for when polls come evenly."""
_spawned = multiprocessing.get_context("spawn")


@contextlib.contextmanager
def erp(time_file: Path, connections: int, documents: int) -> Iterator[tuple[int, int]]:
    """The ERP for the block: its port and its process."""
    ready = _spawned.Queue()
    notes = documents // connections
    given = (time_file, notes, notes / OPEN_FOR_HOURS / 3_600, ready)
    process = _spawned.Process(target=scaling_erp.serve, args=given)
    process.start()
    try:
        yield ready.get(timeout=30), process.pid or 0
    finally:
        process.terminate()
        process.join()


async def measure(where: Environment, server_pid: int | None, size: Size, seconds: float) -> Found:
    """All figures of one size."""
    time_file = KEPT / "time"
    time_file.unlink(missing_ok=True)
    simulated = scaling_erp.SharedTime(time_file)
    with erp(time_file, size.connections, size.documents) as (port, erp_pid):
        await scaling_rows.aim(where, port)
        stage = Stage(
            environment=where,
            time_file=time_file,
            time=simulated,
            connections=size.connections,
            documents=size.documents,
            server_pid=server_pid,
            erp_pid=erp_pid,
        )
        found: Found = {"syncs_per_s": syncs_per_s(KEPT)}
        async with open_hub(where, clock=simulated.clock) as hub:
            if server_pid is not None:
                await make_job_tables(where)
                rows = await client().execute_query_dict(
                    "SELECT pg_database_size(current_database()) AS size"
                )
                found |= {"database_mb": rows[0]["size"] / 2**20} | await sweeps(stage, hub)
            found |= await all_due(stage, hub, size.workers)
            # At what speed of time this size asks for its share of what is possible.
            speed = STEADY_SHARE * found["polls_per_s"] * INTERVAL.total_seconds() / size.connections
            found |= {"speed": speed} | await evenly(stage, hub, size.workers, speed, seconds)
    return found


def run(size: Size, seconds: float) -> Found:
    """Measures one size on rows of its own."""
    if size.is_sqlite:
        file = KEPT / "run.db"
        asyncio.run(scaling_rows.kept_file(file, size.connections, size.documents))
        return asyncio.run(measure(place(KEPT, f"sqlite:///{file}"), None, size, seconds))
    with own_postgres(is_durable=True, folder=KEPT) as server:
        kept = scaling_rows.kept_database(KEPT, server.url, size.connections, size.documents)
        url = asyncio.run(kept)
        return asyncio.run(measure(place(KEPT, url), postmaster(server.url), size, seconds))


def show(results: Sequence[tuple[Size, Found]]) -> None:
    """Prints a line for each figure and a column for each size."""
    table = Table("", *(size.title for size, _ in results))
    for name in dict.fromkeys(name for _, found in results for name in found):
        table.add_row(name, *(f"{found[name]:,.4g}" if name in found else "" for _, found in results))
    Console(width=None if os.isatty(1) else 150).print(table)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--connections", type=int, help="one size alone; default: several")
    parser.add_argument("--documents", type=int, help="open ones, of all connections; default: 100 for each")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sqlite", action="store_true", help="one process on a SQLite file")
    parser.add_argument("--seconds", type=float, default=60, help="to watch polls that come evenly")
    given = parser.parse_args()
    sizes: Sequence[Size] = SIZES
    if given.connections:
        documents = given.documents or given.connections * 100
        sizes = (Size(given.connections, documents, given.workers, is_sqlite=given.sqlite),)
    KEPT.mkdir(exist_ok=True)
    where, results = circumstances(), []
    for size in sizes:
        began = time.monotonic()
        print(f"{size.title} …", end=" ", file=sys.stderr, flush=True)
        results.append((size, run(size, given.seconds)))
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    show(results)
    if not given.connections:
        file = RESULTS / "scaling.json"
        file.parent.mkdir(exist_ok=True)
        text = json.dumps(
            {"where": where, "sizes": [asdict(size) | found for size, found in results]}, indent=1
        )
        file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

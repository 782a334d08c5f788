"""One polling cycle over 10,000 open credit notes, of which 0, 300 and 5,000 have changed.

Beside it dlt, reading the same sandbox's changes incrementally through its REST source. The sandbox is a
process of its own and has no quota, so that time is work and not waiting.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.copied_returns import copy_returns, varied
from benchmarks.figures import Figure
from benchmarks.jumping_time import JumpingTime
from benchmarks.places import place
from connectors.cin7_omni.polling import ORDER, Cursor, write_cursor
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.dispatch.http import client_session
from hub.dispatch.work import poll_now
from hub.outcomes import Status, ValidationState, Verdict
from hub.store import bulk
from hub.store.database import in_transaction
from hub.store.models import Connection, Delivery, Rma, RmaItem
from hub.testing.serving import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection as Pipe

    from hub.core import Hub

OPEN = 10_000
CHANGED = (0, 300, 5_000)
PAGE = 250
MADE_AGO, CHANGED_AGO = timedelta(days=3), timedelta(days=2)
NOTE = (
    "dlt writes what it read to files (append, JSON lines, nothing unnested: the least it can do); the hub "
    "deals the goods to the RMAs' items, tells the story and commits it with the cursor (SQLite, FULL). "
    "About half of its processor time is reading the stored RMAs, to tell alike units from unlike ones"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycle:
    """What one cycle took: HTTP calls, seconds of processor time in the reader's process, seconds."""

    calls: int
    cpu_s: float
    wall_s: float


# --- the sandbox, a process of its own ------------------------------------------------------------------


class Remote:
    """Asks the sandbox's process to do what a warehouse does."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()

    def ask(self, what: str, *given: Any) -> Any:
        """Calls a method of the account."""
        self._pipe.send((what, given))
        return self._pipe.recv()


@contextmanager
def sandbox_process() -> Iterator[Remote]:
    """The sandbox for the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield Remote(ours)
    finally:
        ours.send(("end", ()))
        process.join()


def _serve(pipe: Pipe) -> None:
    asyncio.run(_Account(pipe).serve())


class _Account:
    """Its clock goes on by one second with each note that is made or received."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._now = datetime.now(UTC) - MADE_AGO
        self._sandbox = Cin7Sandbox(7, lambda: self._now, quota=())

    async def serve(self) -> None:
        async with SandboxServer(self._sandbox) as server:
            self._pipe.send(server.url)
            while True:
                what, given = await asyncio.to_thread(self._pipe.recv)
                if what == "end":
                    return
                self._pipe.send(getattr(self, what)(*given))

    def enter(self, notes: list[tuple[str, Mapping[str, int]]]) -> list[str]:
        """Makes notes of a name and units of SKUs; gives their ids."""
        ids = []
        for reference, units in notes:
            made = self._sandbox.enter(reference, {sku: Decimal(count) for sku, count in units.items()})
            ids.append(str(made["id"]))
            self._now += timedelta(seconds=1)
        self._now = datetime.now(UTC) - CHANGED_AGO
        return ids

    def receive(self, ids: list[str]) -> None:
        for each in ids:
            self._sandbox.receive(each)
            self._now += timedelta(seconds=1)

    def calls(self) -> int:
        return len(self._sandbox.calls())


# --- the hub --------------------------------------------------------------------------------------------


async def store_open(hub: Hub, remote: Remote) -> tuple[str, list[str]]:
    """Makes the notes and the rows of returns that were credited with them; gives connection and note ids."""
    values = {"base_url": f"{remote.url}/api", "username": "sandbox", "api_key": "sandbox-key"}
    connection = await copy_returns(hub, values, varied(), OPEN)
    units: dict[int, Counter[str]] = {}
    for rma, sku in await RmaItem.filter(is_credited=True).values_list("rma_id", "sku"):
        units.setdefault(rma, Counter())[sku] += 1
    waiting = await Delivery.filter(status=Status.PENDING).select_related("rma").order_by("id")
    names = [f"RMA {row.rma.rma_id}" for row in waiting]
    ids = remote.ask("enter", [(name, units[row.rma_id]) for name, row in zip(names, waiting, strict=True)])
    now = hub.clock.now()
    for row, name, note in zip(waiting, names, ids, strict=True):
        row.status, row.verdict, row.next_attempt_at = Status.DONE, Verdict.CREATED, None
        row.document_id, row.document_reference, row.reference = note, name, name
        row.attempts, row.is_open, row.seen_at = 1, True, now
    fields = ["status", "verdict", "next_attempt_at", "document_id", "document_reference", "reference"]
    async with in_transaction():
        await bulk.update(waiting, [*fields, "attempts", "is_open", "seen_at"])
    since = (now - CHANGED_AGO).replace(microsecond=0) - timedelta(minutes=1)
    cursor = write_cursor(Cursor(since=since, floor=since))
    await Connection.filter(id=connection).update(poll_cursor=cursor)
    return connection, ids


async def hub_cycle(hub: Hub, simulated: JumpingTime, connection: str, remote: Remote, changed: int) -> Cycle:
    """One cycle, which must bring what changed onto the items; the hub's waits for the quota are jumped."""
    calls, before = remote.ask("calls"), await Rma.filter(validation=ValidationState.FULL).count()
    async with client_session() as http:
        cpu, began = time.process_time(), time.monotonic()
        cycle = asyncio.create_task(poll_now(hub, http, connection, owner="bench"))
        simulated.workers.add(cycle)
        report = await cycle
        simulated.workers.remove(cycle)
        cpu_s, wall_s = time.process_time() - cpu, time.monotonic() - began
    after = await Rma.filter(validation=ValidationState.FULL).count()
    if len(report.rmas) != changed or after - before != changed:
        msg = f"{changed} notes changed, and the poll brought {len(report.rmas)}, {after - before} in full"
        raise AssertionError(msg)
    return Cycle(calls=remote.ask("calls") - calls, cpu_s=cpu_s, wall_s=wall_s)


# --- dlt, a process of its own --------------------------------------------------------------------------


def dlt_cycle(url: str, folder: str, since: str) -> tuple[float, float, int]:
    """Runs dlt's REST source once, in its worker's process. Gives processor seconds, seconds and rows."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    import dlt  # noqa: PLC0415 - only in its own process, and not counted
    from dlt.sources.rest_api import rest_api_source  # noqa: PLC0415

    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=f"{folder}/state",
        destination=dlt.destinations.filesystem(f"file://{folder}/files"),
        dataset_name="cin7",
    )
    cpu, began = time.process_time(), time.monotonic()
    source = rest_api_source({
        "client": {
            "base_url": f"{url}/api/v1/",
            "auth": {"type": "http_basic", "username": "sandbox", "password": "sandbox-key"},
            "paginator": {"type": "page_number", "base_page": 1, "total_path": None},
        },
        "resources": [{
            "name": "notes",
            "max_table_nesting": 0,
            "write_disposition": "append",
            "endpoint": {
                "path": "CreditNotes",
                "data_selector": "$",
                "params": {
                    "where": "ModifiedDate>='{incremental.start_value}'", "order": ORDER, "rows": PAGE,
                },
                "incremental": {"cursor_path": "modifiedDate", "initial_value": since},
            },
        }],
    })  # fmt: skip
    pipeline.run(source, loader_file_format="jsonl")
    info = pipeline.last_trace.last_normalize_info if pipeline.last_trace else None
    rows = info.row_counts.get("notes", 0) if info else 0
    return time.process_time() - cpu, time.monotonic() - began, rows


async def run() -> list[Figure]:
    """See the module."""
    figures: list[Figure] = []
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox_process() as remote,
        ProcessPoolExecutor(1, mp_context=context) as peer,
    ):
        simulated = JumpingTime()
        async with open_hub(place(Path(folder)), should_migrate=True, clock=simulated.clock) as hub:
            ticking = asyncio.create_task(simulated.run())
            connection, ids = await store_open(hub, remote)
            since = (datetime.now(UTC) - CHANGED_AGO - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            loop = asyncio.get_running_loop()
            # The first run makes its state and its folders, and imports itself.
            await loop.run_in_executor(peer, dlt_cycle, remote.url, folder, since)
            for changed in CHANGED:
                some, ids = ids[:changed], ids[changed:]
                remote.ask("receive", some)
                ours = await hub_cycle(hub, simulated, connection, remote, changed)
                before = remote.ask("calls")
                cpu_s, wall_s, rows = await loop.run_in_executor(peer, dlt_cycle, remote.url, folder, since)
                theirs = Cycle(calls=remote.ask("calls") - before, cpu_s=cpu_s, wall_s=wall_s)
                if rows != changed:
                    msg = f"{changed} notes changed, and dlt read {rows}"
                    raise AssertionError(msg)
                figures += _figures(changed, ours, theirs)
            ticking.cancel()
    return figures


def _figures(changed: int, ours: Cycle, theirs: Cycle) -> list[Figure]:
    what, most = f"poll of {OPEN:,} open notes, {changed:,} changed", math.ceil(changed / PAGE) + 1
    calls = Figure(
        what=f"{what}: calls", value=ours.calls, unit="calls", beside="dlt", beside_value=theirs.calls,
        target=f"≤ {most}", is_met=ours.calls <= most,
    )  # fmt: skip
    cpu = Figure(
        what=f"{what}: processor", value=ours.cpu_s, unit="s", beside="dlt", beside_value=theirs.cpu_s,
        target="less than dlt", is_met=ours.cpu_s < theirs.cpu_s,
    )  # fmt: skip
    wall = Figure(
        what=f"{what}: time", value=ours.wall_s, unit="s", beside="dlt", beside_value=theirs.wall_s,
        target="less than dlt", is_met=ours.wall_s < theirs.wall_s,
        note=NOTE if changed == CHANGED[-1] else "",
    )  # fmt: skip
    return [calls, cpu, wall]

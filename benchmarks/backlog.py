"""10,000 approved RMAs wait for one connection with Cin7's real quota: calls, time to drain, answers 429.

The quota is waited for on a simulated clock: it runs like the wall's, and jumps whenever all who work sleep.
So work takes the time it takes here, and a minute of waiting takes none.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import web

from benchmarks.copied_returns import copy_returns, sell, varied
from benchmarks.figures import Figure
from benchmarks.jumping_time import JumpingTime
from benchmarks.places import place
from connectors.cin7_omni.marker import marked_rma
from connectors.cin7_omni.plugin import config_schema
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.dispatch.http import client_session
from hub.dispatch.quota import earliest
from hub.dispatch.work import work
from hub.outcomes import Status
from hub.store.models import Delivery
from hub.testing.serving import SandboxServer
from tests.support.postgres import own_postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from hub.clock import Clock
    from hub.environment import Environment

COUNT = 10_000
UP_WITHIN_S = 20.0
SLACK = 1.2
TOO_MANY = 429
THREE = "three hubs with pools of their own in one process, on one simulated clock"


class Remote(threading.Thread):
    """The sandbox, in a thread of its own so that its work is told from the hub's; it shares the clock.

    Attributes:
        url: where it answers.
        cpu_s: processor time of the thread; once it has ended.
        answering_s: time from a call's arrival to its answer, all calls together.
    """

    def __init__(self, sandbox: Cin7Sandbox) -> None:
        super().__init__(daemon=True)
        self.sandbox = sandbox
        self.url = ""
        self.cpu_s = 0.0
        self.answering_s = 0.0
        self._is_up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()

    def run(self) -> None:
        """Serves until the block ends."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        @web.middleware
        async def timed(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            began = time.monotonic()
            answer = await handler(request)
            self.answering_s += time.monotonic() - began
            return answer

        server = SandboxServer(self.sandbox)
        self.sandbox.app.middlewares.append(timed)
        async with server:
            self.url = server.url
            self._is_up.set()
            await self._end.wait()
        self.cpu_s = time.thread_time()

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        if not self._is_up.wait(UP_WITHIN_S):
            msg = "the sandbox did not start"
            raise AssertionError(msg)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self._loop.call_soon_threadsafe(self._end.set)
        self.join()


@dataclass(frozen=True, kw_only=True, slots=True)
class Drained:
    """What draining took.

    Attributes:
        calls: all that the ERP was sent.
        refused: those answered 429.
        drained_s: simulated seconds from the first look at the rows to the last outcome.
        answering_s: how long the ERP took to answer, all calls together.
        cpu_s: of the hub, without the sandbox and without the database's server.
    """

    calls: int
    refused: int
    drained_s: float
    answering_s: float
    cpu_s: float

    @property
    def floor_s(self) -> float:
        """The longer of the quota's time and the ERP's."""
        return max(quota_time(self.calls), self.answering_s)


async def _worker(environment: Environment, clock: Clock, connection_id: str, owner: str) -> None:
    """Works like a process of its own, one batch at a time, until nothing waits."""
    async with open_hub(environment, clock=clock) as hub, client_session() as http:
        waiting = Delivery.filter(status__in=[Status.PENDING, Status.SENDING, Status.IN_DOUBT])
        while await waiting.exists():
            is_ours = await work(hub, http, connection_id, owner=owner, most_batches=1)
            # Who was in turn lets another have a chance; who was not looks again when the next sweep would.
            await clock.sleep(0.01 if is_ours else 1.0)


async def drain(environment: Environment, *, settings: dict[str, str], workers: int) -> Drained:
    """Stores the returns, then measures until all are sent.

    Raises:
        AssertionError: not every return has exactly one credit note.
    """
    simulated = JumpingTime()
    with Remote(Cin7Sandbox(7, simulated.now)) as remote:
        sandbox = remote.sandbox
        async with open_hub(environment, should_migrate=True, clock=simulated.clock) as hub:
            values = {**sandbox.settings(remote.url), **sandbox.credentials, **settings}
            connection_id = await copy_returns(hub, values, varied(), COUNT)
            if settings["look_up_orders"] != "off":
                await sell(sandbox)
        cpu, began = time.process_time(), simulated.elapsed
        tasks = [
            asyncio.create_task(_worker(environment, simulated.clock, connection_id, f"worker {n}"))
            for n in range(workers)
        ]
        simulated.workers |= set(tasks)
        ticking = asyncio.create_task(simulated.run())
        await asyncio.gather(*tasks)
        drained_s, cpu_s = simulated.elapsed - began, time.process_time() - cpu
        ticking.cancel()
        credited = {marked_rma(each["raw"]["internalComments"]) for each in sandbox.documents()}
        if len(credited) != COUNT or len(sandbox.documents()) != COUNT:
            msg = f"{COUNT} returns waited, and {len(credited)} have {len(sandbox.documents())} credit notes"
            raise AssertionError(msg)
    calls = sandbox.calls()
    return Drained(
        calls=len(calls),
        refused=sum(1 for each in calls if each["status"] == TOO_MANY),
        drained_s=drained_s,
        answering_s=remote.answering_s,
        cpu_s=cpu_s - remote.cpu_s,
    )


def quota_time(calls: int) -> float:
    """Seconds from the first call to the last, when each goes out as early as the quota has it. Pure."""
    schema = config_schema()
    began = datetime(2026, 1, 1, tzinfo=UTC)
    made: list[datetime] = []
    for _ in range(calls):
        filling = [(w, made[-w.calls] if len(made) >= w.calls else None) for w in schema.quota]
        last = made[-1] if made else None
        made.append(earliest(last or began, filling, last, schema.spacing))
    return (made[-1] - made[0]).total_seconds()


async def run() -> list[Figure]:
    """See the module."""
    off = {"look_up_orders": "off", "check_double_credit": "off"}
    on = {"look_up_orders": "if_found", "check_double_credit": "off"}
    figures: list[Figure] = []
    for what, settings, most in (("look-ups off", off, 60), ("orders looked up", on, 300)):
        with tempfile.TemporaryDirectory() as folder:
            environment = place(Path(folder))
            figures += _figures(what, await drain(environment, settings=settings, workers=1), most)
    with tempfile.TemporaryDirectory() as folder, own_postgres(is_durable=True) as server:
        async with server.database() as url:
            environment = place(Path(folder), url)
            drained = await drain(environment, settings=on, workers=3)
            figures += _figures("orders looked up, 3 processes on PostgreSQL", drained, 300, note=THREE)
    return figures


def _figures(name: str, drained: Drained, most: int, note: str = "") -> list[Figure]:
    what = f"{COUNT:,} waiting, {name}"
    quota_s, floor_s = quota_time(drained.calls), drained.floor_s
    calls = Figure(
        what=f"{what}: calls", value=drained.calls, unit="calls",
        beside="one call per RMA", beside_value=COUNT,
        target=f"≤ {most}", is_met=drained.calls <= most,
        note=f"four calls per RMA would be {4 * COUNT:,}. {note}".strip(),
    )  # fmt: skip
    refused = Figure(
        what=f"{what}: answers 429", value=drained.refused, unit="answers", target="0",
        is_met=drained.refused == 0,
    )  # fmt: skip
    time_to_drain = Figure(
        what=f"{what}: time to drain", value=drained.drained_s, unit="s (simulated)",
        beside="quota or the ERP's answers, the longer", beside_value=floor_s,
        target=f"≤ {SLACK} times it", is_met=drained.drained_s <= SLACK * floor_s,
        note=(
            f"the quota alone takes {quota_s:.1f} s, the sandbox answered for {drained.answering_s:.1f} s; "
            f"with one call per RMA the quota takes {_hours(COUNT)}, with four {_hours(4 * COUNT)}; what is "
            "above the two is the hub's own work between calls"
        ),
    )  # fmt: skip
    cpu = Figure(
        what=f"{what}: processor time per 1,000", value=drained.cpu_s / COUNT * 1_000, unit="s",
        note="the hub's own process, in real seconds",
    )  # fmt: skip
    return [calls, refused, time_to_drain, cpu]


def _hours(calls: int) -> str:
    return f"{quota_time(calls) / 3_600:.0f} h"

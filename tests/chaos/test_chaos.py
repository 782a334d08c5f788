"""Everything that can happen to a PostgreSQL and its workers, while returns flow.

The short run is a part of every run of the tests. The long one is `make chaos`: it takes minutes and prints.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.chaos.chaos import end_backends, flowing, home_of, no_connection_left, own_database
from tests.integration.workers.fleet import freeze, open_fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.chaos import Stream

ERPS = 8
AT_ONCE = 600
ANSWER_S = 2.0
"""How long an ERP takes over two returns. So eight of them make eight notes a second at most, and only
while every one of them is worked on: the pace tells whether any connection is left alone."""
BACK_WITHIN_S = 30.0
WINDOW_S = 25.0
DRAINED_WITHIN_S = 400.0
SHARE = 0.95


async def test_a_crash_of_postgresql_and_no_connection_left(tmp_path: Path) -> None:
    async with (
        own_database() as (server, url),
        open_fleet(home_of(tmp_path), url, erps=3) as fleet,
    ):
        fleet.fault("slow:seconds=0.1,on=POST,times=all")
        await fleet.start([("serve", "--port", "0"), ("worker",), ("worker",)])
        async with flowing(fleet, returns=300, at_once=150, pause_s=0.02) as stream:
            await fleet.until(lambda: fleet.sent() > 30)
            await server.restart("immediate")
            await asyncio.sleep(2)
            async with no_connection_left(server):
                await asyncio.sleep(1)
            back_at = stream.now
        await fleet.until(fleet.is_done)
        took = stream.now - back_at
        print(f"all done {took:.1f} s after PostgreSQL had connections again")  # noqa: T201 - for people
        await fleet.check_one_each()


@pytest.mark.chaos
async def test_every_fault_while_two_thousand_returns_flow(tmp_path: Path) -> None:
    async with (
        own_database() as (server, url),
        open_fleet(home_of(tmp_path), url, erps=ERPS, connector="cin7_pairs") as fleet,
    ):
        fleet.fault(f"slow:seconds={ANSWER_S},on=POST,times=all")
        await fleet.serve()
        dying, frozen = await fleet.work(2)
        async with flowing(fleet, returns=2_000, at_once=AT_ONCE, pause_s=0.12) as stream:
            told = _Told(stream)
            # Taking in the first ones is work that there is not at the end.
            await fleet.until(lambda: len(fleet.submitted) > AT_ONCE)
            await told.quiet(WINDOW_S)
            await server.restart("fast")
            await told.after("PostgreSQL restarted, fast", 10)
            await server.restart("immediate")
            await told.after("PostgreSQL restarted, immediate", 10)
            await end_backends(server)
            await told.after("every backend ended", 8)
            async with no_connection_left(server):
                await asyncio.sleep(8)
            await told.after("no connection left for 8 s", 10)
            await dying.kill()
            await fleet.work()
            await told.after("a worker killed, another one started", 10)
            freeze(frozen, signal.SIGSTOP)
            await asyncio.sleep(25)
            freeze(frozen, signal.SIGCONT)
            await told.after("a worker stopped for 25 s, then resumed", BACK_WITHIN_S)
            await told.quiet(WINDOW_S)
            assert stream.fleet.sent() + 100 < len(fleet.submitted), (
                "the backlog ran dry: the pace says nothing"
            )
        await fleet.until(fleet.is_done, DRAINED_WITHIN_S)
        await fleet.check_one_each()
        verdicts = await fleet.rows("SELECT verdict, count(*) FROM delivery GROUP BY 1 ORDER BY 1")
        before, after = told.paces
        print(f"{len(fleet.submitted)} returns, one note each; {dict(verdicts)}")  # noqa: T201 - the point
        since = f"from {BACK_WITHIN_S:.0f} s after the last fault"
        # With more to do than processors it is other programs that set the pace.
        load = f"load {os.getloadavg()[2]:.1f} on {os.cpu_count()} processors"
        print(f"pace {before:.2f}/s before, {after:.2f}/s {since}; {load}")  # noqa: T201 - the point
        assert after >= SHARE * before, await fleet.told()


class _Told:
    """Prints what is seen of a run."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.paces: list[float] = []

    async def quiet(self, seconds: float) -> None:
        """Lets a time without faults pass, and measures it."""
        start = self._stream.now
        await asyncio.sleep(seconds)
        end = self._stream.now
        # The batch that every ERP is at now belongs to the measure.
        await asyncio.sleep(2 * ANSWER_S)
        self.paces.append(self._stream.pace(start, end))
        self._line("nothing", start, self.paces[-1])

    async def after(self, what: str, seconds: float) -> None:
        """Lets a time pass after a fault."""
        start = self._stream.now
        await asyncio.sleep(seconds)
        self._line(what, start, self._stream.pace(start, self._stream.now))

    def _line(self, what: str, start: float, pace: float) -> None:
        now = self._stream.now
        text = f"{start:5.0f} s  {what}: {pace:.2f} notes a second until {now:.0f} s"
        print(text, flush=True)  # noqa: T201 - the point of the run

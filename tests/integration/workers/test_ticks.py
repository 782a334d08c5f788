"""The sweep comes every second that passes, whoever sets the machine's clock."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import procrastinate.periodic
import pytest

from hub.engine.workers import running_worker
from hub.store.models import Connection
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.integration.workers.fleet import Fleet

HOUR = timedelta(hours=1)
MADE_WITHIN_S = 30.0
"""It is made within 5 s; the rest is for a busy machine. Before, a clock set back held it up for an hour."""
SWEEPS = 6


@dataclass
class WallClock:
    """What Procrastinate's periodic tasks read in place of :mod:`time`."""

    ahead_s: float = 0.0

    def time(self) -> float:
        return time.time() + self.ahead_s


def sweeps(caplog: pytest.LogCaptureFixture) -> int:
    """How many Procrastinate says that it began."""
    return sum("Starting job sweep[" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("ahead", [HOUR, -HOUR], ids=["ahead", "back"])
async def test_clock_that_is_set_neither_stops_the_sweep_nor_lets_it_run_wild(
    fleet: Fleet, ahead: timedelta, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wall = WallClock()
    monkeypatch.setattr(procrastinate.periodic, "time", SimpleNamespace(time=wall.time))
    caplog.set_level(logging.INFO, "procrastinate")
    async with fleet.hub() as hub, running_worker(hub, concurrency=2):
        await until(lambda: sweeps(caplog) > 0)
        wall.ahead_s = ahead.total_seconds()
        before, began = sweeps(caplog), time.monotonic()
        mine = Connection.filter(id=fleet.connection_ids[0])
        await mine.update(next_poll_at=hub.clock.now(), polled_at=None)
        await until(lambda: mine.filter(polled_at__isnull=False).exists(), MADE_WITHIN_S)
        polled_s = time.monotonic() - began
        await until(lambda: sweeps(caplog) >= before + SWEEPS, MADE_WITHIN_S)
        made, passed_s = sweeps(caplog) - before, time.monotonic() - began
    print(f"\nclock set by {ahead}: polled after {polled_s:.1f} s, {made} sweeps in {passed_s:.1f} s")  # noqa: T201
    assert made <= 2 * passed_s + 1


async def test_many_workers_sweep_as_often_as_one(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "procrastinate")
    async with (
        fleet.hub() as hub,
        running_worker(hub, concurrency=1),
        running_worker(hub, concurrency=1),
        running_worker(hub, concurrency=1),
        running_worker(hub, concurrency=1),
    ):
        await until(lambda: sweeps(caplog) > 0)
        before, began = sweeps(caplog), time.monotonic()
        await until(lambda: sweeps(caplog) >= before + SWEEPS)
        assert sweeps(caplog) - before <= 2 * (time.monotonic() - began) + 1

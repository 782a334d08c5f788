"""`hub serve` killed while it takes an event in, beside a worker: it is sent again, and one note is made."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from hub.crashpoints import CrashPoint

if TYPE_CHECKING:
    from tests.integration.workers.fleet import Fleet

TABLES = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM delivery)"
POINTS = [
    CrashPoint.ACCEPT_BEFORE_COMMIT,
    CrashPoint.ACCEPT_AFTER_COMMIT,
    pytest.param(CrashPoint.ACCEPT_BEGUN, marks=pytest.mark.chaos),
    pytest.param(CrashPoint.ACCEPT_EVENT_WRITTEN, marks=pytest.mark.chaos),
]


@pytest.mark.parametrize("point", POINTS)
async def test_serve_killed_while_accepting(fleet: Fleet, point: CrashPoint) -> None:
    (dying,) = await fleet.start([("serve", "--port", "0")], crash_at=point)
    sender = asyncio.create_task(fleet.submit("900"))
    assert await dying.ended() == -signal.SIGKILL
    is_kept = point is CrashPoint.ACCEPT_AFTER_COMMIT
    assert await fleet.rows(TABLES) == [(1, 1) if is_kept else (0, 0)]
    await fleet.start([("serve", "--port", "0"), ("worker",)])
    await sender
    await fleet.until(fleet.is_done)
    assert await fleet.rows(TABLES) == [(1, 1)]
    await fleet.check_one_each()

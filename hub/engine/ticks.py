"""What the workers do by the clock: the sweep every second, and deleting old calls every hour.

Procrastinate's periodic tasks (3.10) go by the machine's wall clock. Set back an hour, they stop for an hour;
set ahead an hour, every tick in between is made up for as fast as it goes. Here the seconds are those that
pass, whoever sets a clock.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog
from procrastinate.exceptions import AlreadyEnqueued

from hub.engine.job_database import LOST, reason_of

if TYPE_CHECKING:
    from procrastinate import App

    from hub.clock import Clock

TICK_S = 1.0
EVERY_S = {"sweep": 1, "tidy": 3600}
"""Task → how often it is rung for, by all workers together."""

log = structlog.get_logger()


async def tick(app: App, clock: Clock) -> None:
    """Rings for the tasks of :data:`EVERY_S`, for ever.

    The clock only tells the workers of a hub which of them rings: the first one in each second of it. Nobody
    minds where it jumps to.

    Args:
        app: the opened Procrastinate, which knows the tasks.
        clock: the hub's.
    """
    rung: dict[str, int] = {}
    while True:
        for name, every_s in EVERY_S.items():
            span = int(clock.now().timestamp()) // every_s * every_s
            if rung.get(name) == span:
                continue
            try:
                await _ring(app, name, span)
            except LOST as error:
                log.warning("could not ring", task=name, reason=reason_of(error))
            else:
                rung[name] = span
        await asyncio.sleep(TICK_S)


async def _ring(app: App, name: str, span: int) -> None:
    """One ring for a task in a span of time, whoever else rings for it."""
    job = app.tasks[name].configure(task_kwargs={"timestamp": span}).job
    # That one waits already is as good as a new ring.
    with contextlib.suppress(AlreadyEnqueued):
        await app.job_manager.defer_periodic_job(job, periodic_id="", defer_timestamp=span)

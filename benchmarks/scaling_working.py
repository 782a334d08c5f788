"""The processes that work: the real engine on simulated time, and returns that arrive meanwhile."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any

import structlog

from benchmarks.scaling_erp import SharedTime
from benchmarks.scaling_rows import document
from hub.core import open_hub
from hub.engine.embedded import running_engine
from hub.engine.workers import work_until_told
from hub.inbound.accept import accept
from hub.store.models import Store
from tests.support.documents import event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.core import Hub
    from hub.environment import Environment

AT_ONCE = 20
"""What `hub worker` works on at once unless told otherwise."""
LIVE_EVERY_S = 0.5
"""How often a return arrives while all polls are due, and always on SQLite."""
LIVE = 900_000_000_000
"""The returns that arrive during a run are numbered from here."""


async def arrive(hub: Hub, ring: Callable[[], None], connections: int, every_s: float) -> None:
    """Accepts a return for some connection every so many of the wall's seconds, for ever."""
    lots = random.Random(7)  # noqa: S311 - a benchmark
    number = LIVE + int(hub.clock.now().timestamp()) * 1_000
    while True:
        number += 1
        await asyncio.sleep(every_s)
        which = lots.randint(1, connections)
        arriving = event(document(str(number), which))
        await accept(hub.clock, await Store.get(id=which), arriving, source="benchmark")
        ring()


def work(environment: Environment, time_file: Path, statements: Any, connections: int) -> None:
    """Works until SIGTERM, in a process of its own.

    Args:
        environment: a PostgreSQL, where it is what `hub worker` is, or a SQLite file, where it is what
            `hub serve` is and takes in returns as well.
        time_file: simulated time.
        statements: a shared number; Tortoise's statements are counted there.
        connections: how many there are.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    counting = logging.getLogger("tortoise.db_client")
    counting.setLevel(logging.DEBUG)
    counting.propagate = False

    class Count(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            del record
            statements.value += 1
            return True

    counting.addHandler(Count())
    asyncio.run(_work(environment, SharedTime(time_file), connections))


async def _work(environment: Environment, time: SharedTime, connections: int) -> None:
    async with open_hub(environment, clock=time.clock) as hub:
        if not environment.is_sqlite:
            await work_until_told(hub, concurrency=AT_ONCE, on_ready=lambda: None)
            return
        async with running_engine(hub) as engine:
            await arrive(hub, engine.ring, connections, LIVE_EVERY_S)

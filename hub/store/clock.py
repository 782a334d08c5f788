"""The database's clock, carried on between two looks at it: so all machines of a hub have one time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tortoise.exceptions import BaseORMException

from hub.clock import Clock
from hub.store.database import client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MEASURE_EVERY_S = 5.0
"""A quarter of a claim: what stood still and was not seen by :func:`elapsed` is put right before one ends."""


def elapsed() -> float:
    """Seconds that only grow, whoever sets the machine's clock.

    They count while the machine sleeps: Linux has a clock of its own for that, elsewhere the monotonic one
    does (https://man7.org/linux/man-pages/man2/clock_gettime.2.html).
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class DatabaseTime:
    """What PostgreSQL's clock says, without asking it each time."""

    def __init__(self, elapsed: Callable[[], float] = elapsed) -> None:
        """Sets it up; call :meth:`measure` before :meth:`now`.

        Args:
            elapsed: seconds since any moment, which nobody sets.
        """
        self._elapsed = elapsed
        self._offset: float | None = None

    def now(self) -> datetime:
        """The database's time, aware UTC, to within the round trip of the fastest measurement."""
        if self._offset is None:
            raise RuntimeError("the database's time is not measured yet")
        return datetime.fromtimestamp(self._offset + self._elapsed(), UTC)

    async def measure(self) -> None:
        """Asks the database.

        Its answer is from some moment between question and answer. What was known stays as long as that
        bears it out, so a slow answer, which says little, spoils nothing.

        Raises:
            BaseORMException: it is away; the time goes on as it was.
        """
        asked = self._elapsed()
        rows = await client().execute_query_dict("SELECT clock_timestamp() AS now")
        answered = self._elapsed()
        there = rows[0]["now"].timestamp()
        least, most = there - answered, there - asked
        known = (least + most) / 2 if self._offset is None else self._offset
        self._offset = min(max(known, least), most)

    async def keep(self) -> None:
        """Measures for ever."""
        while True:
            await asyncio.sleep(MEASURE_EVERY_S)
            # Whoever works with a database that is away says so.
            with contextlib.suppress(BaseORMException):
                await self.measure()


@asynccontextmanager
async def database_clock() -> AsyncIterator[Clock]:
    """A clock that goes with the open PostgreSQL database, for the block.

    Raises:
        BaseORMException: the database is away.
    """
    kept = DatabaseTime()
    await kept.measure()
    keeping = asyncio.create_task(kept.keep())
    try:
        yield Clock(now=kept.now)
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

"""Events that arrive at one moment share a transaction.

A commit waits for the disk, so it is shared: what arrives while one is under way goes into the next. What
arrives alone is committed at once. Nobody is answered before the commit that holds their event.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError

from hub.inbound.arriving import store_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.clock import Clock
    from hub.inbound.arriving import Accepted, Arrival

MOST_TOGETHER = 100
"""Events of one transaction: with more, the first of them would wait too long for the last."""

log = structlog.get_logger()


class Intake:
    """Stores new RMAs of one process, as many together as arrive while a commit is under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[Arrival, asyncio.Future[Accepted | None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def store(self, arrival: Arrival) -> Accepted | None:
        """As :func:`store_new`, for one."""
        stored: asyncio.Future[Accepted | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, stored))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await stored

    async def _drain(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                arrivals = [arrival for arrival, _ in together]
                for (_, stored), answer in zip(
                    together, await _store_each(self._clock, arrivals), strict=True
                ):
                    if stored.cancelled():
                        continue
                    if isinstance(answer, Exception):
                        stored.set_exception(answer)
                    else:
                        stored.set_result(answer)
        finally:
            self._task = None

    async def close(self) -> None:
        """Waits for what is under way."""
        if self._task is not None:
            await self._task


async def store_alone(clock: Clock, arrival: Arrival) -> Accepted | None:
    """As :func:`store_new`, for one."""
    answer = (await _store_each(clock, [arrival]))[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


async def _store_each(
    clock: Clock, arrivals: Sequence[Arrival], *, tries: int = 2
) -> Sequence[Accepted | Exception | None]:
    """Answers for each, in order. What fails on one event's account fails for that one only."""
    try:
        return await store_new(clock, arrivals)
    except IntegrityError as error:
        # Another process stored one of them first, after we looked. Its rows are there now.
        if tries > 1:
            return await _store_each(clock, arrivals, tries=tries - 1)
        failed: Exception = error
    except (OperationalError, DBConnectionError) as error:
        return [error] * len(arrivals)  # the database is away, locked or full: for all alike
    except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
        failed = error
    if len(arrivals) == 1:
        return [failed]
    log.warning("stored one by one what could not be stored together", reason=str(failed))
    return [(await _store_each(clock, [each]))[0] for each in arrivals]

"""A clock that runs like the wall's, without the time in which every worker sleeps."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

from hub.clock import Clock

LONGEST_JUMP_S = 1.0
"""A jump is no longer, so that heartbeats happen as they should."""


class JumpingTime:
    """The wall's clock, without the time in which every worker sleeps."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._start = Clock().now()
        self._jumped = 0.0
        self._due: dict[asyncio.Task[Any] | None, float] = {}
        self._moved = asyncio.Event()
        self.workers: set[asyncio.Task[Any]] = set()
        self.clock = Clock(now=self.now, sleep=self.sleep)

    @property
    def elapsed(self) -> float:
        """Simulated seconds."""
        return time.monotonic() - self._began + self._jumped

    def now(self) -> datetime:
        """The simulated time."""
        return self._start + timedelta(seconds=self.elapsed)

    async def sleep(self, seconds: float) -> None:
        """Waits; the time of a task that is no worker's passes with that of the others."""
        task = asyncio.current_task()
        self._due[task] = due = self.elapsed + seconds
        try:
            while (left := due - self.elapsed) > 0:
                try:
                    async with asyncio.timeout(left):
                        await self._moved.wait()
                except TimeoutError:
                    return
        finally:
            del self._due[task]

    async def run(self) -> None:
        """Jumps for as long as it runs."""
        while True:
            if self.workers and self.workers <= self._due.keys():
                wait = min(self._due.values()) - self.elapsed
                self._jumped += min(max(wait, 0.0), LONGEST_JUMP_S)
                self._moved.set()
                self._moved = asyncio.Event()
            await asyncio.sleep(0.001)

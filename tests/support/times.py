"""Time for tests: it stands still until somebody waits for it or a test sets it forward."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from hub.clock import BESIDE, Clock


class HeldTime:
    """A hub's time that no machine can be too slow for: only what happens in the test moves it.

    Whoever works and waits (for the quota, say) goes on at once, and the time is then what it waited for.
    What a hub repeats beside its work, its heartbeats, waits until the time has come that far.

    Attributes:
        awaited: until when somebody waits now.
    """

    def __init__(self) -> None:
        self.awaited = list[datetime]()
        self._now = datetime.now(UTC)
        self._moved = asyncio.Event()
        self.clock = Clock(now=self.now, sleep=self.sleep)

    def now(self) -> datetime:
        """Aware UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """See the class."""
        due = self._now + timedelta(seconds=seconds)
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith(BESIDE):
            await self._until(due)
            return
        self.let_pass(due - self._now)
        await asyncio.sleep(0)

    async def _until(self, due: datetime) -> None:
        self.awaited.append(due)
        try:
            while self._now < due:
                await self._moved.wait()
        finally:
            self.awaited.remove(due)

    def set_forward(self, span: timedelta) -> None:
        """Nothing happens in between, as if every process had been stopped meanwhile."""
        self._now += span

    def let_pass(self, span: timedelta) -> None:
        """As in a process that runs: what is repeated beside the work happens, once."""
        self._now += span
        self._moved.set()
        self._moved = asyncio.Event()


def set_loop_forward(seconds: float) -> None:
    """Makes due at once what this test's event loop would do within so many seconds.

    Time-outs of calls under way, faults of a sandbox that end by themselves, pauses: all that the loop's own
    clock decides. The hub's clock and the wall's stay as they are.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]

"""Time for tests: it stands still until somebody waits for it or a test sets it forward."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.clock import BESIDE, Clock
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STEP = timedelta(seconds=1)


class HeldTime:
    """A hub's time that no machine can be too slow for: only what happens in the test moves it.

    Whoever works and waits (for the quota, say) goes on at once, and the time is then what it waited for.
    What a hub repeats beside its work, its heartbeats, waits until the time has come that far.

    Attributes:
        is_jumping: False has whoever works wait, too, until the test lets the time pass.
        awaited: until when somebody waits now.
    """

    def __init__(self) -> None:
        self.is_jumping = True
        self.awaited = list[datetime]()
        self.clock = Clock(now=self.now, sleep=self.sleep)
        self._now = datetime.now(UTC)
        self._passed = asyncio.Event()

    def now(self) -> datetime:
        """Aware UTC."""
        return self._now

    def set_forward(self, span: timedelta) -> None:
        """Nothing happens in between, as if every process had been stopped meanwhile."""
        self._now += span

    def let_pass(self, span: timedelta) -> None:
        """As in a process that runs: who has waited until then goes on."""
        self._now += span
        self._passed.set()
        self._passed = asyncio.Event()

    async def pass_until(self, condition: Callable[[], bool | Awaitable[bool]]) -> None:
        """Lets the time pass until something is so; for what an engine does by itself.

        Raises:
            TimeoutError: it did not come about.
        """

        async def look() -> bool:
            self.let_pass(STEP)
            answer = condition()
            return await answer if inspect.isawaitable(answer) else answer

        await until(look)

    async def sleep(self, seconds: float) -> None:
        """The clock's; see the class."""
        due = self._now + timedelta(seconds=seconds)
        task = asyncio.current_task()
        if self.is_jumping and not (task and task.get_name().startswith(BESIDE)):
            self.let_pass(due - self._now)
            await asyncio.sleep(0)
            return
        self.awaited.append(due)
        try:
            while self._now < due:
                await self._passed.wait()
        finally:
            self.awaited.remove(due)


def set_loop_forward(seconds: float) -> None:
    """Makes due at once what this test's event loop would do within so many seconds.

    Time-outs of calls under way, faults of a sandbox that end by themselves, pauses: all that the loop's own
    clock decides. The hub's clock and the wall's stay as they are.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]

"""One simulated process of the hub: `hub serve`, a second worker, or a command."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tortoise.context import _current_context

from hub.clock import Clock
from hub.core import Hub
from tests.simulator.loop import PROCESS, Crashed, Process
from tests.simulator.store import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from tests.simulator.schedule import Life
    from tests.simulator.world import World

Result = TypeVar("Result")

STATEMENT_S = 0.0005
SLOW_CHANCE = 0.04
SLOWEST_S = 0.03


class DiedError(Exception):
    """The process died before it answered."""


class SimulatedProcess(Process):
    """A hub with a memory, a database connection and a life of its own.

    Args:
        world: where it lives.
        name: for the trace.
        life: how long it lives; None for as long as it likes.

    Attributes:
        hub: what its code is given.
    """

    def __init__(self, world: World, name: str, life: Life | None = None) -> None:
        self.world = world
        self.name = name
        self._life = life
        self._lived = 0
        self._at_death: list[Callable[[], None]] = []
        self._waiting: list[asyncio.Future[Any]] = []
        self._stalled_until = self._stall_s = 0.0
        self._stall_before = ""
        self.is_in_transaction: Callable[[], bool] = lambda: False
        self._is_doomed = False
        self._dice = world.dice("process", name)
        base = origin()
        clock = Clock(now=world.hub_now, sleep=asyncio.sleep, random=world.dice("ids", name))
        environment = base.environment.model_copy(update={"home": world.file.parent})
        self.hub = Hub(environment=environment, registry=base.registry, sealer=base.sealer, clock=clock)
        self._context = copy_context()
        self._context.run(PROCESS.set, self)
        self._context.run(_current_context.set, base.context(self, world.file))

    def call(self, coroutine: Coroutine[Any, Any, Result]) -> asyncio.Future[Result]:
        """Runs something in the process; the world awaits the answer, or :class:`DiedError`."""
        answer: asyncio.Future[Result] = self.world.loop.create_future()
        if self.is_dead:
            coroutine.close()
            answer.set_exception(DiedError())
            return answer
        self._waiting.append(answer)
        task = self.world.loop.create_task(coroutine, context=self._context.copy())

        def done(task: asyncio.Task[Result]) -> None:
            if answer.done():
                return
            self._waiting.remove(answer)
            error = task.exception()
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(task.result())

        task.add_done_callback(done, context=copy_context())
        return answer

    async def effect(self, what: str, *, can_stall: bool = True) -> None:
        """A place where the process may wait, stall or die; comes before everything it does to the world.

        Args:
            what: for the trace.
            can_stall: False never stands still here.

        Raises:
            Crashed: it is dead.
        """
        if self.is_dead:
            raise Crashed
        self.world.note_effect(self.name, what)
        if (
            self._life is not None
            and not self._is_doomed
            and (self._lived or what.startswith(self._life.since))
        ):
            self._lived += 1
            if self._lived > self._life.effects:
                self._is_doomed = True
                self.world.kill_soon(self)
        if self._is_doomed:
            await asyncio.get_running_loop().create_future()
        loop = self.world.loop
        loop.advance(STATEMENT_S)
        if (
            can_stall
            and self._stall_s
            and what.startswith(self._stall_before)
            and not self.is_in_transaction()
        ):
            self._stalled_until, self._stall_s = loop.time() + self._stall_s, 0.0
        if can_stall and loop.time() < self._stalled_until:
            await asyncio.sleep(self._stalled_until - loop.time())
        elif self._dice.random() < SLOW_CHANCE:
            await asyncio.sleep(self._dice.random() * SLOWEST_S)
        else:
            await asyncio.sleep(0)

    def lives_on(self) -> None:
        """It is not killed any more."""
        self._life = None

    def stall(self, seconds: float, before: str = "") -> None:
        """The machine stands still for the process, its timers too, from its next effect of a kind on.

        Not in the middle of a transaction: on SQLite that would hold everybody else up, too.
        """
        self._stall_s, self._stall_before = seconds, before

    def at_death(self, call: Callable[[], None]) -> None:
        """What the operating system does when the process is gone: closes its files."""
        self._at_death.append(call)

    def die(self) -> None:
        """See :meth:`~tests.simulator.loop.SimulatedLoop.kill`."""
        if self.is_dead:
            return
        self.world.loop.kill(self)
        for call in self._at_death:
            call()
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(DiedError())
        self._waiting.clear()

    def now(self) -> datetime:
        """The time as the process reads it."""
        return self.hub.clock.now()


def seconds(number: float) -> timedelta:
    """So many."""
    return timedelta(seconds=number)

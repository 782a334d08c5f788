"""An event loop whose time is simulated: one thread, no socket, no real waiting.

When nothing is ready, the clock jumps to the next timer. The same callbacks at the same times give the same
order, on every run and every machine.
"""

from __future__ import annotations

import asyncio
import heapq
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

PROCESS: ContextVar[Process | None] = ContextVar("simulated_process", default=None)
"""Whose code runs: a process of the hub, or None for the world around it."""
MOST_THROWS = 50
"""A coroutine that survives so many is a bug of the hub: it catches everything, for ever."""


class Crashed(BaseException):
    """What the code of a dead process meets wherever it tries to have an effect."""


class SilentWorldError(Exception):
    """Nothing is ready and no timer runs: everything waits for something that never comes."""


class Process:
    """What lives and dies together: tasks that share memory. The loop knows whose each task is."""

    is_dead = False


class _NoSockets:
    """Where the standard loop waits for sockets, this one sets its clock forward."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def select(self, seconds: float | None) -> list[object]:
        if seconds is None:
            msg = "nothing is ready and no timer runs"
            raise SilentWorldError(msg)
        self._loop.advance(seconds)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _NoSockets(self)
        self._time = 0.0
        self._clock_resolution = 1e-9
        self._tasks: dict[Process, list[tuple[asyncio.Task[Any], Context]]] = {}
        self._unwound: set[asyncio.Task[Any]] = set()

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return self._time

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        # The heap's due time minus the present may fall short by a rounding error and never arrive.
        self._time += seconds + 1e-9 if seconds > 0 else 0.0

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As ever; what would wake a dead process is dropped."""
        process = context.get(PROCESS) if context is not None else None
        if process is not None and process.is_dead:
            handle = asyncio.Handle(callback, args, self, context)
            handle.cancel()
            return handle
        return super().call_soon(callback, *args, context=context)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
        **_options: Any,
    ) -> asyncio.Task[Any]:
        """Starts a task, which belongs to the process that starts it."""
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is not None and process.is_dead:
            coro.close()
            raise Crashed
        if process is None:
            return asyncio.Task(coro, loop=self, name=name, context=context)
        context = context or _copy()
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        mine = self._tasks.setdefault(process, [])
        mine.append((task, context))
        if len(mine) > 100:
            mine[:] = [each for each in mine if not each[0].done()]
        return task

    def kill(self, process: Process) -> None:
        """Ends a process as SIGKILL does: nothing of it runs again, and no ``finally`` has an effect.

        Its coroutines are unwound here and now, so that Python does not do it later at a time of its own;
        whatever they try on the way meets :class:`Crashed`.
        """
        process.is_dead = True
        self._ready = type(self._ready)(each for each in self._ready if not _is_of(each, process))  # type: ignore[has-type]
        kept = [each for each in self._scheduled if not _is_of(each, process)]  # type: ignore[has-type]
        heapq.heapify(kept)
        self._scheduled = kept
        for task, context in self._tasks.pop(process, []):
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
                self._unwound.add(task)
                context.run(_unwind, task.get_coro())

    def end(self) -> None:
        """Ends what still runs outside of all processes, and closes the loop."""
        for task in asyncio.all_tasks(self):
            if task not in self._unwound:
                task.cancel()
        self.run_until_complete(asyncio.sleep(0))
        self.close()

    def _process_events(self, _events: object) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no other thread that would have to wake this one."""


def _copy() -> Context:
    from contextvars import copy_context  # noqa: PLC0415 - beside its one use

    return copy_context()


def _is_of(handle: Any, process: Process) -> bool:
    return handle._context is not None and handle._context.get(PROCESS) is process  # noqa: SLF001


def _unwind(coroutine: Any) -> None:
    for _ in range(MOST_THROWS):
        try:
            coroutine.throw(Crashed())
        except (Crashed, StopIteration):
            return
        except BaseException:  # noqa: BLE001 - a `finally` of a dead process may fail as it likes
            return
    msg = f"{coroutine} catches everything and never ends"
    raise AssertionError(msg)

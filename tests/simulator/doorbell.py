"""The hub's engine in simulated time."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import BaseORMException

from hub.dispatch.claims import release_of
from hub.engine.embedded import LOOK_S, OWNER, Engine
from hub.store import epochs

if TYPE_CHECKING:
    from tests.simulator.process import SimulatedProcess
    from tests.simulator.world import World

IDLE_S = 3_600.0
OTHERS_S = 20.0
"""As long as a worker may take to notice what another one left behind."""

_ERP_DUE = """
  SELECT id, next_poll_at AS due FROM connection WHERE NOT is_paused AND removed_at IS NULL
  UNION ALL
  SELECT c.id, CASE d.status WHEN 'sending' THEN '2000-01-01 00:00:00+00:00' ELSE d.next_attempt_at END
  FROM delivery d JOIN connection c ON c.id = d.connection_id
  WHERE NOT c.is_paused AND c.removed_at IS NULL AND d.status IN ('pending', 'in_doubt', 'sending')
"""
_OTHERS_DUE = """
  UNION ALL
  SELECT c.id, f.due_at FROM rma_to_fetch f JOIN connection c ON c.id = f.connection_id WHERE NOT c.is_paused
  UNION ALL
  SELECT c.id, max(s.next_attempt_at, coalesce(c.resting_until, s.next_attempt_at))
  FROM update_sending s JOIN connection c ON c.id = s.connection_id
  WHERE NOT c.is_paused AND s.status = 'pending' AND s.id = (
    SELECT min(o.id) FROM update_sending o
    WHERE o.rma_id = s.rma_id AND o.connection_id = s.connection_id AND o.status = 'pending')
"""
_DUE = "SELECT id, min(due) FROM ({}) WHERE due IS NOT NULL GROUP BY id"


class Doorbell(Engine):
    """The hub's engine, but for how it waits: until something is due, instead of looking every second.

    A simulated hour would be 3,600 looks.
    """

    def __init__(self, world: World, process: SimulatedProcess, http: Any) -> None:
        super().__init__(process.hub, http)
        self.process = process
        self._world = world
        self._is_alone = world.schedule.workers == 1
        self._due = _DUE.format(_ERP_DUE + _OTHERS_DUE if world.platform else _ERP_DUE)

    async def run(self) -> None:
        """Works for ever."""
        if self._is_alone:
            # As the real engine does once it holds its lock.
            await release_of(OWNER)
            await epochs.check(self._hub.clock, self._hub.environment.database_file)
        while True:
            self._ring.clear()
            wait_s = self._until_due_s()
            if wait_s <= 0:
                # What the real engine logs and survives.
                with contextlib.suppress(OSError, BaseORMException):
                    await self._start_due()
                wait_s = self._until_due_s()
            longest = IDLE_S if self._is_alone else OTHERS_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ring.wait(), min(max(wait_s, LOOK_S), longest))

    def _until_due_s(self) -> float:
        """How long until there may be something to do; asked from outside, which takes less of our time."""
        rests = self._workshop.not_before
        moments = []
        # One that is under way rings when it comes back.
        for connection_id, due in self._world.peek.execute(self._due):
            if connection_id not in self._running:
                moment = datetime.fromisoformat(due)
                moments.append(max(moment, rests[connection_id]) if connection_id in rests else moment)
        return (min(moments) - self._hub.clock.now()).total_seconds() if moments else IDLE_S

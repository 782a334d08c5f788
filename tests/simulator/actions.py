"""What happens to a world from outside: events, faults, the warehouse, and people."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import OperationalError

from hub.errors import HubError
from hub.hookspecs import QuotaWindow
from hub.inbound.accept import accept
from hub.inbound.event import read_event
from hub.merchant import stores
from tests.simulator.outside import Outside
from tests.simulator.process import DiedError

if TYPE_CHECKING:
    from connectors.cin7_omni.sandbox.fields import Record
    from tests.simulator.process import SimulatedProcess
    from tests.simulator.schedule import Action

RESENT_AFTER_S = 3.0
EVERYTHING = 99
"""As a number of units: all that are to come."""


class Actions(Outside):
    """The doors into one world; an :class:`~tests.simulator.schedule.Action` names one of them."""

    def act(self, action: Action) -> None:
        """Carries one out, or begins to."""
        self._world.tell(f"* {action.kind} {action.args}")
        result = getattr(self, action.kind)(**action.args)
        if result is not None:
            task = self._world.loop.create_task(result)
            task.add_done_callback(self._world.check_task)

    # --- the platform ----------------------------------------------------------------------------------

    async def event(self, story: int, version: int, via: str) -> None:
        """The platform sends an event again and again until it is accepted."""
        world = self._world
        what = world.schedule.stories[story].versions[version]

        async def take(process: SimulatedProcess) -> None:
            event = read_event(what.body)
            store = await stores.get()
            await accept(process.hub.clock, store, event, source="sim", event_id=what.event_id)
            world.accepted.add(what.event_id)

        for tries in itertools.count(1):
            if via == "command" and tries == 1:
                await self.command(take)
            elif 0 in world.engines:
                process = world.engines[0].process
                try:
                    await process.call(take(process))
                except (DiedError, OperationalError, HubError) as error:
                    world.tell(f"event {what.event_id}: {type(error).__name__} {error}")
                world.ring()
            if what.event_id in world.accepted:
                return
            await asyncio.sleep(RESENT_AFTER_S * tries)

    # --- the ERP and the machine -----------------------------------------------------------------------

    def fault(self, fault: Any) -> None:
        """One of the sandbox's."""
        self._world.erp.inject(fault)

    def erp_down(self) -> None:
        """No connection is made."""
        self._world.erp.is_down = True

    def erp_up(self) -> None:
        """It answers again."""
        self._world.erp.is_down = False

    def quota_cut(self, calls: int, per_s: float) -> None:
        """The ERP admits fewer calls than it says."""
        self._world.erp.quota.windows = (QuotaWindow(calls=calls, per=timedelta(seconds=per_s)),)

    def slow_line(self, seconds: float) -> None:
        """Some calls take that long to arrive, and some answers to come back."""
        self._world.erp.slowest_s = seconds

    def jump(self, seconds: float) -> None:
        """The clock of the hub's machine is set."""
        self._world.skew_s += seconds

    def stall(self, worker: int, seconds: float, before: str = "") -> None:
        """An engine stands still."""
        if worker in self._world.engines:
            self._world.engines[worker].process.stall(seconds, before)

    # --- the warehouse, and people in the ERP ----------------------------------------------------------

    def receive(self, pick: int, share: int, *, is_complete: bool) -> None:
        """Goods of one note arrive: ``share`` units of each SKU, at most those that are to come."""
        notes = [note for note in self._world.erp.notes() if note["status"] != "VOID"]
        if notes:
            self._receive(notes[pick % len(notes)], share, is_complete=is_complete)

    def receive_all(self) -> None:
        """Everything arrives."""
        for note in self._world.erp.notes():
            if note["status"] != "VOID":
                self._receive(note, EVERYTHING, is_complete=True)

    def _receive(self, note: Record, share: int, *, is_complete: bool) -> None:
        world = self._world
        expected: dict[str, Decimal] = {}
        before: dict[str, Decimal] = {}
        for line in note["lineItems"]:
            sku = line["code"]
            expected[sku] = expected.get(sku, Decimal(0)) + abs(line["qty"])
            before[sku] = before.get(sku, Decimal(0)) + abs(line["qtyShipped"] or 0)
        quantities = {sku: max(before[sku], min(count, Decimal(share))) for sku, count in expected.items()}
        if quantities == before and (note["completedDate"] or not is_complete):
            return  # nothing is new, and nobody saves the note again
        world.erp.receive(note, quantities, is_complete=is_complete)
        for sku, units in quantities.items():
            key = (note["id"], sku)
            world.most_received[key] = max(world.most_received.get(key, Decimal(0)), units)
        came = {sku: int(units) for sku, units in quantities.items()}
        world.tell(f"warehouse: note {note['id']} received {came} complete={is_complete}")
        world.erp_changed_at = world.loop.time()

    def void(self, pick: int, at_once: int) -> None:
        """A person cancels a note in the ERP."""
        notes = self._world.erp.notes()
        if notes and at_once == 1:
            note = notes[pick % len(notes)]
            self._world.erp.void(note)
            self._world.tell(f"person: voids note {note['id']}")
            self._world.erp_changed_at = self._world.loop.time()

    def foreign(self, pick: int, at_once: int) -> None:
        """A person writes a note by hand under the very name that ours will have."""
        world = self._world
        story = world.schedule.stories[pick % len(world.schedule.stories)]
        reference = f"RMA {story.rma_id}/ORDER:{story.order_name}"
        if any(note["reference"] == reference for note in world.erp.notes()):
            return
        note_id = world.erp.write_by_hand(
            reference=reference,
            salesReference=story.order_name if at_once == 1 else "#1",
            isApproved=True,
            lineItems=[{"code": "SKU-001", "qty": -1, "unitPrice": 10}],
        )
        world.foreign.add(note_id)
        world.tell(f"person: writes note {note_id} by hand as {reference}")

"""The returns platform: the sandbox of ReturnGO at the far end of the line, and what people do in it."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import OperationalError

from hub.platform.returngo.config import SCHEMA
from hub.platform.returngo.hints import remember_hint
from hub.platform.returngo.sandbox.books import Books
from hub.platform.returngo.sandbox.faults import FaultBox, check_fault
from hub.platform.returngo.sandbox.hooks import Hooks
from hub.platform.returngo.sandbox.server import Quota, Server
from hub.platform.returngo.shipments import VALIDATED, may_move
from tests.simulator.line import Remote
from tests.simulator.process import DiedError
from tests.simulator.schedule import GONE
from tests.simulator.store import BASE, HINT_TOKEN, PLATFORM_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiohttp import web

    from hub.hookspecs import QuotaWindow
    from hub.sandbox import Fault
    from tests.simulator.line import Request
    from tests.simulator.schedule import Schedule, Version
    from tests.simulator.world import World

STATUS_UPDATED = "RMA_STATUS_UPDATED"
KEPT = "No shipment required"
"""Type of the return method of items that stay with the customer."""
BEFORE = timedelta(hours=1)
JUST_NOW_S = 5.0
"""What people did so shortly before, the hub could not know when it wrote."""


class Platform(Remote):
    """One shop on the platform.

    Args:
        world: gives time and dice; is asked what the hub holds when a shipment is validated.

    Attributes:
        books: its returns.
        people_changed: RMA → how often people changed it there.
        approved: RMAs that people ever approved there.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world, "platform line")
        self.books = Books()
        self.people_changed: dict[str, int] = {}
        self.approved: set[str] = set()
        self._moved_at: dict[str, float] = {}
        self._needs_person: set[str] = set()
        self._faults = FaultBox(world.dice("platform faults"))
        self._cuts = FaultBox(world.dice("platform cuts"))
        self._hooks = _Hints(world, self._faults)
        self._hooks.add("the hub")
        self._quota = _Quota(SCHEMA.quota)
        self._server = Server(
            self.books, self._hooks, self._faults, self._quota, headers=PLATFORM_HEADERS, clock=world.erp_now
        )

    # --- the line --------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> web.StreamResponse:
        """Answers as the sandbox does; the world looks at each shipment that the hub sets."""
        if request.method == "PUT":
            self._check_move(request.path.rpartition("/")[2])
        return await self._server._handle(request)  # type: ignore[arg-type]  # noqa: SLF001

    def carry(self, request: Request) -> asyncio.Future[Any]:
        """Looks at what the hub knows when it asks for a return, and when it sets a shipment."""
        kind, _, what = request.path.strip("/").partition("/")
        if request.method == "GET" and kind == "rma":
            # It reads before it writes, so what needed a person then is no surprise at the write.
            (self._needs_person.add if self._is_held(what) else self._needs_person.discard)(what)
        if request.method == "PUT":
            rma_id = self.shipment(what)[0]
            if rma_id in self._needs_person and self._is_held(rma_id):
                self.world.problems.append(f"RMA {rma_id}: {what} is validated while a person is needed")
        return super().carry(request)

    def cuts(self, request: Request) -> bool:
        """Half an answer needs a socket in the sandbox; here the line cuts it."""
        return self._cuts.of_call(request.method, request.path.strip("/").partition("/")[0]) is not None

    def inject(self, fault: Fault) -> None:
        """Orders a fault of the sandbox; ``refuse`` is :attr:`is_down`."""
        check_fault(fault)
        (self._cuts if fault.name == "cut_off_body" else self._faults).add(fault)

    def clear_faults(self) -> None:
        """Behaves well from now on; what is under way goes its way."""
        self._faults.clear()
        self._cuts.clear()
        self.is_down = False
        self.cut_quota(SCHEMA.quota)

    def cut_quota(self, windows: Iterable[QuotaWindow]) -> None:
        """Admits other numbers of calls than it says."""
        self._quota.cut(windows)

    # --- people ----------------------------------------------------------------------------------------

    def open(self, schedule: Schedule) -> None:
        """Returns of before the hub was connected."""
        for place in sorted(schedule.plan.old if schedule.plan else ()):
            self.change(schedule.stories[place].versions[0], BASE - BEFORE)

    def change(self, version: Version, at: datetime) -> None:
        """An RMA becomes what a version says: created, edited, moved to a status."""
        document = json.loads(version.body)
        rma_id, status = document["rmaSummary"]["rmaId"], document["rmaSummary"]["status"]
        if status not in GONE:
            self.approved.add(rma_id)
        held = self.books.get(rma_id)
        self.people_changed[rma_id] = self.people_changed.get(rma_id, 0) + 1
        if held is None:
            summary = {**document["rmaSummary"], "status": "Pending"}
            held = self.books.add({**document, "rmaSummary": summary}, at)
            self._hooks.tell("RMA_CREATED", rma_id)
        else:
            self.books.edit(rma_id, at, items=document["items"])
        if held["rmaSummary"]["status"] != status:
            self.books.set_status(rma_id, status, at)
            self._hooks.tell(STATUS_UPDATED, rma_id)

    def ship(self, pick: int, status: str) -> None:
        """A carrier or a person moves a shipment, where that is allowed."""
        shipments = [each for rma in self.books.all() for each in rma["shipments"]]
        if not shipments:
            return
        shipment = shipments[pick % len(shipments)]
        if may_move(shipment["status"], status):
            shipment_id = shipment["shipmentId"]
            self._moved_at[shipment_id] = self.world.loop.time()
            rma = self.books.move_shipment(shipment_id, {**shipment, "status": status}, self.world.erp_now())
            assert rma is not None
            rma_id = rma["rmaSummary"]["rmaId"]
            self.people_changed[rma_id] = self.people_changed.get(rma_id, 0) + 1
            self._hooks.tell("SHIPMENT_STATUS_UPDATED", rma_id)

    def pretend(self, rma_id: str, status: str) -> None:
        """A stranger who knows the address sends a hint about something that never happened."""
        self.world.loop.create_task(self._hooks.send(STATUS_UPDATED, rma_id, status, 0.0))

    # --- what is looked at -----------------------------------------------------------------------------

    def shipment(self, shipment_id: str) -> tuple[str, str, set[str]]:
        """The RMA of a shipment, its status, and ids of the items that have to come back with it."""
        for rma in self.books.all():
            for each in rma["shipments"]:
                if each["shipmentId"] == shipment_id:
                    items = (item for item in rma["items"] if item["shipmentId"] == shipment_id)
                    expected = {i["returnedItemId"] for i in items if i["returnMethod"]["type"] != KEPT}
                    return rma["rmaSummary"]["rmaId"], each["status"], expected
        return "?", "", set()

    def _is_held(self, rma_id: str) -> bool:
        """Whether a return is flagged in the hub, or was cancelled here and no person has seen that."""
        rma = self.books.get(rma_id)
        is_gone = rma is not None and rma["rmaSummary"]["status"] in GONE
        return rma_id in self.world.flagged() or (is_gone and rma_id not in self.world.closed_by_person)

    def updates(self) -> Iterator[tuple[str, datetime]]:
        """Each RMA, and when it changed last."""
        for rma in self.books.all():
            yield rma["rmaSummary"]["rmaId"], datetime.fromisoformat(rma["lastUpdated"])

    def _check_move(self, shipment_id: str) -> None:
        """The hub sets a shipment to Validated: it must have read that it may, and all of it must be back."""
        rma_id, status, expected = self.shipment(shipment_id)
        missing = expected - self.world.returned(rma_id)
        if missing or not expected:
            self.world.problems.append(
                f"RMA {rma_id}: shipment {shipment_id} is set to Validated, "
                f"and {len(missing)} of its {len(expected)} items are not back"
            )
        just_now = self._moved_at.get(shipment_id, -JUST_NOW_S) > self.world.loop.time() - JUST_NOW_S
        if not may_move(status, VALIDATED) and not just_now:
            self.world.problems.append(f"RMA {rma_id}: a shipment that is {status} is set to Validated")


class _Quota(Quota):
    """One that can be changed."""

    def cut(self, windows: Iterable[QuotaWindow]) -> None:
        self._windows = tuple(windows)


class _Hints(Hooks):
    """Webhooks that arrive at the engine, if it lives; nobody sends again one that does not arrive."""

    def __init__(self, world: World, faults: FaultBox) -> None:
        super().__init__(faults)
        self._world = world
        self._dice = world.dice("hints")

    async def _send(self, url: str, event_name: str, rma_id: str, wait_s: float) -> None:
        del url
        rma = self._world.platform.books.get(rma_id) if self._world.platform else None
        status = rma["rmaSummary"]["status"] if rma else ""
        await self.send(event_name, rma_id, status, wait_s)

    async def send(self, event_name: str, rma_id: str, status: str, wait_s: float) -> None:
        """As real ones may, it tells more than the hub believes."""
        await asyncio.sleep(wait_s + self._dice.random() * 0.05)
        body = json.dumps({"eventName": event_name, "rmaId": rma_id, "status": status}).encode()
        if 0 not in self._world.engines:
            return
        process = self._world.engines[0].process
        try:
            await process.call(remember_hint(process.hub.clock, HINT_TOKEN, body))
        except (DiedError, OperationalError) as error:
            self._world.tell(f"hint of RMA {rma_id} is lost: {type(error).__name__}")
        self._world.ring()

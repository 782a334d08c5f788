"""The ERP: the sandbox of Cin7 Omni at the far end of the line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.sandbox import warehouse
from connectors.cin7_omni.sandbox.books import ALL_PERMISSIONS, RESOURCES, Books
from connectors.cin7_omni.sandbox.faults import FaultBox, check_fault
from connectors.cin7_omni.sandbox.fields import Record, blank_record
from connectors.cin7_omni.sandbox.front import Asked, Front, Reply
from connectors.cin7_omni.sandbox.quota import CIN7_WINDOWS, Quota
from connectors.cin7_omni.sandbox.server import Server
from connectors.cin7_omni.sandbox.writes import apply_batch, read_batch
from tests.simulator.line import LINE_S, Remote
from tests.simulator.store import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiohttp import web

    from hub.sandbox import Fault
    from tests.simulator.line import Request
    from tests.simulator.world import World

NOTES = "CreditNotes"


class Erp(Remote):
    """The account in the ERP: its books, its faults and its warehouse.

    Args:
        world: gives time and dice, and is told of every write.

    Attributes:
        books: what it holds.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world, "line")
        self.books = Books(
            world.dice("books").randrange(10_000, 90_000),
            has_unique_references=not world.schedule.allows_duplicates,
        )
        branch = {"id": self.books.new_id(), "company": "Main Warehouse", "isActive": True}
        self.books.add("Branches", blank_record(RESOURCES["Branches"].table) | branch)
        self._faults = FaultBox(world.dice("faults"))
        self._cuts = FaultBox(world.dice("cuts"))
        front = _WatchedFront(self)
        self.quota = Quota(CIN7_WINDOWS)
        self.server = Server(
            front,
            self.quota,
            self._faults,
            clock=world.erp_now,
            dice=world.dice("spoiled"),
            seconds_to_answer=0.0,
        )

    def inject(self, fault: Fault) -> None:
        """Orders a fault of the sandbox; ``refuse`` is :attr:`is_down`."""
        check_fault(fault)
        (self._cuts if fault.name == "cut_off_body" else self._faults).add(fault)

    def clear_faults(self) -> None:
        """Behaves well from now on; what is under way goes its way."""
        self._faults.clear()
        self._cuts.clear()
        self.is_down = False
        self.slowest_s = LINE_S
        self.quota.windows = CIN7_WINDOWS

    def notes(self) -> list[Record]:
        """Every credit note, oldest first."""
        return list(self.books.records(NOTES))

    def write_by_hand(self, **values: Any) -> int:
        """A person makes a credit note in the ERP's own pages."""
        readings = read_batch(NOTES, [values])
        (result,) = apply_batch(self.books, NOTES, "create", readings, self.world.erp_now())
        note_id: int = result["id"]
        return note_id

    def void(self, note: Record) -> None:
        """A person cancels a note."""
        warehouse.void(self.books, note, self.world.erp_now())

    def receive(self, note: Record, quantities: Mapping[str, Any], *, is_complete: bool) -> None:
        """The warehouse books goods in; what it says of a SKU is what arrived in all."""
        warehouse.receive(
            self.books,
            note,
            quantities,
            self.world.erp_now(),
            is_complete=is_complete,
            is_quantity_known=True,
        )

    def hear(self, method: str, body: bytes) -> None:
        """A call is on the line."""
        if method == "POST":
            self.world.sent(body)

    async def answer(self, request: Request) -> web.StreamResponse:
        """Answers as the sandbox does."""
        return await self.server._handle(request)  # type: ignore[arg-type]  # noqa: SLF001

    def cuts(self, request: Request) -> bool:
        """Half an answer needs a socket in the sandbox; here the line cuts it."""
        return self._cuts.draw(request.method, request.path.rpartition("/")[2]) is not None


class _WatchedFront(Front):
    """The front desk, with the world looking over its shoulder."""

    def __init__(self, erp: Erp) -> None:
        super().__init__(erp.books, **CREDENTIALS, permissions=set(ALL_PERMISSIONS))
        self._erp = erp

    def answer(self, asked: Asked, now: datetime, **options: bool) -> Reply:
        before = len(self._erp.notes())
        reply = super().answer(asked, now, **options)
        if asked.method == "POST":
            self._erp.world.wrote(self._erp.notes()[before:])
        return reply

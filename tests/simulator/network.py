"""The ERP and the line to it: the sandbox of Cin7 Omni without sockets.

Its HTTP application is called with a request of our own making, so every fault is the sandbox's; delays and
the line's own failures are added here.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict

from connectors.cin7_omni.sandbox import warehouse
from connectors.cin7_omni.sandbox.books import ALL_PERMISSIONS, RESOURCES, Books
from connectors.cin7_omni.sandbox.faults import FaultBox, check_fault
from connectors.cin7_omni.sandbox.fields import Record, blank_record
from connectors.cin7_omni.sandbox.front import Asked, Front, Reply
from connectors.cin7_omni.sandbox.quota import CIN7_WINDOWS, Quota
from connectors.cin7_omni.sandbox.server import Server
from connectors.cin7_omni.sandbox.writes import apply_batch, read_batch
from hub.dispatch.http import READ_TIMEOUT_S
from tests.simulator.loop import PROCESS, Process
from tests.simulator.store import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    from aiohttp import web
    from yarl import URL

    from hub.sandbox import Fault
    from tests.simulator.process import SimulatedProcess
    from tests.simulator.world import World

NOTES = "CreditNotes"
LINE_S = 0.15
"""Longest delay of an ordinary call, each way."""


class Erp:
    """The account in the ERP: its books, its faults and its warehouse.

    Args:
        world: gives time and dice, and is told of every write.

    Attributes:
        books: what it holds.
        is_down: True refuses every connection.
        slowest_s: longest delay of a call, each way; most are much shorter.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.process = Process()
        self.is_down = False
        self.slowest_s = LINE_S
        self.dice = world.dice("line")
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
        # Half an answer needs a socket in the sandbox; here the line cuts it.
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

    def carry(self, request: _Request) -> asyncio.Future[_Answer]:
        """Takes a call from the line; it goes its way whether or not the caller still lives."""
        answer: asyncio.Future[_Answer] = self.world.loop.create_future()

        async def go() -> None:
            await asyncio.sleep(self._delay())
            response = await self.server._handle(request)  # type: ignore[arg-type]  # noqa: SLF001
            resource = request.path.rpartition("/")[2]
            is_cut = self._cuts.draw(request.method, resource) is not None
            await asyncio.sleep(self._delay())
            if not answer.done():
                answer.set_result(_Answer(response, is_lost=request.is_aborted, is_cut=is_cut))

        token = PROCESS.set(self.process)
        try:
            self.world.loop.create_task(go())
        finally:
            PROCESS.reset(token)
        return answer

    def _delay(self) -> float:
        if self.dice.random() < 0.1:
            return self.dice.random() * self.slowest_s
        return self.dice.random() * LINE_S


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


class _Request:
    """What the sandbox's application reads of a request."""

    def __init__(self, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.path = url.path
        self.query = url.query
        self.rel_url = url.relative()
        self.headers = CIMultiDict(headers)
        self.transport = self
        self.is_aborted = False
        self._body = body

    rel_url: Any

    async def read(self) -> bytes:
        return self._body

    def abort(self) -> None:
        self.is_aborted = True


class _Answer:
    """What comes back over the line."""

    def __init__(self, response: web.StreamResponse, *, is_lost: bool, is_cut: bool) -> None:
        self.status = response.status
        self.headers = response.headers
        self.is_lost = is_lost
        body: bytes = getattr(response, "body", None) or b""
        self.body = body[: len(body) // 2] if is_cut else body
        self.is_cut = is_cut


class _Content:
    """The body as aiohttp gives it: in pieces, or with an error where the line was cut."""

    def __init__(self, process: SimulatedProcess, answer: _Answer) -> None:
        self._process = process
        self._answer = answer
        self._is_read = False

    async def read(self, _most: int) -> bytes:
        await self._process.effect("READ")
        if self._answer.is_cut:
            raise aiohttp.ClientPayloadError("not enough data to satisfy content length header")
        if self._is_read:
            return b""
        self._is_read = True
        return self._answer.body


class _Response:
    """What the hub reads of a response."""

    def __init__(self, process: SimulatedProcess, answer: _Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.content = _Content(process, answer)


class Session:
    """Stands where the hub's aiohttp session stands."""

    def __init__(self, process: SimulatedProcess, erp: Erp) -> None:
        self._process = process
        self._erp = erp

    @asynccontextmanager
    async def request(
        self, method: str, url: URL, *, headers: Mapping[str, str], data: bytes | None, allow_redirects: bool
    ) -> AsyncIterator[_Response]:
        """One call.

        Raises:
            aiohttp.ClientError, TimeoutError: as the real one.
        """
        assert not allow_redirects
        # A worker that stands still between its last check and the first byte cannot be closed out
        # (DESIGN, "Exactly one document", 8), so nobody stalls here.
        await self._process.effect(f"{method} {url.path}", can_stall=False)
        if self._erp.is_down:
            key = ConnectionKey("erp", 443, True, True, None, None, None, None)
            raise aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))
        if method == "POST":
            self._erp.world.sent(data or b"")
        answer = self._erp.carry(_Request(method, url, headers, data or b""))
        async with asyncio.timeout(READ_TIMEOUT_S):
            got = await answer
        await self._process.effect("ANSWER")
        if got.is_lost:
            raise aiohttp.ServerDisconnectedError
        yield _Response(self._process, got)

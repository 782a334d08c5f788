"""One hub with a connection of each connector, a sandbox of each over real HTTP, and its engine."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.sandbox import Cin7Sandbox
from connectors.peoplevox_stub.sandbox import PeoplevoxSandbox
from hub.core import open_hub
from hub.engine.embedded import running_engine
from hub.inbound.accept import accept
from hub.merchant import connections, methods, rmas, stores
from hub.outcomes import Status
from hub.rma import MethodType
from hub.store.models import Connection, Delivery
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.support.documents import METHODS, event, rma, unit
from tests.support.times import HeldTime
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.core import Hub
    from hub.engine.embedded import Engine
    from hub.environment import Environment
    from hub.sandbox import Sandbox
    from hub.store.models import Store

WAITING = (Status.PENDING, Status.SENDING, Status.IN_DOUBT)


@dataclass(kw_only=True)
class Side:
    """One connector at work: its connection, its sandbox, and the return method that leads there."""

    row: Connection
    sandbox: Sandbox
    method: str

    def fault(self, text: str) -> None:
        """Orders a misbehaviour, written as for ``hub sandbox --fault``."""
        self.sandbox.inject(parse_fault(text))


@dataclass(kw_only=True)
class Pair:
    """What a test acts on."""

    hub: Hub
    engine: Engine
    store: Store
    sides: dict[str, Side]
    time: HeldTime
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    async def submit(self, name: str, count: int = 1) -> list[str]:
        """Approved returns by the method of one side; their numbers."""
        numbers = [str(next(self._numbers)) for _ in range(count)]
        for number in numbers:
            item = unit(int(number) * 100, method=self.sides[name].method)
            document = rma(number, item, order_name=f"#{number}")
            await accept(self.hub.clock, self.store, event(document), source="test")
            self.engine.ring()
        return numbers

    async def finish(self, numbers: list[str], *, hurried: str = "") -> None:
        """Waits until these returns need nothing more.

        Args:
            numbers: of the returns.
            hurried: the side for which everything put off is due at once; empty for none.
        """

        async def is_finished() -> bool:
            if hurried:
                rows = Delivery.filter(connection_id=self.sides[hurried].row.id, status__in=WAITING)
                await rows.exclude(status=Status.SENDING).update(next_attempt_at=self.time.now())
                self.engine.ring()
            return not await Delivery.filter(rma__rma_id__in=numbers, status__in=WAITING).exists()

        await (self.time.pass_until(is_finished) if hurried else until(is_finished))

    async def shown(self, rma_id: str) -> dict[str, Any]:
        """The RMA as ``hub rmas show --json`` gives it."""
        return await rmas.shown(self.store, await rmas.get(self.store, rma_id))


@asynccontextmanager
async def open_pair(environment: Environment, **settings: str) -> AsyncIterator[Pair]:
    """A hub at work with ``cin7`` (by UPS label) and ``peoplevox`` (by store return) for the block.

    Args:
        environment: where the hub's database is, up to date and without rows.
        settings: of both connections.
    """
    time = HeldTime()
    cin7, peoplevox = Cin7Sandbox(7, time.now, quota=()), PeoplevoxSandbox(7, time.now)
    quick = {"look_up_orders": "off", "check_double_credit": "off"}
    async with (
        SandboxServer(cin7) as first,
        SandboxServer(peoplevox) as second,
        open_hub(environment, clock=time.clock) as hub,
        running_engine(hub) as engine,
    ):
        await stores.ensure_default(hub.clock)
        store = await stores.get()
        common = {"doubt_looks": "1,2,3", "poll_interval_s": "86400", **settings}
        given = {**cin7.settings(first.url), **cin7.credentials, **quick, **common}
        one = await connections.add(hub, store, "cin7_omni", "cin7", given, should_check=False)
        given = {**peoplevox.settings(second.url), **peoplevox.credentials, **common}
        other = await connections.add(hub, store, "peoplevox_stub", "peoplevox", given, should_check=False)
        sides = {
            "cin7": Side(row=one.row, sandbox=cin7, method="UPS label"),
            "peoplevox": Side(row=other.row, sandbox=peoplevox, method="Store return"),
        }
        for side in sides.values():
            kind = MethodType(METHODS[side.method][1])
            await methods.point_at(await methods.add(store, side.method, kind), side.row, None)
        yield Pair(hub=hub, engine=engine, store=store, sides=sides, time=time)

"""A hub in this process, connected to a sandbox of Cin7 Omni over real HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.dispatch.http import client_session
from hub.dispatch.work import poll_now, work
from hub.inbound.accept import accept
from hub.merchant import connections, methods, rmas, stores
from hub.outcomes import Status
from hub.rma import MethodType
from hub.store.models import Connection, Delivery
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.support.documents import METHODS, event
from tests.support.times import HeldTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from hub.core import Hub
    from hub.dispatch.poll import PollReport
    from hub.environment import Environment
    from hub.inbound.arriving import Accepted
    from hub.store.models import Store

WAITING = (Status.PENDING, Status.SENDING, Status.IN_DOUBT)
LONGEST = timedelta(hours=6)
"""More than the hub waits for anything."""


@dataclass(kw_only=True)
class Stage:
    """What a test acts on. ``connection_id`` is that of ``main``, which every method but one points at."""

    hub: Hub
    store: Store
    sandbox: Cin7Sandbox
    connection_id: str
    http: aiohttp.ClientSession
    time: HeldTime

    async def submit(self, document: dict[str, Any]) -> Accepted:
        return await accept(self.hub.clock, self.store, event(document), source="test")

    def fault(self, text: str) -> None:
        """Orders a misbehaviour, written as for ``hub sandbox --fault``."""
        self.sandbox.inject(parse_fault(text))

    async def work(self, most_batches: int | None = None) -> bool:
        """What the engine does when it is rung. On a slow machine even the first look may be due in one turn.

        Args:
            most_batches: come back after so many.
        """
        return await work(self.hub, self.http, self.connection_id, owner="test", most_batches=most_batches)

    async def settle(self) -> None:
        """Works until nothing waits any more, or the connection is paused."""
        end = self.time.now() + LONGEST
        while self.time.now() < end:
            await self.work()
            waiting = await Delivery.filter(status__in=WAITING, connection_id=self.connection_id)
            if not waiting or (await self.connection()).is_paused:
                return
            due = min(row.next_attempt_at for row in waiting if row.next_attempt_at) - self.time.now()
            self.time.set_forward(max(due, timedelta(0)))
        raise AssertionError("deliveries still wait")

    async def poll(self) -> PollReport:
        return await poll_now(self.hub, self.http, self.connection_id, owner="test")

    async def connection(self) -> Connection:
        return await Connection.get(id=self.connection_id)

    async def delivery(self, rma_id: str) -> Delivery:
        return await Delivery.get(rma__rma_id=rma_id).select_related("rma")

    async def shown(self, rma_id: str) -> dict[str, Any]:
        """The RMA as ``hub rmas show --json`` gives it."""
        return await rmas.shown(self.store, await rmas.get(self.store, rma_id))

    async def story(self, rma_id: str) -> list[str]:
        """The kinds of the RMA's timeline."""
        return [entry["kind"] for entry in (await self.shown(rma_id))["timeline"]]

    @property
    def notes(self) -> list[dict[str, Any]]:
        """What the sandbox holds."""
        return self.sandbox.documents()

    @property
    def posts(self) -> list[dict[str, Any]]:
        """The writes the sandbox was sent."""
        return [call for call in self.sandbox.calls() if call["method"] == "POST"]


@asynccontextmanager
async def open_stage(environment: Environment, **settings: str) -> AsyncIterator[Stage]:
    """A hub and a sandbox for the block.

    Args:
        environment: where the hub's database is, up to date and without rows.
        settings: of the connection.
    """
    time = HeldTime()
    sandbox = Cin7Sandbox(7, time.now, quota=())
    async with (
        SandboxServer(sandbox) as server,
        open_hub(environment, clock=time.clock) as hub,
        client_session() as http,
    ):
        await stores.ensure_default(hub.clock)
        store = await stores.get()
        values = {**sandbox.settings(server.url), **sandbox.credentials, "doubt_looks": "1,2,3", **settings}
        added = await connections.add(hub, store, "cin7_omni", "main", values, should_check=False)
        for name, (_, kind) in METHODS.items():
            method = await methods.add(store, name, MethodType(kind))
            if kind != MethodType.NO_SHIPMENT_REQUIRED:
                await methods.point_at(method, added.row, None)
        yield Stage(hub=hub, store=store, sandbox=sandbox, connection_id=added.row.id, http=http, time=time)

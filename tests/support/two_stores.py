"""Two stores of one hub, each with an ERP and a shop on ReturnGO, over real HTTP in one process."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.marker import marked_rma
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.dispatch.http import client_session
from hub.engine.work import due_connections, work
from hub.inbound.accept import accept
from hub.mapping.exact_json import write_json
from hub.merchant import connections, deliveries, health, methods, platforms, rmas, search, shown, stores
from hub.outcomes import Status
from hub.platform.returngo.sandbox import ReturnGoSandbox
from hub.platform.returngo.work import poll_now
from hub.rma import MethodType
from hub.store.models import Connection, Delivery, Rma
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.support.documents import METHODS, event, rma, unit
from tests.support.times import HeldTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from hub.core import Hub
    from hub.environment import Environment
    from hub.inbound.arriving import Accepted
    from hub.store.models import Store

NUMBER = "901"
LONGEST = timedelta(hours=6)
WAITING = (Status.PENDING, Status.SENDING, Status.IN_DOUBT)


@dataclass(kw_only=True)
class Side:
    """One of the two stores, and what is connected to it."""

    hub: Hub
    http: aiohttp.ClientSession
    store: Store
    erp: Cin7Sandbox
    erp_url: str
    returngo: ReturnGoSandbox
    shop_url: str
    connection_id: str
    platform_id: str = ""

    def document(self, number: str = NUMBER, **others: Any) -> dict[str, Any]:
        """A return as this store knows it: its order bears the store's name, so no two are alike."""
        item = unit(int(number) * 100)
        return rma(number, item, order_name=f"#{number}-{self.store.name}"[:50], **others)

    async def sign(self, number: str = NUMBER, **others: Any) -> Accepted:
        """An event as a sender of the store would sign it."""
        source = f"events/{self.store.id}"
        return await accept(self.hub.clock, self.store, event(self.document(number, **others)), source=source)

    async def connect_shop(self, **settings: str) -> None:
        values = {**self.returngo.settings(self.shop_url), **self.returngo.credentials, **settings}
        row = await platforms.add(self.hub, self.store, "shop", values, should_check=False)
        self.platform_id = row.id

    def ask(self, number: str = NUMBER) -> None:
        """A customer of its shop asks for a return."""
        self.returngo.add(json.loads(write_json(self.document(number, status="Pending"))))

    def approve(self, number: str = NUMBER) -> None:
        self.returngo.set_status(number, "Approved")

    async def poll(self) -> None:
        """Takes in what its shop shows."""
        await poll_now(self.hub, self.http, self.platform_id, owner="test")

    async def show(self, number: str = NUMBER) -> None:
        """Its shop has an approved return, and the hub reads it there."""
        if not self.platform_id:
            await self.connect_shop()
        self.ask(number)
        self.approve(number)
        await self.poll()

    def fault(self, text: str) -> None:
        self.erp.inject(parse_fault(text))

    async def row(self) -> Connection:
        """Its connection to the ERP."""
        return await Connection.get(id=self.connection_id)

    async def work(self) -> None:
        """What the engine does when it is rung for the store's ERP."""
        await work(self.hub, self.http, self.connection_id, owner=f"test {self.store.name}")

    async def rma(self, number: str = NUMBER) -> Rma:
        return await rmas.get(self.store, number)

    async def delivery(self, number: str = NUMBER) -> Delivery:
        return await Delivery.get(rma__store_id=self.store.id, rma__rma_id=number).select_related("rma")

    async def status(self, number: str = NUMBER) -> Status:
        return (await self.delivery(number)).status

    async def kinds(self, number: str = NUMBER) -> list[str]:
        """The kinds of its story."""
        story = (await rmas.shown(self.store, await self.rma(number)))["timeline"]
        return [each["kind"] for each in story]

    async def read(self) -> str:
        """All that somebody of the store can read, as one text."""
        store, hub = self.store, self.hub
        texts: list[Any] = [await rmas.shown(store, row) for row in await rmas.every(store, limit=100)]
        texts += [await shown.delivery(each) for each in await deliveries.every(store, limit=100)]
        for row in await connections.every(store):
            texts += [shown.connection(hub, row)]
            texts += [shown.connection_listed(row, await health.health(hub, row))]
        sources = await platforms.every(store)
        texts += [shown.platform_listed(await platforms.health(hub, row)) for row in sources]
        texts += [str(row) for row in (await search.find(store, search.Wanted(), limit=100)).rows]
        return json.dumps(texts, default=str)


@dataclass(kw_only=True)
class TwoStores:
    """What a test acts on. ``ours`` is the store *ours*, ``theirs`` the store *stranger*."""

    time: HeldTime
    ours: Side
    theirs: Side

    async def settle(self) -> None:
        """Works, and sets the time forward, until nothing waits over a connection that is not paused."""
        end = self.time.now() + LONGEST
        while self.time.now() < end:
            for connection_id in await due_connections(self.time.now()):
                await work(self.ours.hub, self.ours.http, connection_id, owner="test")
            going = Delivery.filter(status__in=WAITING, connection__is_paused=False)
            waiting = await going
            if not waiting:
                return
            due = min(row.next_attempt_at for row in waiting if row.next_attempt_at) - self.time.now()
            self.time.set_forward(max(due, timedelta(0)))
        raise AssertionError("deliveries still wait")

    def made(self, side: Side, number: str = NUMBER) -> int:
        """How many notes of a return its account holds that count."""
        return sum(
            1
            for note in side.erp.documents()
            if marked_rma(note["raw"]["internalComments"]) == number and note["raw"]["status"] != "VOID"
        )


@asynccontextmanager
async def open_two_stores(
    environment: Environment,
    *,
    is_one_account: bool = False,
    seeds: tuple[int, int] = (0, 1),
    **settings: str,
) -> AsyncIterator[TwoStores]:
    """A hub with two stores for the block.

    Args:
        environment: where the hub's database is, up to date and without rows.
        is_one_account: True connects both stores to one account of the ERP.
        seeds: of the two accounts.
        settings: of both connections to the ERP. A lost answer is looked for ten minutes later at first: the
            hub's time runs fast.
    """
    time = HeldTime()
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(open_hub(environment, clock=time.clock))
        http = await stack.enter_async_context(client_session())
        await stores.ensure_default(hub.clock)
        erps: list[tuple[Cin7Sandbox, str]] = []
        sides = []
        for seed, name in zip(seeds, ("ours", "stranger"), strict=True):
            if not (erps and is_one_account):
                made = Cin7Sandbox(seed, time.now, quota=(), has_unique_references=False)
                erps.append((made, (await stack.enter_async_context(SandboxServer(made))).url))
            erp, url = erps[-1]
            returngo = ReturnGoSandbox(seed, time.now, quota=())
            shop = await stack.enter_async_context(SandboxServer(returngo))
            store = await stores.add(name, time.now())
            values = {**erp.settings(url), **erp.credentials, "doubt_looks": "600,1200,3600", **settings}
            added = await connections.add(
                hub, store, "cin7_omni", f"{name}-erp", values, should_check=False, is_second_allowed=True
            )
            for method, (_, kind) in METHODS.items():
                row = await methods.add(store, method, MethodType(kind))
                if kind != MethodType.NO_SHIPMENT_REQUIRED:
                    await methods.point_at(row, added.row, None)
            sides.append(
                Side(
                    hub=hub,
                    http=http,
                    store=store,
                    erp=erp,
                    erp_url=url,
                    returngo=returngo,
                    shop_url=shop.url,
                    connection_id=added.row.id,
                )
            )
        yield TwoStores(time=time, ours=sides[0], theirs=sides[1])

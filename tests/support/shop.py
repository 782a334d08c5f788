"""A stage with a shop on ReturnGO beside it: the whole circle over real HTTP, in one process."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hub.engine.work import due_connections, work
from hub.mapping.exact_json import write_json
from hub.merchant import platforms
from hub.platform.returngo.hints import remember_hint
from hub.platform.returngo.opening import read_credentials
from hub.platform.returngo.sandbox import ReturnGoSandbox
from hub.platform.returngo.work import poll_now
from hub.store.models import Connection, UpdateSending
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from hub.web.server import make_app
from tests.support.documents import rma, unit
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from hub.platform.returngo.polling import PollReport
    from tests.support.stage import Stage

LONGEST = timedelta(hours=6)


@dataclass(kw_only=True)
class Shop:
    """What a test acts on."""

    stage: Stage
    returngo: ReturnGoSandbox
    platform_id: str

    def add(self, rma_id: str = "901", *units: Any, status: str = "Pending", **others: Any) -> None:
        """A return of its shop: one unit on one shipment, unless others are given."""
        shipment = {
            "shipmentId": f"SH{rma_id}",
            "status": "LabelCreated",
            "carrierName": "UPS",
            "isOutbound": 0,
        }
        items = list(units) or [unit(int(rma_id) * 100)]
        items = [{"shipmentId": f"SH{rma_id}"} | each for each in items]
        document = rma(rma_id, *items, status=status, order_name=f"#{rma_id}")
        document = document | {"shipments": [shipment]} | others
        self.returngo.add(json.loads(write_json(document)))

    def approve(self, *rma_ids: str) -> None:
        for rma_id in rma_ids:
            self.returngo.set_status(rma_id, "Approved")

    def fault(self, text: str) -> None:
        self.returngo.inject(parse_fault(text))

    async def poll(self) -> PollReport:
        return await poll_now(self.stage.hub, self.stage.http, self.platform_id, owner="test")

    async def hint(self, rma_id: str | None = None, *, body: bytes | None = None) -> bool:
        """A webhook as it comes in; by default about an RMA."""
        token = read_credentials(self.stage.hub, await self.platform()).hint_token.get_secret_value()
        sent = body if body is not None else json.dumps({"eventName": "X", "rmaId": rma_id}).encode()
        return await remember_hint(self.stage.hub.clock, token, sent)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[list[None]]:
        """The hub takes the sandbox's webhooks in the block; gives how often its engine was rung."""
        rung: list[None] = []
        app = make_app(self.stage.hub, is_local=True, ring=lambda: rung.append(None))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            path = platforms.hint_path(self.stage.hub, await self.platform())
            self.returngo.hooks.add(f"http://127.0.0.1:{runner.addresses[0][1]}{path}")
            yield rung
        finally:
            await runner.cleanup()

    async def work(self) -> None:
        """What the engine does once for everything that is due now."""
        for connection_id in await due_connections(self.stage.time.now()):
            await work(self.stage.hub, self.stage.http, connection_id, owner="test")

    async def settle(self, longest: timedelta = LONGEST) -> None:
        """Works, and sets the time forward, until nothing is to be sent to anyone."""
        end = self.stage.time.now() + longest
        while self.stage.time.now() < end:
            await self.work()
            await self.stage.settle()
            if not await UpdateSending.exists(status="pending"):
                return
            self.stage.time.set_forward(timedelta(seconds=20))
        raise AssertionError("updates still wait")

    async def platform(self) -> Connection:
        return await Connection.get(id=self.platform_id)

    def calls(self, method: str, start: str = "/") -> list[dict[str, Any]]:
        return [
            call
            for call in self.returngo.calls()
            if call["method"] == method and call["path"].startswith(start)
        ]

    def held(self, rma_id: str = "901") -> dict[str, Any]:
        return self.returngo.books.need(rma_id)

    def comments(self, rma_id: str = "901") -> list[str]:
        return [each["htmlText"] for each in self.held(rma_id).get("comments", ())]

    def shipments(self, rma_id: str = "901") -> list[str]:
        return [each["status"] for each in self.held(rma_id)["shipments"]]


@asynccontextmanager
async def open_shop(
    environment: Environment, sandbox: dict[str, Any] | None = None, /, **settings: str
) -> AsyncIterator[Shop]:
    """A hub, a sandbox of Cin7 Omni and one of ReturnGO for the block.

    Args:
        environment: where the hub's database is, up to date and without rows.
        sandbox: what the sandbox of ReturnGO is made with.
        settings: of the platform.
    """
    async with open_stage(environment) as stage:
        returngo = ReturnGoSandbox(7, stage.time.now, **({"quota": ()} | (sandbox or {})))
        async with SandboxServer(returngo) as server:
            values = {**returngo.settings(server.url), **returngo.credentials, **settings}
            row = await platforms.add(stage.hub, stage.store, "shop", values, should_check=False)
            yield Shop(stage=stage, returngo=returngo, platform_id=row.id)

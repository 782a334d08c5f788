"""A hub on PostgreSQL: `hub serve` and workers as processes, and several ERPs that outlive them."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg

from connectors.cin7_omni.marker import marked_rma
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.environment import Environment
from hub.merchant import connections, event_secrets, methods, stores
from hub.registry import Registry
from hub.rma import MethodType
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.integration.events.door import body_of, post, signed
from tests.support import documents
from tests.support.forked import PAIRS, QUICK, Commands, Forked
from tests.support.waiting import LONGEST_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from hub.core import Hub

TAKEN = 202


@dataclass(kw_only=True)
class Fleet:
    """What a test acts on. Connection ``erp-N`` leads to ``sandboxes[N]``, as does method ``Method N``."""

    environment: Environment
    sandboxes: Sequence[Cin7Sandbox]
    connection_ids: Sequence[str]
    secret: str
    database: asyncpg.Pool
    http: aiohttp.ClientSession
    url: str = ""
    submitted: list[str] = field(default_factory=list)
    processes: list[Forked] = field(default_factory=list)

    @property
    def commands(self) -> Commands:
        variables = {"HUB_DATABASE_URL": self.environment.database_url, "HUB_EGRESS_ALLOW": "127.0.0.0/8"}
        return Commands(home=self.environment.home, variables=variables)

    def hub(self) -> Any:
        """The hub in this process: an async context manager."""
        return open_hub(self.environment, registry=Registry([QUICK, PAIRS]))

    async def serve(self) -> Forked:
        """Starts `hub serve`; comes back when it is ready."""
        (serving,) = await self.start([("serve", "--port", "0")])
        return serving

    async def work(self, number: int = 1) -> list[Forked]:
        """Starts workers; comes back when they are ready."""
        return await self.start([("worker",)] * number)

    async def start(
        self,
        commands: Iterable[tuple[str, ...]],
        *,
        crash_at: str = "",
        clock_ahead_by: timedelta = timedelta(0),
    ) -> list[Forked]:
        """Starts several processes at once; comes back when all are ready."""
        before = len(self._printed(" is ready"))
        started = [
            self.commands.start(*each, crash_at=crash_at, clock_ahead_by=clock_ahead_by) for each in commands
        ]
        self.processes += started
        await self.until(lambda: len(self._printed(" is ready")) == before + len(started))
        if serving := self._printed("hub is ready on "):
            self.url = serving[-1].partition(",")[0]
        return started

    def _printed(self, text: str) -> list[str]:
        output = self.commands.output
        lines = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
        return [line.partition(text)[2] for line in lines if text in line]

    async def submit(self, rma_id: str, erp: int = 0) -> None:
        """As a platform does: signed, and again until it is taken."""
        unit = documents.unit(int(rma_id) * 10)
        unit["returnMethod"]["name"] = f"Method {erp}"
        body = body_of(documents.rma(rma_id, unit, order_name=f"#{rma_id}"))
        while True:
            headers = signed(self.secret, body, at=datetime.now(UTC), message_id=f"msg_{rma_id}")
            try:
                if (await post(self.http, f"{self.url}/v1/events", body, headers)).status == TAKEN:
                    break
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.3)
        self.submitted.append(rma_id)

    def fault(self, text: str) -> None:
        """Orders a misbehaviour of every ERP."""
        for sandbox in self.sandboxes:
            sandbox.inject(parse_fault(text))

    def clear_faults(self) -> None:
        """Every ERP behaves well again, and answers what was slow."""
        for sandbox in self.sandboxes:
            sandbox.clear_faults()

    def notes(self) -> list[int]:
        """How many notes each ERP has."""
        return [len(sandbox.records("CreditNotes")) for sandbox in self.sandboxes]

    def sent(self) -> int:
        """How many notes there are."""
        return sum(self.notes())

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.database.fetch(statement)]

    async def is_done(self) -> bool:
        """Every return submitted has its note, and the hub knows it."""
        done = await self.rows("SELECT count(*) FROM delivery WHERE status = 'done'")
        return done == [(len(self.submitted),)]

    async def until(self, condition: Callable[[], Any], longest_s: float = LONGEST_S) -> None:
        try:
            await until(condition, longest_s)
        except TimeoutError:
            raise AssertionError(f"did not come about; {await self.told()}") from None

    async def told(self) -> str:
        """For the message of a test that fails."""
        states = await self.rows("SELECT status, verdict, reason, count(*) FROM delivery GROUP BY 1, 2, 3")
        claims = await self.rows("SELECT name, claim_owner, claim_expires_at FROM connection")
        printed = self.commands.output.read_text(encoding="utf-8")[-6000:]
        return f"deliveries: {states}; claims: {claims}; notes: {self.sent()}; printed: {printed}"

    async def check_one_each(self) -> None:
        """Every return has one note, its delivery knows it, and there is nothing else."""
        notes = [note for sandbox in self.sandboxes for note in sandbox.documents()]
        marks = Counter(marked_rma(note["raw"]["internalComments"]) for note in notes)
        assert marks == Counter(self.submitted), await self.told()
        found = await self.rows(
            "SELECT c.name, d.document_id, rma.rma_id FROM delivery d JOIN rma ON rma.id = d.rma_id "
            "JOIN connection c ON c.id = d.connection_id"
        )
        made = [
            (f"erp-{number}", str(note["id"]), marked_rma(note["raw"]["internalComments"]))
            for number, sandbox in enumerate(self.sandboxes)
            for note in sandbox.documents()
        ]
        assert sorted(found) == sorted(made), await self.told()


@asynccontextmanager
async def open_fleet(
    home: Path, database_url: str, *, erps: int = 1, connector: str = QUICK.name, **settings: str
) -> AsyncIterator[Fleet]:
    """A hub on a migrated PostgreSQL database, and ERPs, for the block; its processes are ended after it."""
    environment = Environment(
        home=home, database_url=database_url, egress_allow=(ipaddress.ip_network("127.0.0.0/8"),)
    )
    environment.write_key()
    values = {"doubt_looks": "0,1", "poll_interval_s": "3600", "look_up_orders": "off"}
    values |= {"check_double_credit": "off", **settings}
    async with AsyncExitStack() as stack:
        sandboxes = [Cin7Sandbox(number, quota=()) for number in range(erps)]
        servers = [await stack.enter_async_context(SandboxServer(each)) for each in sandboxes]
        async with open_hub(environment, registry=Registry([QUICK, PAIRS])) as hub:
            given = [
                {**sandbox.settings(server.url), **sandbox.credentials, **values}
                for sandbox, server in zip(sandboxes, servers, strict=True)
            ]
            ids, secret = await _set_up(hub, connector, given)
        fleet = Fleet(
            environment=environment,
            sandboxes=sandboxes,
            connection_ids=ids,
            secret=secret,
            database=await stack.enter_async_context(
                asyncpg.create_pool(database_url, min_size=0, max_size=2)
            ),
            http=await stack.enter_async_context(aiohttp.ClientSession()),
        )
        try:
            yield fleet
        finally:
            for each in fleet.processes:
                each.process.kill()
                each.process.join()


async def _set_up(hub: Hub, connector: str, given: list[dict[str, str]]) -> tuple[list[str], str]:
    await stores.ensure_default(hub.clock)
    store = await stores.get()
    ids = []
    for number, values in enumerate(given):
        added = await connections.add(hub, store, connector, f"erp-{number}", values, should_check=False)
        ids.append(added.row.id)
        method = await methods.add(store, f"Method {number}", MethodType.PREPAID_LABEL)
        await methods.point_at(method, added.row, None)
    _, secret = await event_secrets.add(hub, store, name="platform")
    return ids, secret


def freeze(forked: Forked, number: int) -> None:
    """Sends a process a signal: SIGSTOP, SIGCONT, SIGTERM."""
    assert forked.process.pid is not None
    os.kill(forked.process.pid, number)

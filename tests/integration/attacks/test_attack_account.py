"""A connection is led to another account of its ERP while a credit note is on its way: there is one note."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.errors import ConflictError
from hub.inbound.accept import accept
from hub.merchant import connections, deliveries
from hub.outcomes import Status
from hub.store.models import Attempt, Delivery
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.integration.attacks.test_attack_connections import between
from tests.support.documents import event, rma
from tests.support.stage import open_stage
from tests.support.standstill import standstill
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from aiohttp import web

    from hub.environment import Environment
    from tests.support.stage import Stage


@dataclass(kw_only=True)
class Two:
    """A stage whose connection can be led to a second account, and back."""

    stage: Stage
    first: Mapping[str, str]
    second: Mapping[str, str]
    other: Cin7Sandbox

    async def lead_to(self, account: Mapping[str, str]) -> None:
        await connections.edit(self.stage.hub, await self.stage.connection(), account)

    async def lead_after(self, account: Mapping[str, str], calls: int) -> bool:
        """Changes the account once so many more calls have come; gives whether that was allowed."""
        wanted = self.calls() + calls
        await until(lambda: self.calls() >= wanted)
        try:
            await self.lead_to(account)
        except ConflictError:
            return False
        return True

    def calls(self) -> int:
        return len(self.stage.sandbox.calls()) + len(self.other.calls())

    def lose_answers(self) -> None:
        """The next write to each account is made, and its answer lost."""
        for sandbox in (self.stage.sandbox, self.other):
            sandbox.clear_faults()
            sandbox.inject(parse_fault("drop_after_write:times=1,on=POST"))

    def notes(self, order: str) -> list[dict[str, Any]]:
        every = [*self.stage.notes, *self.other.documents()]
        return [each for each in every if each["sales_reference"] == order]


@asynccontextmanager
async def open_two(environment: Environment) -> AsyncIterator[Two]:
    async with open_stage(environment) as stage:
        row = await stage.connection()
        settings = connections.shown_values(stage.hub.registry.get(row.connector).schema, row, stage.hub)[0]
        other = Cin7Sandbox(8, stage.time.now, quota=())
        async with SandboxServer(other) as server:
            yield Two(
                stage=stage,
                first={"base_url": settings["base_url"], **stage.sandbox.credentials},
                second={"base_url": other.settings(server.url)["base_url"], **other.credentials},
                other=other,
            )


@pytest.fixture
async def two(migrated: Environment) -> AsyncIterator[Two]:
    async with open_two(migrated) as opened:
        yield opened


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_account_changed_while_an_attempt_is_written_is_refused(two: Two) -> None:
    two.lose_answers()
    await two.stage.submit(rma("901", order_name="#901"))
    async with standstill(two.stage.hub.environment.database_url, "attempt") as still:
        working = asyncio.create_task(two.stage.work())
        await still.until_waiting(1)
        leading = asyncio.create_task(two.lead_to(two.second))
        await still.until_waiting(2)
        await still.end()
        with pytest.raises(ConflictError, match="may have left a document"):
            await leading
        await working
    await two.stage.settle()
    assert len(two.notes("#901")) == 1
    assert (await two.stage.delivery("901")).status is Status.DONE


async def test_whenever_the_account_is_changed_there_is_one_note(two: Two) -> None:
    accounts = [two.second, two.first]
    changed = 0
    for number in range(901, 917):
        two.lose_answers()
        await two.stage.submit(rma(str(number), order_name=f"#{number}"))
        # From before the first call to after the write.
        changing = asyncio.create_task(two.lead_after(accounts[0], number % 4))
        await two.stage.work()
        if await changing:
            accounts.reverse()
            changed += 1
        await two.stage.settle()
        row = await two.stage.delivery(str(number))
        assert (row.status, len(two.notes(f"#{number}"))) == (Status.DONE, 1)
    assert changed

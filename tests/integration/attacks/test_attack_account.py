"""A connection is led to another account of its ERP while a credit note is on its way: there is one note."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.errors import ConflictError
from hub.merchant import asking, connections, deliveries
from hub.outcomes import Status
from hub.store.models import Delivery
from hub.testing.faults import parse_fault
from hub.testing.serving import SandboxServer
from tests.integration.attacks.test_attack_connections import between
from tests.support.documents import rma
from tests.support.stage import open_stage
from tests.support.standstill import standstill
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

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


@asynccontextmanager
async def held_reads(two: Two, status: int | None = None) -> AsyncIterator[Held]:
    """What the hub reads in the first account is answered when the test says so.

    Args:
        two: the stage.
        status: of the answer; None for the account's own.
    """
    held = Held(asked=asyncio.Event(), go=asyncio.Event())

    async def answer(request: web.Request, forward: Callable[[], Awaitable[web.Response]]) -> web.Response:
        if request.method == "GET":
            held.asked.set()
            await held.go.wait()
            if status is not None:
                return web.Response(status=status)
        return await forward()

    async with between(two.stage, answer):
        yield held


@dataclass(kw_only=True)
class Held:
    """Reads that wait: ``asked`` once one came, answered after ``go``."""

    asked: asyncio.Event
    go: asyncio.Event


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
        await still.until_held_up()
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
    for number in range(901, 909):
        two.lose_answers()
        await two.stage.submit(rma(str(number), order_name=f"#{number}"))
        # From before the first call to after the write.
        changing = asyncio.create_task(two.lead_after(accounts[0], number % 4))
        if number % 4 == 0:
            await changing
        await two.stage.work()
        if await changing:
            accounts.reverse()
            changed += 1
        await two.stage.settle()
        row = await two.stage.delivery(str(number))
        assert (row.status, len(two.notes(f"#{number}"))) == (Status.DONE, 1)
    assert changed


async def test_what_is_prepared_while_the_account_changes_is_prepared_anew(two: Two) -> None:
    await two.stage.submit(rma("901", order_name="#901"))
    async with held_reads(two) as held:
        working = asyncio.create_task(two.stage.work())
        await held.asked.wait()
        await two.lead_to(two.second)
        held.go.set()
        await working
        assert (await two.stage.delivery("901")).request is None
        await two.stage.settle()
    assert (len(two.stage.notes), len(two.other.documents())) == (0, 1)


async def test_what_was_prepared_and_not_sent_is_prepared_anew_for_another_account(two: Two) -> None:
    await two.stage.submit(rma("901", order_name="#901"))
    async with held_reads(two) as held:
        working = asyncio.create_task(two.stage.work())
        await held.asked.wait()
        await connections.pause(await two.stage.connection(), "a person paused it")
        held.go.set()
        await working
        prepared = (await two.stage.delivery("901")).request
        await two.lead_to(two.second)
    row = await two.stage.delivery("901")
    assert prepared is not None
    assert (row.request, row.original_request, row.attempts) == (None, prepared, 0)
    assert "delivery.prepared_anew" in await two.stage.story("901")
    await connections.resume(await two.stage.connection())
    await two.stage.settle()
    assert (len(two.stage.notes), len(two.other.documents())) == (0, 1)


async def test_what_was_sent_to_another_account_is_not_made_again_in_this_one(two: Two) -> None:
    clock = two.stage.hub.clock
    two.lose_answers()
    await two.stage.submit(rma("901", order_name="#901"))
    await two.stage.work(most_batches=1)
    doubtful = await two.stage.delivery("901")
    await deliveries.resolve(clock, doubtful, "nothing was made, I thought", is_without_document=True)
    await two.lead_to(two.second)
    closed = await two.stage.delivery("901")
    with pytest.raises(ConflictError, match="leads to another account"):
        await deliveries.retry(clock, closed)
    with pytest.raises(ConflictError, match="sent to another account"):
        await asking.ask(two.stage.hub, closed)
    with pytest.raises(ConflictError, match="not watched"):
        await deliveries.resolve(clock, closed, "this one", "77")
    # As when it was handed back at the very moment of the change.
    await Delivery.all().update(status=Status.IN_DOUBT, next_attempt_at=clock.now())
    await two.stage.settle()
    asked = await two.stage.delivery("901")
    assert asked.status is Status.ATTENTION
    assert "another account" in (asked.reason or "")
    assert len(two.notes("#901")) == 1
    # Led back, the hub finds what it made.
    await two.lead_to(two.first)
    await deliveries.retry(clock, await two.stage.delivery("901"))
    await two.stage.settle()
    assert (await two.stage.delivery("901")).status is Status.DONE
    assert len(two.notes("#901")) == 1


async def test_an_approval_that_comes_back_after_the_account_changed_goes_to_a_person(two: Two) -> None:
    two.stage.fault("drop_before_write:times=1,on=POST")
    await two.stage.submit(rma("901", order_name="#901"))
    await two.stage.work(most_batches=1)
    await two.stage.submit(rma("901", order_name="#901", status="Canceled", updated="2026-03-02"))
    await two.stage.settle()
    withdrawn = await two.stage.delivery("901")
    assert (withdrawn.status, withdrawn.attempts) == (Status.SKIPPED, 1)
    await two.lead_to(two.second)
    await two.stage.submit(rma("901", order_name="#901", updated="2026-03-03"))
    await two.stage.settle()
    asked = await two.stage.delivery("901")
    assert (asked.status, len(two.notes("#901"))) == (Status.ATTENTION, 0)
    assert "another account" in (asked.reason or "")


async def test_credentials_refused_before_a_person_mended_them_do_not_pause_the_connection(two: Two) -> None:
    await two.stage.submit(rma("901", order_name="#901"))
    async with held_reads(two, status=401) as held:
        working = asyncio.create_task(two.stage.work())
        await held.asked.wait()
        await connections.edit(two.stage.hub, await two.stage.connection(), {"api_key": "the right one"})
        held.go.set()
        await working
        assert not (await two.stage.connection()).is_paused

"""Machines whose clocks differ by minutes: the database's clock is what counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tortoise.exceptions import BaseORMException

import hub.clock
import hub.store.clock
from hub.core import open_hub
from hub.dispatch.claims import claim
from hub.dispatch.quota import reserve
from hub.hookspecs import QuotaWindow
from hub.store.clock import DatabaseTime, elapsed
from hub.store.database import client, open_database
from tests.support.postgres import end_backends
from tests.support.waiting import until
from tests.support.wrong_clock import clock_ahead

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.environment import Environment
    from tests.integration.workers.fleet import Fleet

MINUTES = timedelta(minutes=10)
NEAR = timedelta(seconds=20)
"""Much less than any error here, and much more than a busy machine takes to ask."""


@pytest.mark.parametrize("ahead", [MINUTES, -MINUTES], ids=["ahead", "behind"])
async def test_worker_on_a_machine_with_a_wrong_clock_leaves_a_living_claim_alone(
    fleet: Fleet, ahead: timedelta
) -> None:
    await fleet.serve()
    await fleet.start([("worker", "--concurrency", "1")], clock_ahead_by=ahead)
    async with fleet.hub() as right:
        async with claim(fleet.connection_ids[0], "test", right.clock) as held:
            assert held is not None
            await fleet.submit("900", erp=0)
            # One place only: when this is sent, the worker has tried to work on the other.
            await fleet.submit("901", erp=1)
            await fleet.until(lambda: fleet.sandboxes[1].documents() != [])
            await held.check()
            assert fleet.sandboxes[0].documents() == []
        fleet.fault("slow:seconds=1000,on=POST")
        await fleet.submit("902", erp=0)
        await fleet.until(lambda: any(call["is_write"] for call in fleet.sandboxes[0].calls()))
        async with claim(fleet.connection_ids[0], "test", right.clock) as taken:
            assert taken is None, "the worker's own claim looks ended"
        fleet.clear_faults()
    await fleet.until(fleet.is_done)
    await fleet.check_one_each()
    assert "claim lost" not in fleet.commands.output.read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class TwoAMinute:
    title: str = "the ERP"
    quota: Sequence[QuotaWindow] = (QuotaWindow(calls=2, per=timedelta(minutes=1)),)
    spacing: timedelta = timedelta(0)


@pytest.mark.parametrize("ahead", [MINUTES, -MINUTES], ids=["ahead", "behind"])
async def test_hub_on_a_machine_with_a_wrong_clock_counts_the_calls_of_others(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    async def call() -> datetime:
        async with fleet.hub() as opened:
            given = (fleet.connection_ids[0], TwoAMinute(), opened.clock.now())
            return (await reserve(*given, method="GET", url="", request_body="")).at

    first, _ = await call(), await call()
    monkeypatch.setattr(hub.clock, "datetime", clock_ahead(ahead))
    assert abs(await call() - (first + timedelta(minutes=1))) < NEAR


@pytest.fixture
async def database(migrated_postgres: str, environment: Environment) -> AsyncIterator[str]:
    async with open_database(environment.model_copy(update={"database_url": migrated_postgres})):
        yield migrated_postgres


async def test_time_that_stood_still_is_put_right_by_the_next_look(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.store.clock, "MEASURE_EVERY_S", 0.01)
    slept = 0.0
    kept = DatabaseTime(lambda: elapsed() - slept)
    await kept.measure()
    assert abs(kept.now() - datetime.now(UTC)) < NEAR
    slept = MINUTES.total_seconds()
    assert abs(kept.now() - (datetime.now(UTC) - MINUTES)) < NEAR
    end_backends(database)  # the first look, which fails
    keeping = asyncio.create_task(kept.keep())
    await until(lambda: abs(kept.now() - datetime.now(UTC)) < NEAR)
    keeping.cancel()


async def test_a_slow_answer_does_not_spoil_what_a_quick_one_has_shown(database: str) -> None:
    del database
    asked = 0

    def passing() -> float:
        # The clock is read before and after each question: the second answer seems to take ten minutes.
        nonlocal asked
        asked += 1
        return elapsed() + (600 if asked == 4 else 0)

    kept = DatabaseTime(passing)
    await kept.measure()
    await kept.measure()
    assert abs(kept.now() - datetime.now(UTC)) < NEAR


async def test_time_goes_on_while_the_database_is_away(database: str) -> None:
    kept = DatabaseTime()
    await kept.measure()
    end_backends(database)
    with pytest.raises(BaseORMException):
        await kept.measure()
    assert abs(kept.now() - datetime.now(UTC)) < NEAR
    await client().execute_query("SELECT 1")


async def test_on_sqlite_the_machine_tells_the_time(
    ready: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.clock, "datetime", clock_ahead(MINUTES))
    async with open_hub(ready) as opened:
        assert abs(opened.clock.now() - (datetime.now(UTC) + MINUTES)) < NEAR

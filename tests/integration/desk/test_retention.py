"""Calls to ERPs are kept for a stated time, and for as long as a quota is counted from them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.dispatch import retention
from hub.dispatch.quota import usage
from hub.dispatch.retention import KEPT_FOR, forget_calls
from hub.engine import embedded as engine
from hub.store.models import Attempt, Exchange, ExchangeDelivery
from tests.support.documents import rma

if TYPE_CHECKING:
    import pytest

    from tests.support.stage import Stage


async def called(stage: Stage, ago: timedelta, count: int = 1) -> None:
    at = stage.time.now() - ago
    await Exchange.bulk_create(
        Exchange(connection_id=stage.connection_id, at=at, method="GET", url="x") for _ in range(count)
    )


async def test_calls_are_deleted_after_their_time_and_not_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SMALL_BATCH", 3)
    await called(stage, KEPT_FOR + timedelta(minutes=1), 7)
    await called(stage, KEPT_FOR - timedelta(minutes=1), 2)
    assert await forget_calls(stage.hub) == 7
    assert await Exchange.all().count() == 2


async def test_what_a_delivery_was_called_for_goes_and_its_attempts_stay(stage: Stage) -> None:
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    assert await ExchangeDelivery.all().count() > 0
    stage.time.set_forward(KEPT_FOR + timedelta(days=1))
    await forget_calls(stage.hub)
    assert (await Exchange.all().count(), await ExchangeDelivery.all().count()) == (0, 0)
    assert await Attempt.all().count() == 1


async def test_the_longest_window_of_the_quota_is_never_cut(stage: Stage) -> None:
    await called(stage, timedelta(hours=23), 5)
    await called(stage, timedelta(hours=25), 5)
    assert await forget_calls(stage.hub, kept_for=timedelta(hours=1)) == 5
    schema = stage.hub.registry.get("cin7_omni").schema
    day = (await usage(stage.connection_id, schema, stage.time.now()))[-1]
    assert day.used == 5


async def test_the_engine_deletes_them_again_and_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TIDY_EVERY_S", 0.1)
    async with engine.running_engine(stage.hub):
        for _ in range(2):
            await called(stage, KEPT_FOR + timedelta(days=1))
            end = time.monotonic() + 5
            while await Exchange.all().count() and time.monotonic() < end:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert await Exchange.all().count() == 0

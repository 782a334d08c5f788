"""Calls to ERPs are kept for a stated time, and for as long as a quota is counted from them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hub.dispatch import retention
from hub.dispatch.quota import usage
from hub.dispatch.retention import BETWEEN_BATCHES_S, KEPT_FOR, forget_calls
from hub.engine.embedded import TIDY_EVERY_S, running_engine
from hub.store.models import Attempt, Exchange, ExchangeDelivery
from tests.support.documents import rma
from tests.support.waiting import until

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


async def test_the_engine_deletes_them_again_and_again(stage: Stage) -> None:
    async def are_gone() -> bool:
        return not await Exchange.exists()

    def is_it_resting() -> bool:
        stage.time.let_pass(timedelta(seconds=BETWEEN_BATCHES_S))
        return any(due - stage.time.now() > timedelta(seconds=TIDY_EVERY_S / 2) for due in stage.time.awaited)

    await called(stage, KEPT_FOR + timedelta(days=1))
    async with running_engine(stage.hub):
        await until(are_gone)
        await until(is_it_resting)
        await called(stage, KEPT_FOR + timedelta(days=1))
        stage.time.let_pass(timedelta(seconds=TIDY_EVERY_S))
        await until(are_gone)

"""In any order of events, polls, sends and lost answers: one note for a return, no word of others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.merchant import connections, deliveries
from hub.outcomes import Status
from hub.store.models import Delivery
from tests.support.two_stores import open_two_stores

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.environment import Environment
    from tests.support.two_stores import Side, TwoStores

STEPS = 14
MANY = range(12)
FEW = range(3)
SETTLED = {Status.DONE, Status.SKIPPED, Status.ATTENTION}


class World:
    """Two stores and one return, which is ours: the platform shows it in our shop."""

    def __init__(self, two: TwoStores, environment: Environment, seed: int) -> None:
        self._two = two
        self._environment = environment
        self._dice = Random(seed)  # noqa: S311 - repeatable, not secret
        self.told: list[str] = []

    async def live(self) -> None:
        ours, theirs = self._two.ours, self._two.theirs
        ours.ask()
        await ours.connect_shop()
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "theirs signs": theirs.sign,
            "ours signs": ours.sign,
            "approved": self._approve,
            "ours polls": ours.poll,
            "theirs works": theirs.work,
            "ours works": ours.work,
            "both work": self._both,
            "a write is lost": self._lose,
            "time passes": self._pass,
            "theirs pauses": self._pause,
            "theirs resumes": self._resume,
            "theirs tries again": self._again,
        }
        for _ in range(STEPS):
            name = self._dice.choice(list(steps))
            self.told.append(name)
            await steps[name]()
        ours.approve()
        ours.erp.clear_faults()
        theirs.erp.clear_faults()
        await ours.poll()
        await self._resume()
        await self._two.settle()

    async def _approve(self) -> None:
        self._two.ours.approve()

    async def _both(self) -> None:
        async def beside(side: Side) -> None:
            async with open_hub(self._environment, clock=side.hub.clock):
                await side.work()

        await asyncio.gather(beside(self._two.ours), beside(self._two.theirs))

    async def _lose(self) -> None:
        fault = self._dice.choice(["drop_before_write", "drop_after_write", "unavailable"])
        self._dice.choice([self._two.ours, self._two.theirs]).fault(f"{fault}:on=POST")

    async def _pass(self) -> None:
        self._two.time.set_forward(timedelta(seconds=self._dice.choice([1, 15, 40])))

    async def _pause(self) -> None:
        await connections.pause(await self._two.theirs.row(), "by hand")

    async def _resume(self) -> None:
        await connections.resume(await self._two.theirs.row())

    async def _again(self) -> None:
        theirs = self._two.theirs
        row = await Delivery.get_or_none(rma__store_id=theirs.store.id)
        if row is not None and row.status in {Status.SKIPPED, Status.ATTENTION}:
            await deliveries.retry(theirs.hub.clock, row)


@pytest.mark.parametrize("is_one_account", [True, False], ids=["one_account", "two_accounts"])
@pytest.mark.parametrize(
    ("database_url", "seed"),
    [("sqlite", seed) for seed in MANY] + [("postgres", seed) for seed in FEW],
    indirect=["database_url"],
)
async def test_in_any_order_the_return_is_credited_once_where_the_platform_shows_it(
    migrated: Environment, seed: int, is_one_account: bool
) -> None:
    async with open_two_stores(migrated, is_one_account=is_one_account, doubt_looks="1,20") as two:
        ours, theirs = two.ours, two.theirs
        world = World(two, migrated, seed)
        await world.live()
        told = " → ".join(world.told)
        assert two.made(ours) == 1, told
        row = await ours.delivery()
        other = await Delivery.get_or_none(rma__store_id=theirs.store.id)
        assert {row.status, other.status if other else row.status} <= SETTLED, told
        # Only a note in the same account stands in the way.
        is_stopped = is_one_account and other is not None and other.document_id is not None
        assert row.status is (Status.ATTENTION if is_stopped else Status.DONE), told
        if not is_one_account:
            assert two.made(theirs) == int(other is not None and other.status is Status.DONE), told
        for reader, stranger in ((ours, theirs), (theirs, ours)):
            assert stranger.store.name not in await reader.read(), told

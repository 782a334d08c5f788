"""The whole circle while anything goes wrong on either side, drawn from a seed."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.store.models import Connection, Delivery, RmaToFetch, UpdateSending

if TYPE_CHECKING:
    from tests.support.shop import Shop

RMAS = ("901", "902", "903")
STEPS = 30
ON_RETURNGO = [
    "drop_before_write:on=GET",
    "drop_after_write:on=POST",
    "drop_after_write:on=PUT",
    "cut_off_body",
    "server_error_html",
    "unavailable",
    "too_many_requests:seconds=40",
]
ON_CIN7 = ["drop_after_write:on=POST", "drop_before_write:on=POST", "unavailable", "empty_200:on=POST"]


class Play:
    """One story: what a person, the network and the hub do, each step drawn."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.pending = list(RMAS)
        self.received = set[str]()

    async def step(self) -> None:
        """Something happens."""
        shop, dice = self.shop, self.dice
        match dice.choice(["approve", "hint", "work", "work", "fault", "receive", "time", "older"]):
            case "approve" if self.pending:
                shop.approve(self.pending.pop())
            case "hint":  # late, repeated, or about nothing
                await shop.hint(dice.choice([*RMAS, "77"]))
            case "fault":
                shop.fault(dice.choice(ON_RETURNGO))
                shop.stage.fault(dice.choice(ON_CIN7))
            case "receive":
                self.receive()
            case "older":  # a comment of somebody else: the RMA changes and means nothing new
                shop.returngo.books.comment(dice.choice(RMAS), "a person's words", shop.stage.time.now())
            case "time":
                shop.stage.time.set_forward(timedelta(seconds=dice.choice([1, 10, 301])))
            case _:
                await shop.work()

    def receive(self) -> None:
        for note in self.shop.stage.notes:
            if note["id"] not in self.received:
                self.received.add(note["id"])
                self.shop.stage.sandbox.receive(note["id"])

    async def end(self) -> None:
        """All goes well again, and everything that is due happens."""
        shop = self.shop
        shop.returngo.clear_faults()
        shop.stage.sandbox.clear_faults()
        shop.approve(*self.pending)
        for _ in range(3):
            shop.stage.time.set_forward(timedelta(minutes=20))
            await shop.settle()
            self.receive()
            await Connection.filter(id=shop.stage.connection_id).update(next_poll_at=shop.stage.time.now())


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_happens_each_return_makes_the_circle_once(shop: Shop, seed: int) -> None:
    shop.stage.fault("allow_duplicate_references:times=all")
    for number in RMAS:
        shop.add(number)
    play = Play(shop, seed)
    for _ in range(STEPS):
        await play.step()
    await play.end()
    assert Counter(note["sales_reference"] for note in shop.stage.notes) == Counter(f"#{n}" for n in RMAS)
    assert await Delivery.all().count() == len(RMAS)
    for number in RMAS:
        ours = [text for text in shop.comments(number) if "[hub" in text]
        assert [text.split(" ")[0] for text in ours] == ["Credit", "Received"], ours
        assert shop.shipments(number) == ["Validated"]
    assert not await UpdateSending.filter(status__in=["pending", "failed"]).exists()
    assert await RmaToFetch.exclude(rma_id="77").count() == 0

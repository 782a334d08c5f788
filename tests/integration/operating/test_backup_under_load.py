"""`hub backup` while returns come in and go out: each copy is one moment, and what came before is in it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.core import open_hub
from hub.dispatch.work import work
from hub.outcomes import Status
from hub.store import epochs
from hub.store.backup import back_up
from hub.store.models import Delivery
from tests.support.documents import rma
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from pathlib import Path

    from hub.environment import Environment
    from tests.support.stage import Stage

BACKUPS = 4
FIRST = 70_000
"""The sandbox has no orders of such numbers."""
MOST_RETURNS = 400
HALVES = {
    "a return without its delivery": "SELECT id FROM rma WHERE id NOT IN (SELECT rma_id FROM delivery)",
    "a return without its event": "SELECT id FROM rma WHERE id NOT IN (SELECT rma_id FROM event)",
    "a return without its items": "SELECT id FROM rma WHERE id NOT IN (SELECT rma_id FROM rma_item)",
    "a note without the end of its try": "SELECT id FROM delivery WHERE status = 'done' AND id NOT IN "
    "(SELECT delivery_id FROM attempt WHERE finished_at IS NOT NULL)",
    "a try that no delivery counts": "SELECT delivery_id FROM attempt GROUP BY delivery_id "
    "HAVING count(*) <> (SELECT attempts FROM delivery WHERE id = delivery_id)",
    "a row that refers to none": "SELECT * FROM pragma_foreign_key_check",
}


async def test_copies_made_under_load_are_whole_and_lack_nothing(ready: Environment, tmp_path: Path) -> None:
    async with open_stage(ready) as stage:
        load = Load(stage)
        running = [asyncio.create_task(each) for each in (load.take_in(), load.take_in(), load.send())]
        try:
            for number in range(BACKUPS):
                # Something happens while each copy is made.
                await load.until_taken(len(load.taken) + 10)
                before = set(load.taken)
                copy = tmp_path / f"{number}.db"
                await asyncio.to_thread(back_up, ready, copy)
                assert before <= check_whole(copy)
        finally:
            load.is_over = True
            await asyncio.gather(*running)
        await stage.settle()
        # The first copy knows least of what was sent since.
        await work_on_with(stage, put_back(ready, tmp_path / "0.db", tmp_path / "again"))
        made = [each["sales_reference"] for each in stage.notes]
    assert len(made) == len(set(made))
    assert {f"#{each}" for each in load.taken} == set(made)


class Load:
    """Returns that come in and are sent as fast as they can be.

    Attributes:
        taken: the returns that were accepted, each once that is committed.
        is_over: set to end it.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._numbers = iter(range(FIRST, FIRST + MOST_RETURNS))
        self._grown = asyncio.Event()
        self.taken: list[str] = []
        self.is_over = False

    async def take_in(self) -> None:
        while not self.is_over and (number := next(self._numbers, None)):
            await self._stage.submit(rma(str(number), order_name=f"#{number}"))
            self.taken.append(str(number))
            self._grown.set()

    async def send(self) -> None:
        while not self.is_over:
            await self._stage.work()
            await asyncio.sleep(0)

    async def until_taken(self, returns: int) -> None:
        while len(self.taken) < min(returns, MOST_RETURNS):
            self._grown.clear()
            await self._grown.wait()


def check_whole(copy: Path) -> set[str]:
    """Gives the returns in a copy, none of which is half there."""
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as database:
        for what, statement in HALVES.items():
            assert database.execute(statement).fetchall() == [], what
        return {rma_id for (rma_id,) in database.execute("SELECT rma_id FROM rma")}


def put_back(lost: Environment, copy: Path, home: Path) -> Environment:
    """As after `hub restore` on another machine."""
    home.mkdir()
    restored = lost.model_copy(update={"home": home})
    shutil.copyfile(copy, restored.database_file)
    return restored


async def work_on_with(stage: Stage, restored: Environment) -> None:
    """Works in a restored hub until nothing waits."""
    async with open_hub(restored, clock=stage.time.clock) as hub:
        await epochs.begin(hub.clock, "restored from a backup")
        waiting = Delivery.filter(status__in=[Status.PENDING, Status.SENDING, Status.IN_DOUBT])
        while await waiting.exists():
            await work(hub, stage.http, stage.connection_id, owner="test")
            stage.time.set_forward(timedelta(seconds=5))
        assert await Delivery.exclude(status=Status.DONE).count() == 0

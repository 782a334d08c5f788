"""A disk that takes no more: nothing is lost, nothing made twice, and the hub goes on by itself."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from tortoise.exceptions import OperationalError

from hub.engine.embedded import running_engine
from hub.outcomes import Status, Verdict
from hub.store.database import client
from hub.store.models import Delivery, Event, Rma
from tests.integration.crash.scene import open_scene
from tests.support import documents
from tests.support.stage import open_stage
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from hub.environment import Environment

RETURNS = [documents.rma(str(number), order_name=f"#{number}") for number in range(900, 940)]
SERVE = ("serve", "--port", "0")
TRIES = 4
"""So often the engine tries in vain to go on before there is room again."""


async def fill_disk() -> None:
    """SQLite's own way to a full disk: no page more than there are, so that it says SQLITE_FULL."""
    _, rows = await client().execute_query("PRAGMA page_count")
    await client().execute_query(f"PRAGMA max_page_count = {rows[0][0]}")


async def _all_are(**values: str) -> bool:
    return not await Delivery.exclude(**values).exists()


def tries_in(told: list[MutableMapping[str, Any]]) -> int:
    return [each["event"] for each in told].count("the database failed")


async def make_room() -> None:
    await client().execute_query("PRAGMA max_page_count = 1000000")


async def test_what_the_erp_took_while_the_disk_was_full_is_adopted_later(ready: Environment) -> None:
    async with open_stage(ready) as stage:
        for each in RETURNS:
            await stage.submit(each)
        stage.fault("slow:seconds=1000,on=POST")
        with capture_logs() as told:
            async with running_engine(stage.hub):
                await until(lambda: len(stage.notes) == len(RETURNS))
                await fill_disk()
                stage.sandbox.clear_faults()
                await stage.time.pass_until(lambda: tries_in(told) >= TRIES)
                assert await _all_are(status=Status.SENDING)
                await make_room()
                await stage.time.pass_until(lambda: _all_are(status=Status.DONE))
        assert await _all_are(verdict=Verdict.ADOPTED)
        assert len(stage.posts) == 1
        assert len(stage.notes) == len(RETURNS)


async def test_nothing_is_half_accepted_on_a_full_disk(ready: Environment) -> None:
    async with open_stage(ready) as stage:
        many = [documents.unit(number) for number in range(1, 200)]
        document = documents.rma("901", *many)
        await fill_disk()
        with pytest.raises(OperationalError, match="full"):
            await stage.submit(document)
        assert [await Event.all().count(), await Rma.all().count(), await Delivery.all().count()] == [0, 0, 0]
        await make_room()
        assert not (await stage.submit(document)).duplicate
        await stage.settle()
        assert (await stage.delivery("901")).status is Status.DONE


async def test_a_file_that_may_not_grow_is_survived_without_a_restart(tmp_path: Path) -> None:
    """In a process of its own, whose files the kernel stops at a size: SQLite says disk I/O error."""
    async with open_scene(tmp_path) as scene:
        await scene.accept(*RETURNS[:10])
        scene.fault("slow:seconds=1000,on=POST")
        serving = scene.commands.start(*SERVE)
        await scene.until(lambda: len(scene.sandbox.documents()) == 10)
        assert serving.process.pid is not None
        unlimited = resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, (4096, unlimited[1]))
        scene.sandbox.clear_faults()
        file = documents.write(tmp_path, RETURNS[30])
        await asyncio.sleep(1.5)  # nobody can tell when it has tried, for its output may not grow either
        assert scene.rows("SELECT DISTINCT status FROM delivery") == [("sending",)]
        resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert await scene.commands.start("rmas", "submit", str(file)).ended() == 0
        await scene.until(scene.is_sent)
        await serving.kill()
        scene.check_one_each(*[str(number) for number in range(900, 910)], "930")
        posts = [call for call in scene.sandbox.calls() if call["method"] == "POST"]
        assert len(posts) == 2

"""The main job on PostgreSQL as on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.outcomes import Verdict
from tests.support.documents import sample
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from hub.environment import Environment


async def test_return_is_credited_once_and_its_items_come_back(migrated: Environment) -> None:
    async with open_stage(migrated) as stage:
        stage.fault("allow_duplicate_references:times=all")
        stage.fault("drop_after_write:on=POST")
        await stage.submit(sample("one_item"))
        await stage.submit(sample("mixed_with_kept_item"))
        await stage.settle()
        assert (len(stage.notes), len(stage.posts)) == (2, 1)
        assert (await stage.delivery("41501000")).verdict is Verdict.ADOPTED
        for note in stage.notes:
            stage.sandbox.receive(note["id"])
        assert (await stage.poll()).rmas == ("41501000", "41501001")
        for rma_id in ("41501000", "41501001"):
            assert (await stage.shown(rma_id))["validation"] == "full"

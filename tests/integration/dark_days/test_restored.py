"""A database that is older than what it did: restored from a backup, copied, or put back by hand."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.errors import ConfigError
from hub.store import epochs
from hub.store.mark import Mark, mark_of, write_mark
from tests.integration.crash.scene import open_scene
from tests.support import documents
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

SERVE = ("serve", "--port", "0")
RETURNS = {each: documents.rma(each, order_name=f"#{each}") for each in ("901", "902", "903", "904")}
EPOCHS = "SELECT reason FROM epoch"


@pytest.mark.parametrize("is_unique", [True, False], ids=["unique", "not_unique"])
async def test_a_backup_from_before_the_notes_makes_none_twice(tmp_path: Path, is_unique: bool) -> None:
    async with open_scene(tmp_path, has_unique_references=is_unique) as scene:
        await scene.accept(RETURNS["901"], RETURNS["902"])
        backup = scene.back_up()
        # The database will not know that this one ever came, and gives it another delivery.
        await scene.accept(RETURNS["903"])
        await scene.work()
        assert len(scene.sandbox.documents()) == 3
        scene.restore(backup)
        await scene.accept(RETURNS["903"], RETURNS["904"])

        serving = scene.commands.start(*SERVE)
        await scene.until(scene.is_sent)
        await serving.kill()

        scene.check_one_each(*RETURNS)
        verdicts = scene.rows("SELECT verdict, count(*) FROM delivery GROUP BY 1 ORDER BY 1")
        assert verdicts == [("adopted", 3), ("created", 1)]
        assert [text.split(", the")[0] for (text,) in scene.rows(EPOCHS)] == [
            "the mark beside the database knows of attempt 3"
        ]


async def test_a_new_epoch_is_begun_once_and_lasts(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.accept(RETURNS["901"])
        backup = scene.back_up()
        await scene.work()
        scene.restore(backup)
        for number in (1, 2):
            await scene.accept(RETURNS[f"90{number}"])
            serving = scene.commands.start(*SERVE)
            await scene.until(scene.is_sent)
            await serving.kill()
        assert len(scene.rows(EPOCHS)) == 1
        scene.check_one_each("901", "902")


async def test_starting_again_and_dying_again_begin_no_epoch(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        for rma_id, document in RETURNS.items():
            await scene.accept(document)
            serving = scene.commands.start(*SERVE)
            await scene.until(scene.is_sent)
            assert scene.notes()[rma_id] == 1
            await serving.kill()
        assert scene.rows(EPOCHS) == []
        scene.check_one_each(*RETURNS)


@pytest.mark.parametrize("what", ["no mark", "a copied folder", "an unreadable mark", "another hub's mark"])
async def test_a_database_whose_mark_proves_nothing_may_be_an_old_one(tmp_path: Path, what: str) -> None:
    """Each is a database from before the notes, somewhere that its mark does not speak for it."""
    async with open_scene(tmp_path / "old", has_unique_references=False) as scene:
        await scene.accept(RETURNS["901"])
        backup = scene.back_up()
        copied_mark = tmp_path / "mark"
        shutil.copy2(mark_of(scene.database), copied_mark)
        await scene.work()
        scene.restore(backup)
        mark = mark_of(scene.database)
        match what:
            case "no mark":
                mark.unlink()
            case "a copied folder":
                await asyncio.sleep(1.5)
                shutil.copy2(copied_mark, mark)
            case "an unreadable mark":
                mark.write_text('{"epoch": ""', encoding="ascii")
            case _:
                write_mark(mark, epoch="0123456789abcdef", attempt=0)
        serving = scene.commands.start(*SERVE)
        await scene.until(scene.is_sent)
        await serving.kill()
        scene.check_one_each("901")
        assert len(scene.rows(EPOCHS)) == 1


async def test_a_database_that_was_thrown_away_leaves_its_mark(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.accept(RETURNS["901"])
        await scene.work()
        before = Mark.read(mark_of(scene.database))
        assert before is not None
        assert before.attempt == 1
        scene.database.unlink()
        async with open_hub(scene.environment, should_migrate=True) as hub:
            assert Mark.read(mark_of(scene.database)) == before
            await epochs.check(hub.clock, scene.database)
            assert await epochs.current() is not None


async def test_a_mark_that_cannot_be_written_stops_the_sending(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.accept(RETURNS["901"])
        mark = mark_of(scene.database)
        mark.unlink()
        mark.mkdir()
        with pytest.raises(ConfigError, match=r"write .*hub\.db\.mark: Is a directory"):
            await scene.work()
        assert scene.sandbox.documents() == []
        mark.rmdir()

        async def is_sent() -> bool:
            await scene.work()
            return scene.is_sent()

        await until(is_sent)
        scene.check_one_each("901")

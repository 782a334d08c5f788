"""Another process that holds a write on the database for ten seconds: everyone waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.integration.crash.scene import open_scene
from tests.support import documents

if TYPE_CHECKING:
    from pathlib import Path

HELD_S = 10.0
RETURNS = {each: documents.rma(each, order_name=f"#{each}") for each in ("901", "902", "903")}


async def test_ten_seconds_of_a_locked_database(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.accept(RETURNS["901"], RETURNS["902"])
        scene.fault("slow:seconds=1000,on=POST")
        serving = scene.commands.start("serve", "--port", "0")
        file = documents.write(tmp_path, RETURNS["903"])
        await scene.until(lambda: len(scene.sandbox.documents()) == 2)
        with closing(sqlite3.connect(scene.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # The ERP says yes, and the hub cannot write it down. Its processes are other ones than this.
            scene.sandbox.clear_faults()
            submitting = scene.commands.start("rmas", "submit", str(file))
            await asyncio.sleep(HELD_S)
            assert submitting.process.is_alive()
            assert scene.rows("SELECT DISTINCT status FROM delivery") == [("sending",)]
            other.execute("COMMIT")
        assert await submitting.ended() == 0
        await scene.until(scene.is_sent)
        await serving.kill()
        scene.check_one_each(*RETURNS)
        # It waited, so that the answer itself was written down: nothing had to be looked for.
        assert scene.rows("SELECT DISTINCT verdict FROM delivery") == [("created",)]

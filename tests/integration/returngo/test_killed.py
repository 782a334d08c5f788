"""The hub killed between reading from ReturnGO and telling it: nothing is lost and nothing told twice."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from hub.crashpoints import CrashPoint
from hub.mapping.exact_json import write_json
from hub.merchant import platforms, stores
from hub.platform.returngo.sandbox import ReturnGoSandbox
from hub.testing.serving import SandboxServer
from tests.integration.crash.scene import open_scene
from tests.support.documents import rma, unit
from tests.support.engines import on_both

if TYPE_CHECKING:
    from pathlib import Path

RMAS = ("901", "902")
POINTS = [
    CrashPoint.PLATFORM_LISTED,
    CrashPoint.PLATFORM_REMEMBERED,
    CrashPoint.PLATFORM_TAKEN_IN,
    CrashPoint.SENDING_AFTER_ANSWER,
    f"{CrashPoint.SENDING_AFTER_ANSWER}:4",
]
"""The fourth answer is about the goods: a comment and a shipment are written, and not known to be."""


@pytest.mark.parametrize(
    ("database_url", "point"), on_both([(each,) for each in POINTS]), indirect=["database_url"]
)
async def test_killed_between_reading_and_telling(tmp_path: Path, database_url: str, point: str) -> None:
    returngo = ReturnGoSandbox()
    async with (
        open_scene(tmp_path, database_url=database_url) as scene,
        SandboxServer(returngo) as server,
        scene.warehouse(),
    ):
        async with scene.hub() as hub:
            values = {**returngo.settings(server.url), **returngo.credentials, "poll_interval_s": "1"}
            await platforms.add(hub, await stores.get(), "shop", values, should_check=False)
        for number in RMAS:
            shipment = {"shipmentId": f"SH{number}", "status": "Shipped", "isOutbound": 0}
            item = unit(int(number) * 100) | {"shipmentId": f"SH{number}"}
            document = rma(number, item, status="Pending", order_name=f"#{number}", shipments=[shipment])
            returngo.add(json.loads(write_json(document)))
            returngo.set_status(number, "Approved")
        assert await scene.commands.start(*scene.engine, crash_at=point).ended() == -signal.SIGKILL
        scene.bury_the_dead()
        working = scene.commands.start(*scene.engine)
        await scene.until(lambda: bool(scene.rows("SELECT 1 FROM delivery")))
        await scene.until(lambda: scene.is_settled() and scene.is_told())
        await working.kill()
        scene.check_one_each(*RMAS)
        for number in RMAS:
            held = returngo.books.need(number)
            told = [comment["htmlText"].split(" ")[0] for comment in held["comments"]]
            assert told == ["Credit", "Received"]
            assert held["shipments"][0]["status"] == "Validated"

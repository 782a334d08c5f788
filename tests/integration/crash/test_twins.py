"""The hub killed while a return number goes over from a store that signed for it to the one it belongs to."""

from __future__ import annotations

import json
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from hub.core import open_hub
from hub.crashpoints import CrashPoint
from hub.dispatch.http import client_session
from hub.dispatch.work import work
from hub.inbound.accept import accept
from hub.mapping.exact_json import write_json
from hub.merchant import connections, methods, platforms, stores
from hub.platform.returngo.sandbox import ReturnGoSandbox
from hub.registry import Registry
from hub.rma import MethodType
from hub.store.models import Connection, Role
from hub.testing.serving import SandboxServer
from tests.integration.crash.scene import open_scene
from tests.support.documents import METHODS, event, rma
from tests.support.engines import on_both
from tests.support.forked import QUICK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.crash.scene import Scene

STATUSES = """
SELECT store.name, delivery.status, delivery.attempts FROM delivery
JOIN rma ON rma.id = delivery.rma_id JOIN store ON store.id = rma.store_id ORDER BY 1
"""
MEETING = [CrashPoint.TWIN_AFTER_LOOK, CrashPoint.TWIN_BEFORE_COMMIT]
SENT = [CrashPoint.SEND_BEFORE_FIRST_BYTE, CrashPoint.SEND_AFTER_ANSWER]


@asynccontextmanager
async def contested(home: Path, database_url: str) -> AsyncIterator[tuple[Scene, str]]:
    """A stranger has signed for 901, which the shop of the default store shows as approved, unread so far.

    Both stores lead to one account. Gives the stranger's connection, which is paused.
    """
    returngo = ReturnGoSandbox()
    async with (
        open_scene(home, database_url=database_url, has_unique_references=False) as scene,
        SandboxServer(returngo) as shop,
    ):
        async with open_hub(scene.environment, registry=Registry([QUICK])) as hub:
            stranger = await stores.add("stranger", hub.clock.now())
            default = await stores.get()
            main = await connections.get(default, "main")
            url = json.loads(main.settings)["base_url"]
            values = {"base_url": url, **scene.sandbox.credentials, "doubt_looks": "0,1"}
            added = await connections.add(
                hub, stranger, QUICK.name, "till", values, should_check=False, is_second_allowed=True
            )
            for name, (_, kind) in METHODS.items():
                method = await methods.add(stranger, name, MethodType(kind))
                if kind != MethodType.NO_SHIPMENT_REQUIRED:
                    await methods.point_at(method, added.row, None)
            await connections.pause(added.row, "for the test")
            await accept(hub.clock, stranger, event(rma("901", order_name="#signed")), source="test")
            given = {**returngo.settings(shop.url), **returngo.credentials, "poll_interval_s": "1"}
            await platforms.add(hub, default, "shop", given, should_check=False)
        returngo.add(json.loads(write_json(rma("901", status="Pending", order_name="#shown"))))
        returngo.set_status("901", "Approved")
        yield scene, added.row.id


async def settled(scene: Scene, *wanted: tuple[str, str, int]) -> None:
    await scene.until(lambda: scene.rows(STATUSES) == list(wanted))


@pytest.mark.parametrize("database_url", ["sqlite", "postgres"], indirect=True)
async def test_killed_while_the_number_goes_over(tmp_path: Path, database_url: str) -> None:
    async with contested(tmp_path, database_url) as (scene, till):
        point = CrashPoint.TWINS_BEFORE_COMMIT
        assert await scene.commands.start(*scene.engine, crash_at=point).ended() == -signal.SIGKILL
        # Nothing is half done: it is still the stranger's alone, and waits.
        assert scene.rows(STATUSES) == [("stranger", "pending", 0)]
        assert scene.rows("SELECT count(*) FROM rma") == [(1,)]
        scene.bury_the_dead()
        working = scene.commands.start(*scene.engine)
        await settled(scene, ("default", "done", 1), ("stranger", "skipped", 0))
        async with scene.hub():
            await resume(till)
        await settled(scene, ("default", "done", 1), ("stranger", "skipped", 0))
        await working.kill()
        assert scene.notes() == {"901": 1}


async def resume(connection_id: str) -> None:
    await connections.resume(await Connection.get(id=connection_id))


@pytest.mark.parametrize(
    ("database_url", "point"),
    on_both([(each,) for each in MEETING], always={(MEETING[0],)}),
    indirect=["database_url"],
)
async def test_killed_while_a_strangers_note_is_looked_for(
    tmp_path: Path, database_url: str, point: CrashPoint
) -> None:
    async with contested(tmp_path, database_url) as (scene, till):
        async with scene.hub() as hub, client_session() as http:
            await resume(till)
            assert await work(hub, http, till, owner="test")
        assert scene.rows(STATUSES) == [("stranger", "done", 1)]
        assert await scene.commands.start(*scene.engine, crash_at=point).ended() == -signal.SIGKILL
        assert scene.rows(STATUSES) == [("default", "pending", 0), ("stranger", "done", 1)]
        scene.bury_the_dead()
        working = scene.commands.start(*scene.engine)
        await settled(scene, ("default", "attention", 0), ("stranger", "done", 1))
        await working.kill()
        assert scene.notes() == {"901": 1}


@pytest.mark.parametrize(
    ("database_url", "point"), on_both([(each,) for each in SENT]), indirect=["database_url"]
)
async def test_a_stranger_killed_while_it_sends_leaves_one_note(
    tmp_path: Path, database_url: str, point: CrashPoint
) -> None:
    async with contested(tmp_path, database_url) as (scene, till):
        async with scene.hub():
            await Connection.filter(role=Role.PLATFORM).update(is_paused=True)
            await resume(till)
        assert await scene.commands.start(*scene.engine, crash_at=point).ended() == -signal.SIGKILL
        assert scene.rows(STATUSES) == [("stranger", "sending", 1)]
        scene.bury_the_dead()
        async with scene.hub():
            await Connection.filter(role=Role.PLATFORM).update(is_paused=False)
        working = scene.commands.start(*scene.engine)
        if point is CrashPoint.SEND_AFTER_ANSWER:
            await settled(scene, ("default", "attention", 0), ("stranger", "done", 1))
        else:
            await settled(scene, ("default", "done", 1), ("stranger", "skipped", 1))
        await working.kill()
        assert scene.notes() == {"901": 1}

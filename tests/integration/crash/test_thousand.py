"""A thousand returns, twenty kills at random times, and an ERP in which every kind of fault strikes.

With all of them at ten percent, four calls of five go wrong, and the hub's waits grow with an ERP that stays
bad. So the faults end some time after the last kill: soon in every run of the tests, which then takes less
than a minute, and after minutes, for several seeds, in `make prove`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from connectors.cin7_omni.sandbox.faults import FAULTS
from hub.inbound.accept import accept
from hub.merchant import connections, stores
from hub.store.models import Connection
from tests.integration.crash.scene import open_scene
from tests.support import documents

if TYPE_CHECKING:
    from pathlib import Path

    from hub.core import Hub
    from tests.integration.crash.scene import Scene

RETURNS = 1_000
KILLS = 20
CHANCE = 0.1
SHORT = {"hang": 0.1, "slow": 0.1, "apply_late_after_drop": 0.8, "too_many_requests": 1.0}
"""Seconds, for faults that take time."""
STORM_AFTER_KILLS_S = 5.0
LONG_STORM_S = 120.0
PATIENCE_S = 300.0


def order_faults(scene: Scene) -> None:
    """Every kind that strikes calls; ``refuse`` closes the socket and is ordered in :func:`live`."""
    for name in FAULTS:
        if name != "refuse":
            seconds = f",seconds={SHORT[name]}" if name in SHORT else ""
            scene.fault(f"{name}:times=all,chance={CHANCE}{seconds}")


async def live(scene: Scene, hub: Hub, dice: random.Random, rma_ids: range) -> None:
    """One life of the hub: it is started, given returns, and killed."""
    serving = scene.commands.start("serve", "--port", "0")
    store = await stores.get()
    death = asyncio.create_task(asyncio.sleep(dice.uniform(0.5, 1.7)))
    for rma_id in rma_ids:
        units = [documents.unit(rma_id * 10 + number) for number in range(dice.randint(1, 3))]
        document = documents.rma(str(rma_id), *units, order_name=f"#{rma_id}")
        await accept(hub.clock, store, documents.event(document), source="test")
    if dice.random() < CHANCE:
        scene.fault("refuse:seconds=0.2")
    await death
    await serving.kill()


async def resume_when_paused(scene: Scene) -> None:
    """What a person does who has put the credentials right: 401 and 403 pause the connection."""
    while True:
        await asyncio.sleep(0.03)
        row = await Connection.get(id=scene.connection_id)
        if row.is_paused:
            await connections.resume(row)


async def test_a_thousand_returns_and_twenty_kills(tmp_path: Path) -> None:
    await play(tmp_path, seed=20, storm_after_kills_s=STORM_AFTER_KILLS_S)


@pytest.mark.prove
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_thousand_returns_and_a_long_storm(tmp_path: Path, seed: int) -> None:
    await play(tmp_path, seed=seed, storm_after_kills_s=LONG_STORM_S)


async def play(folder: Path, *, seed: int, storm_after_kills_s: float) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    began = time.monotonic()
    # What is proved is the writing. Looks at orders and polls would only meet faults, nearly every time.
    settings = {"look_up_orders": "off", "check_double_credit": "off", "poll_interval_s": "3600"}
    settings["doubt_looks"] = "0,1,2"
    async with open_scene(folder, settings, seed=seed) as scene, scene.hub() as hub:
        person = asyncio.create_task(resume_when_paused(scene))
        order_faults(scene)
        share = RETURNS // KILLS
        for number in range(KILLS):
            first = 100_000 + number * share
            await live(scene, hub, dice, range(first, first + share))
        killed_in = time.monotonic() - began
        serving = scene.commands.start("serve", "--port", "0")
        await asyncio.sleep(storm_after_kills_s)
        scene.sandbox.clear_faults()
        in_storm = len(scene.sandbox.documents())
        await scene.until(scene.is_sent, PATIENCE_S)
        person.cancel()
        await serving.kill()
        scene.check_one_each(*[str(100_000 + number) for number in range(RETURNS)])
        print(figures(scene, killed_in, in_storm, time.monotonic() - began))  # noqa: T201 - the point of the run


def figures(scene: Scene, killed_in: float, in_storm: int, took: float) -> str:
    calls = scene.sandbox.calls()
    struck = Counter(call["fault"] for call in calls if call["fault"])
    verdicts = dict(scene.rows("SELECT verdict, count(*) FROM delivery GROUP BY 1"))
    attempts = scene.rows("SELECT count(*), sum(verdict IS NULL) FROM attempt")[0]
    writes = sum(call["method"] == "POST" for call in calls)
    return (
        f"\n{RETURNS} returns, {KILLS} kills in {killed_in:.0f} s, all done after {took:.0f} s: "
        f"{len(scene.sandbox.documents())} credit notes, one for each return; {in_storm} made amid faults.\n"
        f"deliveries: {verdicts}; attempts: {attempts[0]}, of which {attempts[1]} died with their process\n"
        f"calls: {len(calls)}, of which {writes} writes; faults met: {sum(struck.values())}: {dict(struck)}"
    )

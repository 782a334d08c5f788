"""The hub killed between every two of its steps: each return has one note all the same, and none is lost."""

from __future__ import annotations

import re
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hub
from hub.crashpoints import CrashPoint
from hub.merchant import stores, webhooks
from hub.webhooks.subscription import Body
from tests.integration.crash.scene import SERVE, open_scene
from tests.support import documents
from tests.support.engines import on_both
from tests.support.processes import Home
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from tests.integration.crash.scene import Scene

RMAS = ("901", "902", "903")
KINDS = ["rma.credit_note.created", "rma.item.validated", "rma.validation.completed"]
RETURNS = [documents.rma(each, order_name=f"#{each}") for each in RMAS]

AT_ACCEPTING = [each for each in CrashPoint if each.startswith("accept.")]
AT_CHANGING = [each for each in CrashPoint if each.startswith("change.")]
AFTER_REFUSAL = [CrashPoint.SEND_AFTER_REFUSAL, CrashPoint.SEND_REFUSAL_LOOKED_UP]
AT_TELLING = [each for each in CrashPoint if each.startswith(("tell.", "sending."))]
ELSEWHERE = [each for each in CrashPoint if each.startswith(("rotate.", "platform.", "twin"))]
"""Killed at in tests/integration/access/test_keys.py, tests/integration/returngo/test_killed.py and
tests/integration/crash/test_twins.py."""
AT_WORK = [
    each
    for each in CrashPoint
    if each not in {*AT_ACCEPTING, *AT_CHANGING, *AFTER_REFUSAL, *AT_TELLING, *ELSEWHERE}
]
CASES = [(each, is_unique) for each in AT_WORK for is_unique in (True, False)]
# Only an ERP that knows references refuses our own second note; without that there is no such step.
CASES += [(each, True) for each in AFTER_REFUSAL]
ALWAYS = {
    (CrashPoint.START_AFTER_COMMIT, True),
    (CrashPoint.SEND_BEFORE_FIRST_BYTE, False),
    (CrashPoint.SEND_AFTER_ANSWER, False),
    (CrashPoint.RECORD_BEFORE_COMMIT, True),
    (CrashPoint.RECORD_AFTER_COMMIT, False),
    (CrashPoint.FIRST_LOOK_AFTER_ANSWER, True),
    (CrashPoint.POLL_BEFORE_COMMIT, True),
    (CrashPoint.SENDING_AFTER_ANSWER,),
}
"""On PostgreSQL in every run; the others there with `make chaos`, as each costs two processes seconds."""


def _name(value: object) -> str:
    return {True: "unique", False: "not_unique"}[value] if isinstance(value, bool) else str(value)


def test_every_crash_point_is_reached_in_one_place_of_the_code() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(hub.__file__).parent.rglob("*.py")]
    called = Counter(name for text in texts for name in re.findall(r"\breach\(\s*CrashPoint\.(\w+)", text))
    assert called == Counter(list(CrashPoint.__members__))


@pytest.mark.parametrize(
    ("database_url", "point", "is_unique"),
    on_both([(each, is_unique) for each in AT_ACCEPTING for is_unique in (True, False)], always=ALWAYS),
    ids=_name,
    indirect=["database_url"],
)
async def test_killed_while_accepting(
    tmp_path: Path, database_url: str, point: CrashPoint, is_unique: bool
) -> None:
    async with (
        open_scene(tmp_path, has_unique_references=is_unique, database_url=database_url) as scene,
        scene.warehouse(),
    ):
        working = scene.commands.start(*scene.engine)
        file = documents.write(tmp_path, RETURNS[0])
        submitting = ("rmas", "submit", str(file))
        assert await scene.commands.start(*submitting, crash_at=point).ended() == -signal.SIGKILL
        is_kept = point is CrashPoint.ACCEPT_AFTER_COMMIT
        tables = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM delivery)"
        assert scene.rows(tables) == [(1, 1) if is_kept else (0, 0)]
        assert await scene.commands.start(*submitting).ended() == 0
        await scene.until(scene.is_sent)
        await working.kill()
        assert scene.rows(tables) == [(1, 1)]
        scene.check_one_each(RMAS[0])


@pytest.mark.parametrize(
    ("database_url", "point"),
    on_both([(each,) for each in AT_CHANGING], always=ALWAYS),
    ids=_name,
    indirect=["database_url"],
)
async def test_killed_while_taking_in_a_change(tmp_path: Path, database_url: str, point: CrashPoint) -> None:
    changed = documents.rma(RMAS[0], order_name="#changed", updated="2026-03-02T10:00:00+00:00")
    known = "SELECT order_name, (SELECT count(*) FROM event) FROM rma"
    async with open_scene(tmp_path, database_url=database_url) as scene:
        await scene.accept(RETURNS[0])
        submitting = ("rmas", "submit", str(documents.write(tmp_path, changed)))
        assert await scene.commands.start(*submitting, crash_at=point).ended() == -signal.SIGKILL
        assert scene.rows(known) == [(f"#{RMAS[0]}", 1)]
        assert await scene.commands.start(*submitting).ended() == 0
        assert scene.rows(known) == [("#changed", 2)]
        await scene.work()
        scene.check_one_each(RMAS[0])


@pytest.mark.parametrize(
    ("database_url", "point", "is_unique"),
    on_both(CASES, always=ALWAYS),
    ids=_name,
    indirect=["database_url"],
)
async def test_killed_at_work(tmp_path: Path, database_url: str, point: CrashPoint, is_unique: bool) -> None:
    async with open_scene(tmp_path, has_unique_references=is_unique, database_url=database_url) as scene:
        await scene.accept(*RETURNS)
        await _lead_to(scene, point)
        async with scene.warehouse():
            await _kill_at(scene, point)
            working = scene.commands.start(*scene.engine)
            await scene.until(scene.is_settled if point.startswith("poll.") else scene.is_sent)
            await working.kill()
        assert scene.rows("SELECT count(*) FROM event") == [(len(RMAS),)]
        scene.check_one_each(*RMAS)


@pytest.mark.parametrize(
    ("database_url", "point"),
    on_both([(each,) for each in AT_TELLING], always=ALWAYS),
    ids=_name,
    indirect=["database_url"],
)
async def test_killed_while_telling(tmp_path: Path, database_url: str, point: CrashPoint) -> None:
    """A subscriber gets each message at least once, always under one id, and in the order of its return."""
    async with open_scene(tmp_path, database_url=database_url) as scene, Receiver() as receiver:
        async with scene.hub() as hub:
            store = await stores.get()
            await webhooks.add(hub, store, receiver.url, name="shop", events=(), body=Body.FULL)
        await scene.accept(*RETURNS)
        async with scene.warehouse():
            await _kill_at(scene, point)
            working = scene.commands.start(*scene.engine)
            await scene.until(lambda: scene.is_settled() and scene.is_told())
            await working.kill()
        scene.check_one_each(*RMAS)
        told = scene.rows("SELECT 'msg_' || key FROM rma_update")
        assert set(receiver.taken) == {key for (key,) in told}
        repeated = point in {CrashPoint.SENDING_AFTER_ANSWER, CrashPoint.SENDING_RECORD_BEFORE_COMMIT}
        assert sum(receiver.taken.values()) == len(told) + repeated
        for each in RMAS:
            assert list(dict.fromkeys(receiver.kinds(each))) == KINDS


async def _kill_at(scene: Scene, point: CrashPoint) -> None:
    """An engine comes as far as that point; the next one may take over."""
    assert await scene.commands.start(*scene.engine, crash_at=point).ended() == -signal.SIGKILL
    scene.bury_the_dead()


async def _lead_to(scene: Scene, point: CrashPoint) -> None:
    """Makes it so that the next engine comes by that point."""
    if point.startswith("look."):
        scene.fault("drop_after_write:times=1,on=POST")
    elif point.startswith("orphans."):
        await _kill_at(scene, CrashPoint.RECORD_BEGUN)
    elif point.startswith("first_look.") or point in AFTER_REFUSAL:
        # What is not noticed is sent again.
        await scene.work_and_forget(is_noticed=point not in AFTER_REFUSAL)
        assert len(scene.sandbox.documents()) == len(RMAS)


async def test_the_third_time_is_the_third_time(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.accept(RETURNS[0])
        async with scene.warehouse():
            crash_at = f"{CrashPoint.POLL_CYCLE_READ}:3"
            assert await scene.commands.start(*SERVE, crash_at=crash_at).ended() == -signal.SIGKILL
        polls = [
            call
            for call in scene.sandbox.calls()
            if call["method"] == "GET" and "ModifiedDate" in call["query"]
        ]
        assert len(polls) == 3


@pytest.mark.parametrize("name", ["send.before", "send.before_first_byte:0", "send.before_first_byte:x"])
def test_an_unknown_crash_point_is_refused(tmp_path: Path, name: str) -> None:
    Home(tmp_path).make_ready()
    done = Home(tmp_path, HUB_CRASH_AT=name).spawn(*SERVE)
    assert done.code == 3
    assert f"read HUB_CRASH_AT: '{name}' is no crash point" in done.err
    assert "Traceback" not in done.err

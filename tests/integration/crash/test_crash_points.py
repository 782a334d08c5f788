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
from hub.store.mark import mark_of, write_mark
from hub.webhooks.subscription import Body
from tests.integration.crash.scene import open_scene
from tests.support import documents
from tests.support.processes import Home
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from tests.integration.crash.scene import Scene

SERVE = ("serve", "--port", "0")
RMAS = ("901", "902", "903")
KINDS = ["rma.credit_note.created", "rma.item.validated", "rma.validation.completed"]
RETURNS = [documents.rma(each, order_name=f"#{each}") for each in RMAS]

AT_ACCEPTING = [each for each in CrashPoint if each.startswith("accept.")]
AFTER_REFUSAL = [CrashPoint.SEND_AFTER_REFUSAL, CrashPoint.SEND_REFUSAL_LOOKED_UP]
AT_TELLING = [each for each in CrashPoint if each.startswith(("tell.", "sending."))]
ELSEWHERE = [each for each in CrashPoint if each.startswith(("rotate.", "platform."))]
"""Killed at in tests/integration/access/test_keys.py and tests/integration/returngo/test_killed.py."""
AT_WORK = [
    each for each in CrashPoint if each not in {*AT_ACCEPTING, *AFTER_REFUSAL, *AT_TELLING, *ELSEWHERE}
]
CASES = [(each, is_unique) for each in AT_WORK for is_unique in (True, False)]
# Only an ERP that knows references refuses our own second note; without that there is no such step.
CASES += [(each, True) for each in AFTER_REFUSAL]


def _name(value: object) -> str:
    return {True: "unique", False: "not_unique"}[value] if isinstance(value, bool) else str(value)


def test_every_crash_point_is_reached_in_one_place_of_the_code() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(hub.__file__).parent.rglob("*.py")]
    called = Counter(name for text in texts for name in re.findall(r"\breach\(\s*CrashPoint\.(\w+)", text))
    assert called == Counter(list(CrashPoint.__members__))


@pytest.mark.parametrize("is_unique", [True, False], ids=_name)
@pytest.mark.parametrize("point", AT_ACCEPTING, ids=_name)
async def test_killed_while_accepting(tmp_path: Path, point: CrashPoint, is_unique: bool) -> None:
    async with open_scene(tmp_path, has_unique_references=is_unique) as scene, scene.warehouse():
        serving = scene.commands.start(*SERVE)
        file = documents.write(tmp_path, RETURNS[0])
        submitting = ("rmas", "submit", str(file))
        assert await scene.commands.start(*submitting, crash_at=point).ended() == -signal.SIGKILL
        is_kept = point is CrashPoint.ACCEPT_AFTER_COMMIT
        tables = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM delivery)"
        assert scene.rows(tables) == [(1, 1) if is_kept else (0, 0)]
        assert await scene.commands.start(*submitting).ended() == 0
        await scene.until(scene.is_sent)
        await serving.kill()
        assert scene.rows(tables) == [(1, 1)]
        scene.check_one_each(RMAS[0])


@pytest.mark.parametrize(("point", "is_unique"), CASES, ids=_name)
async def test_killed_at_work(tmp_path: Path, point: CrashPoint, is_unique: bool) -> None:
    async with open_scene(tmp_path, has_unique_references=is_unique) as scene:
        await scene.accept(*RETURNS)
        await _lead_to(scene, point)
        async with scene.warehouse():
            assert await scene.commands.start(*SERVE, crash_at=point).ended() == -signal.SIGKILL
            serving = scene.commands.start(*SERVE)
            await scene.until(scene.is_settled if point.startswith("poll.") else scene.is_sent)
            await serving.kill()
        assert scene.rows("SELECT count(*) FROM event") == [(len(RMAS),)]
        scene.check_one_each(*RMAS)


@pytest.mark.parametrize("point", AT_TELLING, ids=_name)
async def test_killed_while_telling(tmp_path: Path, point: CrashPoint) -> None:
    """A subscriber gets each message at least once, always under one id, and in the order of its return."""
    async with open_scene(tmp_path) as scene, Receiver() as receiver:
        async with scene.hub() as hub:
            store = await stores.get()
            await webhooks.add(hub, store, receiver.url, name="shop", events=(), body=Body.FULL)
        await scene.accept(*RETURNS)
        async with scene.warehouse():
            assert await scene.commands.start(*SERVE, crash_at=point).ended() == -signal.SIGKILL
            serving = scene.commands.start(*SERVE)
            await scene.until(lambda: scene.is_settled() and scene.is_told())
            await serving.kill()
        scene.check_one_each(*RMAS)
        told = scene.rows("SELECT 'msg_' || key FROM rma_update")
        assert set(receiver.taken) == {key for (key,) in told}
        repeated = point in {CrashPoint.SENDING_AFTER_ANSWER, CrashPoint.SENDING_RECORD_BEFORE_COMMIT}
        assert sum(receiver.taken.values()) == len(told) + repeated
        for each in RMAS:
            assert list(dict.fromkeys(receiver.kinds(each))) == KINDS


async def _lead_to(scene: Scene, point: CrashPoint) -> None:
    """Makes it so that the next engine comes by that point."""
    if point.startswith("look."):
        scene.fault("drop_after_write:times=1,on=POST")
    elif point.startswith("orphans."):
        killed = scene.commands.start(*SERVE, crash_at=CrashPoint.RECORD_BEGUN)
        assert await killed.ended() == -signal.SIGKILL
    elif point.startswith("first_look.") or point in AFTER_REFUSAL:
        backup = scene.back_up()
        await scene.work()
        assert len(scene.sandbox.documents()) == len(RMAS)
        scene.restore(backup)
        if point in AFTER_REFUSAL:
            # As if the database's whole disk had been put back: nobody notices, and the notes are sent again.
            write_mark(mark_of(scene.database), epoch="", attempt=0)


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
    Home(tmp_path).ok("init")
    done = Home(tmp_path, HUB_CRASH_AT=name).spawn(*SERVE)
    assert done.code == 3
    assert f"read HUB_CRASH_AT: '{name}' is no crash point" in done.err
    assert "Traceback" not in done.err

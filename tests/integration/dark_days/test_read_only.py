"""A database that may only be read: said clearly at the start, survived while running."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.dispatch.claims import RELEASE_AGAIN_S
from hub.engine.embedded import running_engine
from hub.outcomes import Status
from hub.store.database import client
from hub.store.models import Delivery
from tests.integration.crash.scene import open_scene
from tests.support import documents
from tests.support.processes import REPOSITORY
from tests.support.stage import open_stage
from tests.support.waiting import LONGEST_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from hub.environment import Environment

RELEASE_AGAIN = timedelta(seconds=RELEASE_AGAIN_S)
RETURN = documents.rma("901", order_name="#901")


def run_without_rights(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as a user for whom file modes hold; they do not for root, unless it gives that up."""
    bound: list[str] = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("as root, setpriv is needed")
        bound = [setpriv, "--bounding-set", "-dac_override"]
    return subprocess.run(  # noqa: S603 - our own command
        [*bound, sys.executable, "-m", "cli", *arguments],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "HUB_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )


async def test_a_start_on_a_read_only_folder_is_refused_in_three_parts(tmp_path: Path) -> None:
    home, file = tmp_path / "hub", documents.write(tmp_path, RETURN)
    async with open_scene(home) as scene:
        for path in home.iterdir():
            path.chmod(0o500 if path.is_dir() else 0o400)
        home.chmod(0o500)
        for arguments in (("serve", "--port", "0"), ("rmas", "submit", str(file))):
            done = await asyncio.to_thread(run_without_rights, home, *arguments)
            assert done.returncode in {1, 3}, done.stderr
            assert done.stderr.startswith("error: ")
            assert "\n  why: " in done.stderr
            assert "\n  fix: " in done.stderr
            assert "Traceback" not in done.stderr
        home.chmod(0o700)
        for path in home.iterdir():
            path.chmod(0o700 if path.is_dir() else 0o600)
        assert (
            await asyncio.to_thread(run_without_rights, home, "rmas", "submit", str(file))
        ).returncode == 0
        await scene.work()
        scene.check_one_each("901")


async def test_a_database_that_becomes_read_only_is_survived_without_a_restart(ready: Environment) -> None:
    async with open_stage(ready) as stage:
        await stage.submit(RETURN)
        stage.fault("slow:seconds=1000,on=POST")
        async with running_engine(stage.hub):
            await until(lambda: bool(stage.notes))
            await client().execute_query("PRAGMA query_only = ON")
            stage.time.is_jumping = False
            stage.sandbox.clear_faults()
            # The work has broken off, and tries to give the connection back for as long as it cannot.
            for _ in range(3):
                await until(lambda: stage.time.now() + RELEASE_AGAIN in stage.time.awaited)
                stage.time.let_pass(RELEASE_AGAIN)
            assert (await stage.delivery("901")).status is Status.SENDING
            await client().execute_query("PRAGMA query_only = OFF")
            await stage.time.pass_until(Delivery.filter(status=Status.DONE).exists)
        assert len(stage.notes) == len(stage.posts) == 1

"""A SQLite file with every migration applied, made once; applying them takes longer than most tests."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock

from hub.environment import Environment
from hub.store.database import migrate, open_database
from hub.store.mark import mark_new
from tests.support.processor import METER
from tests.support.run_folder import run_folder

if TYPE_CHECKING:
    from collections.abc import Coroutine

Result = TypeVar("Result")


def put_database(environment: Environment) -> None:
    """Puts an up-to-date database without rows, and its mark, where an environment has none yet."""
    mark_new(environment.database_file)
    environment.database_file.write_bytes(migrated_image())


@cache
def migrated_image() -> bytes:
    """What is in the file; the first worker makes it for all."""
    made = run_folder() / "migrated.db"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            with METER.share("the migrated SQLite file"), tempfile.TemporaryDirectory() as folder:
                environment = Environment(home=Path(folder))
                run_beside(migrate_all(environment))
                made.write_bytes(environment.database_file.read_bytes())
    return made.read_bytes()


async def migrate_all(environment: Environment) -> None:
    """Brings a database up to date."""
    async with open_database(environment):
        await migrate(environment)


def run_beside(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs something to its end, also from within a running loop, in whose thread no other can run."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()

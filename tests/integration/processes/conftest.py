"""Real processes: `hub serve`, `hub sandbox`, and commands beside them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import Home, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Counts = Callable[[Home], dict[str, int]]


@pytest.fixture
def home(tmp_path: Path, migrated_file: Path) -> Home:
    """A data folder with a key and an up-to-date database."""
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    shutil.copyfile(migrated_file, home.folder / "hub.db")
    home.ok("init")
    return home


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(Home(tmp_path / "sandbox")) as running:
        yield running


@pytest.fixture
def counts() -> Counts:
    """How many rows the tables of incoming things have."""

    def count(home: Home) -> dict[str, int]:
        tables = ("event", "rma", "rma_item", "delivery", "timeline_entry")
        with closing(sqlite3.connect(home.folder / "hub.db")) as database:
            return {
                table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
                for table in tables
            }

    return count

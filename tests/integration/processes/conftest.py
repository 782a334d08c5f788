"""Real processes: `hub serve`, `hub sandbox`, and commands beside them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from hub.store.mark import mark_new
from tests.support.processes import Home, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, migrated_file: Path) -> Home:
    """A data folder with a key and an up-to-date database."""
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    mark_new(home.folder / "hub.db")
    shutil.copyfile(migrated_file, home.folder / "hub.db")
    home.ok("init")
    return home


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(Home(tmp_path / "sandbox")) as running:
        yield running

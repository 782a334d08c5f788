"""Real processes: `hub serve`, `hub sandbox`, and commands beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.environment import Environment
from tests.support.migrated import put_database
from tests.support.processes import Home, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A data folder with a key and an up-to-date database."""
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    home.ok("init")
    return home


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(Home(tmp_path / "sandbox")) as running:
        yield running

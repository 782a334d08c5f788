"""Real hub processes that start in a quarter of a second: forked from one that holds the libraries only.

A test that kills a hub dozens of times would else spend its time on importing aiohttp and Tortoise. Of the
hub itself nothing is loaded before the fork, so that each process reads its environment anew.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from pathlib import Path

LIBRARIES = (
    "aiohttp.web",
    "cryptography.hazmat.primitives.ciphers.aead",
    "filelock",
    "pluggy",
    "pydantic_settings",
    "structlog",
    "tortoise.backends.sqlite.client",
    "tortoise.migrations.executor",
    "typer",
)
QUICK = EntryPoint(name="cin7_quick", value="tests.support.plugins.cin7_quick", group="hub.connectors")
LONGEST_S = 30.0


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    return context


def _run(arguments: list[str], environment: Mapping[str, str], folder: str, output: str) -> None:
    """In the new process: what ``python -m cli`` does."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, folder)
    from cli.main import app  # noqa: PLC0415 - the environment is read when it is imported

    app(arguments)


@dataclass(frozen=True, kw_only=True)
class Forked:
    """A ``hub`` command in a process of its own."""

    process: ForkServerProcess
    output: Path

    async def ended(self) -> int:
        """Waits for its end; gives the exit code, negative for a signal."""
        try:
            await until(lambda: not self.process.is_alive(), LONGEST_S)
        except TimeoutError:
            self.process.kill()
            printed = self.output.read_text(encoding="utf-8")[-4000:]
            raise AssertionError(f"it still ran after {LONGEST_S:g} s; printed: {printed}") from None
        assert self.process.exitcode is not None
        return self.process.exitcode

    async def kill(self) -> None:
        """As a power cut: no ``finally`` runs."""
        self.process.kill()
        assert await self.ended() == -signal.SIGKILL


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Starts ``hub`` commands in one data folder; the connector ``cin7_quick`` is installed for them.

    Attributes:
        home: the data folder; what the processes print goes to ``output`` in it.
    """

    home: Path

    @property
    def output(self) -> Path:
        return self.home / "output"

    def start(self, *arguments: str, crash_at: str = "") -> Forked:
        plugins = self.home / "plugins"
        info = plugins / f"{QUICK.name}-1.dist-info"
        if not info.exists():
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {QUICK.name}\nVersion: 1\n")
            (info / "entry_points.txt").write_text(f"[{QUICK.group}]\n{QUICK.name} = {QUICK.value}\n")
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        # A plain text: reading a member of hub.crashpoints would load the hub before its environment is set.
        environment |= {"HUB_HOME": str(self.home), "HUB_CRASH_AT": str(crash_at)}
        process = _context().Process(
            target=_run, args=(list(arguments), environment, str(plugins), str(self.output)), daemon=True
        )
        process.start()
        return Forked(process=process, output=self.output)

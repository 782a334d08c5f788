"""Real hub processes that start in a tenth of a second: forked from one that has imported everything.

A test that kills a hub dozens of times would else spend its time on importing. What comes after importing is
each process's own, and the one thing that is read while importing is read anew: ``HUB_CRASH_AT``.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import signal
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from tests.support.processor import METER
from tests.support.waiting import LONGEST_S, until
from tests.support.wrong_clock import clock_ahead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from pathlib import Path

QUICK = EntryPoint(name="cin7_quick", value="tests.support.plugins.cin7_quick", group="hub.connectors")
PAIRS = EntryPoint(name="cin7_pairs", value="tests.support.plugins.cin7_pairs", group="hub.connectors")


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preload"])
    with METER.share("what forked processes import"):
        first = context.Process(target=_nothing)
        first.start()
        first.join()
    return context


def _nothing() -> None:
    """Has the server of the forks do its importing."""


def start_process(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    out: Path,
    err: Path,
    plugins: Path | None = None,
    clock_ahead_by: timedelta = timedelta(0),
    descriptors: int | None = None,
) -> ForkServerProcess:
    """Starts what ``python -m cli`` does, in a process of its own; it dies with this one.

    Args:
        arguments: the command.
        environment: all that it sees.
        out: where its stdout goes, after what is there.
        err: as ``out``, for stderr.
        plugins: a folder with connectors that are installed for it.
        clock_ahead_by: how wrong its machine's clock is.
        descriptors: how many files and sockets it may have open, as ``ulimit -n``; None for as many as here.
    """
    given = (list(arguments), dict(environment), str(out), str(err), str(plugins or ""), clock_ahead_by)
    process = _context().Process(target=_run, args=(*given, descriptors), daemon=True)
    process.start()
    return process


def _run(
    arguments: list[str],
    environment: Mapping[str, str],
    out: str,
    err: str,
    plugins: str,
    clock_ahead_by: timedelta,
    descriptors: int | None,
) -> None:
    """In the new process."""
    if descriptors is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    for place, number in ((out, 1), (err, 2)):
        os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    if plugins:
        sys.path.insert(0, plugins)
    from hub import clock, crashpoints  # noqa: PLC0415 - imported before the fork, not by the tests themselves
    from tests.support.preload import COMMAND  # noqa: PLC0415

    if clock_ahead_by:
        vars(clock)["datetime"] = clock_ahead(clock_ahead_by)
    importlib.reload(crashpoints)
    COMMAND(arguments)


@dataclass(frozen=True, kw_only=True)
class Forked:
    """A ``hub`` command in a process of its own."""

    process: ForkServerProcess
    output: Path

    async def ended(self) -> int:
        """Waits for its end; gives the exit code, negative for a signal."""
        try:
            await until(lambda: not self.process.is_alive())
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
    """Starts ``hub`` commands in one data folder; ``cin7_quick`` and ``cin7_pairs`` are installed for them.

    Attributes:
        home: the data folder; what the processes print goes to ``output`` in it.
        variables: more that they see of an environment.
    """

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.home / "output"

    def start(self, *arguments: str, crash_at: str = "", clock_ahead_by: timedelta = timedelta(0)) -> Forked:
        plugins = self.home / "plugins"
        info = plugins / "tests_connectors-1.dist-info"
        if not info.exists():
            info.mkdir(parents=True)
            (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tests_connectors\nVersion: 1\n")
            named = "".join(f"{each.name} = {each.value}\n" for each in (QUICK, PAIRS))
            (info / "entry_points.txt").write_text(f"[{QUICK.group}]\n{named}")
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment |= {"HUB_HOME": str(self.home), "HUB_CRASH_AT": crash_at, **self.variables}
        process = start_process(
            arguments,
            environment,
            out=self.output,
            err=self.output,
            plugins=plugins,
            clock_ahead_by=clock_ahead_by,
        )
        return Forked(process=process, output=self.output)

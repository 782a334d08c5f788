"""What `make test-busy` runs the tests beside: it is there while they run, and never after."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.busy import SPINNING
from tests.support.processes import REPOSITORY
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterable

BUSY = (sys.executable, "-m", "tests.support.busy")
SIBLINGS = """
import os, subprocess, sys
listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
print(*[pid for pid, parent in pairs if parent == os.getppid() and pid != os.getpid()], flush=True)
"""


def are_gone(pids: Iterable[str]) -> bool:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,stat="],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    running = [line.split() for line in listed.stdout.splitlines()]
    return not {pid for pid, state in running if not state.startswith("Z")} & set(pids)


@pytest.mark.parametrize("code", [0, 3])
def test_they_spin_while_the_command_runs_and_end_with_it_however_it_ends(code: int) -> None:
    script = f"{SIBLINGS}\nsys.exit({code})"
    done = subprocess.run(  # noqa: S603 - our own module
        [*BUSY, sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    pids, told = done.stdout.splitlines()
    assert len(pids.split()) == SPINNING
    assert are_gone(pids.split())
    assert told.startswith("well, in " if code == 0 else f"ended with {code}, in ")
    assert told.endswith(f"beside {SPINNING} spinning processes")


async def test_they_end_by_themselves_when_nobody_is_left_to_end_them() -> None:
    script = f"{SIBLINGS}\nsys.stdin.read()"
    with subprocess.Popen(  # noqa: ASYNC220, S603 - it answers at once
        [*BUSY, sys.executable, "-c", script],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        pids = running.stdout.readline().split()
        running.kill()
    assert len(pids) == SPINNING
    await until(lambda: are_gone(pids))

"""Runs a command on a busy machine: ``python -m tests.support.busy pytest -q``, or `make test-busy`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPINNING = 6
SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): sum(range(100_000))"
"""Ends by itself when whoever started it is gone, also by ``kill -9``."""


@contextmanager
def spinning() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that do nothing but spin, for the block. What ends the block on a terminal reaches none."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(SPINNING):
            command = [sys.executable, "-S", "-c", SPIN, str(os.getpid())]
            started.append(subprocess.Popen(command, start_new_session=True))  # noqa: S603 - our own words
        yield started
    finally:
        for each in started:
            each.kill()
            each.wait()


def run(command: Sequence[str]) -> int:
    """Runs a command beside them and says how it went; gives its exit code.

    Ctrl-C and SIGTERM reach the command, which ends as it does without this; then the others are ended.
    """
    began = time.monotonic()
    with spinning() as beside:
        process = subprocess.Popen(command)  # noqa: S603 - what the caller asked for
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        code = process.wait()
        left = sum(each.poll() is None for each in beside)
    how = "well" if code == 0 else f"ended with {code}"
    print(f"{how}, in {time.monotonic() - began:.0f} s beside {left} spinning processes")  # noqa: T201
    return code or int(left < SPINNING)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

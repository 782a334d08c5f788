"""The README's transcript is what `hub demo` prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.waiting import LONGEST_S

ROOT = Path(__file__).parents[2]
CUT = "…"


def normal(line: str) -> str:
    """A line without what differs from run to run: ports, folders, delivery ids, times."""
    line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line)
    line = re.sub(r"\S*hub-demo-\w+", "HOME", line)
    line = re.sub(r"\b[0-9a-f]{16}\b", "ID", line)
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line)
    return line.rstrip()


def transcript() -> list[str]:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n(.*?)```", page, re.DOTALL)
    assert block is not None
    return [normal(line) for line in block[1].splitlines() if line.strip() and line.strip() != CUT]


def test_the_readme_shows_what_the_demo_prints() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "cli", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    printed = iter([normal(line) for line in played.stdout.splitlines()])
    missing = [line for line in transcript() if line not in printed]
    assert missing == [], "lines the demo does not print, or not in this order; record the transcript again"

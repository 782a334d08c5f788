"""The README's way to send a signed event with curl and openssl works as it stands there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hub.environment import Environment
from tests.docs import pages
from tests.support.migrated import put_database
from tests.support.processes import Home, HubProcess
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from pathlib import Path

README = (pages.REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")), reason="curl or openssl is missing"
)
def test_the_example_is_taken_and_a_duplicate_the_second_time(tmp_path: Path) -> None:
    section = re.split(r"^## ", README, flags=re.MULTILINE)
    (text,) = [each for each in section if each.startswith("Events over HTTP")]
    _, (adding, sending) = pages.split(text)
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    home.ok("init")
    (tmp_path / "tests").symlink_to(pages.REPOSITORY / "tests")
    with HubProcess(home) as hub:
        script = "\n".join(["set -eu", *adding.lines, *sending.lines, "echo", *sending.lines])
        script = script.replace("http://127.0.0.1:8080", hub.url)
        script = f'hub() {{ "{sys.executable}" -m cli "$@"; }}\n{script}'
        environment = {**home.environment, "PYTHONPATH": str(pages.REPOSITORY)}
        done = subprocess.run(  # noqa: S603 - our own page
            ["/bin/sh", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert first == {"event_id": "msg_1", "rma_id": first["rma_id"], "duplicate": False}
    assert second == {**first, "duplicate": True}

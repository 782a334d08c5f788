"""What docs/api.md shows with curl works as it stands there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hub.environment import Environment
from tests.docs import pages
from tests.support.migrated import put_database
from tests.support.processes import Home, HubProcess, SandboxProcess
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (pages.REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing")
def test_each_call_on_the_page_is_answered_as_the_page_says(tmp_path: Path) -> None:
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    home.ok("init")
    blocks = pages.split(TEXT)[1]
    lines = [line for block in blocks if block.language == "sh" for line in block.lines]
    shown = next(json.loads("".join(block.lines)) for block in blocks if block.language == "json")
    with HubProcess(home) as hub, SandboxProcess(home) as sandbox:
        script = "\n".join([f'hub() {{ "{sys.executable}" -m cli "$@"; }}', "set -eu", *lines])
        script = script.replace("http://127.0.0.1:8080", hub.url)
        # A call's answer ends without a new line.
        script = script.replace('$(cat token)" "$@"', '$(cat token)" --write-out "\\n" "$@"')
        script += "\napi $hub/rmas/1\n"
        variables = {
            "CIN7_URL": sandbox.settings["base_url"],
            "CIN7_USERNAME": sandbox.credentials["username"],
            "CIN7_KEY": sandbox.credentials["api_key"],
            "PYTHONPATH": str(pages.REPOSITORY),
        }
        done = subprocess.run(  # noqa: S603 - our own page
            ["/bin/sh", "-c", script],
            cwd=tmp_path,
            env={**home.environment, **variables},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    rmas, schema, connection, mapping, method, deliveries, main, refused, nowhere = told
    assert rmas == deliveries == {"items": [], "next_cursor": None}
    assert schema["name"] == "cin7_omni"
    assert (connection["name"], connection["check"]["missing"]) == ("main", [])
    assert mapping == {"alternativeAccountCode": "Web shop"}
    assert method == {
        "name": "UPS label",
        "type": "ship_with_prepaid_label",
        "connection": "main",
        "location": None,
    }
    assert main["settings"]["approve"] is True
    assert "\netag: " in done.stdout.lower()
    assert (refused["status"], refused["code"]) == (412, "request_refused")
    assert nowhere == shown

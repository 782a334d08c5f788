"""The log of `hub serve`: lines that programs read, each with the RMA and delivery it concerns."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.environment import Environment
from hub.errors import ConfigError
from tests.integration.crash.scene import open_scene
from tests.support import documents

if TYPE_CHECKING:
    from pathlib import Path


async def test_each_line_about_a_delivery_is_json_and_names_it_and_its_rma(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        for number in ("901", "902"):
            await scene.accept(documents.rma(number, order_name=f"#{number}"))
        scene.fault("drop_after_write:times=1,on=POST")
        commands = scene.commands
        commands = replace(commands, variables={**commands.variables, "HUB_LOG": "json"})
        serving = commands.start("serve", "--port", "0")
        # A line is written after its commit.
        await scene.until(
            lambda: commands.output.exists() and commands.output.read_text().count('"done"') == 2
        )
        await serving.kill()
        lines: list[dict[str, Any]] = [
            json.loads(line)
            for line in commands.output.read_text(encoding="utf-8").splitlines()
            if not line.startswith("hub is ready")
        ]
        rows = dict(
            scene.rows("SELECT delivery.id, rma.rma_id FROM delivery JOIN rma ON rma.id = delivery.rma_id")
        )
    assert all({"timestamp", "level", "event"} <= line.keys() for line in lines)
    told = [line for line in lines if line["event"].startswith("delivery ")]
    assert {(line["delivery"], line["rma"]) for line in told} == set(rows.items())
    assert all(rows[line["delivery"]] == line["rma"] for line in told)
    assert {line["verdict"] for line in told} >= {"in_doubt", "adopted"}
    assert {line["status"] for line in told} >= {"in_doubt", "done"}


def test_another_way_to_write_the_log_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LOG", "xml")
    with pytest.raises(ConfigError, match="HUB_LOG"):
        Environment.load()

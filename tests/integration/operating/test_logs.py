"""The log of `hub serve`: lines that programs read, each with the RMA and delivery it concerns."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from cli.log import log_to_stderr, show_traceback
from hub.environment import Environment
from hub.errors import ConfigError
from hub.redaction import REDACTED, Redactor
from tests.integration.crash.scene import open_scene
from tests.support import documents
from tests.support.spellings import HOSTILE as SIGNS
from tests.support.spellings import SPELLINGS, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = f"log-key{SIGNS}-Qw3"
STEERING = "\x1b[2J\x9b31m\u202egnp.\nerror: none"
COLOUR = re.compile("\x1b\\[[0-9;]*m")


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
            if not line.startswith(("hub is ready", "Every user of this machine"))
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


class Terminal(io.StringIO):
    """A stderr that somebody may watch."""

    def __init__(self, *, is_watched: bool) -> None:
        super().__init__()
        self._is_watched = is_watched

    def isatty(self) -> bool:
        return self._is_watched


@pytest.fixture(params=["text", "json", "colours"])
def logged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """The log of a command in one of its forms; gives what it says."""
    told = Terminal(is_watched=request.param == "colours")
    monkeypatch.setattr(sys, "stderr", told)
    monkeypatch.setenv("HUB_LOG", "json" if request.param == "json" else "text")
    before = list(logging.getLogger().handlers)
    log_to_stderr()
    yield lambda: COLOUR.sub("", told.getvalue()) if request.param == "colours" else told.getvalue()
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


def test_no_line_steers_a_terminal_or_forges_another(logged: Callable[[], str]) -> None:
    structlog.get_logger().warning(STEERING, reason=STEERING, rows=[STEERING], error=ValueError(STEERING))
    logging.getLogger("aiohttp.server").error("bad request %s", STEERING)
    try:
        int(STEERING)
    except ValueError:
        structlog.get_logger().exception("it broke off")
    lines = logged()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]|^error: none", lines, re.MULTILINE)
    assert len(re.findall("2J", lines)) == 6


def test_no_line_says_a_secret_of_the_connection_at_work(logged: Callable[[], str]) -> None:
    with Redactor([KEY]).guard():
        for spell in SPELLINGS.values():
            structlog.get_logger().warning("refused", reason=f"it says {spell(KEY)} again", rows=[spell(KEY)])
        logging.getLogger("a.connector").warning("got %s", KEY)
    lines = logged()
    assert lines.count(REDACTED) == 2 * len(SPELLINGS) + 1
    assert not holds(lines, KEY)


def test_lines_of_libraries_are_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Terminal(is_watched=False)
    monkeypatch.setattr(sys, "stderr", told)
    monkeypatch.setenv("HUB_LOG", "json")
    before = list(logging.getLogger().handlers)
    log_to_stderr()
    log_to_stderr()
    logging.getLogger("asyncio").warning("slow")
    logging.getLogger("asyncio").info("not worth a line")
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()
    (line,) = told.getvalue().splitlines()
    assert json.loads(line).items() >= {"event": "slow", "level": "warning", "library": "asyncio"}.items()


def test_a_traceback_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        int(f"x{STEERING}")
    except ValueError as error:
        show_traceback(error)
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]|^error: none", told, re.MULTILINE)

"""The files under `deploy/` name commands, variables and paths that there are."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from cli.main import app
from hub.environment import Environment
from hub.web.listener import most_connections
from tests.docs import commands, pages

DEPLOY = pages.REPOSITORY / "deploy"
HUB = commands.root(app)
VARIABLES = {f"HUB_{name.upper()}" for name in Environment.model_fields}
OF_COMPOSE = {"HUB_DB_PASSWORD", "HUB_HOST", "HUB_UPSTREAM"}


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(each.name for each in DEPLOY.iterdir()))
def test_every_variable_is_one_that_the_hub_reads(name: str) -> None:
    named = set(re.findall(r"\bHUB_[A-Z_]+\b", text(name)))
    assert named <= VARIABLES | OF_COMPOSE


def test_the_page_lists_every_variable() -> None:
    page = (pages.REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(HUB_\w+)` ", page, re.MULTILINE)) == VARIABLES


@pytest.mark.parametrize("name", ["returns-hub.service", "returns-hub-worker@.service"])
def test_a_unit_starts_a_command_that_there_is(name: str) -> None:
    started = re.findall(r"^ExecStart=\S+/hub (.*)$", text(name), re.MULTILINE)
    assert len(started) == 1
    assert commands.problem(HUB, shlex.split(started[0])) is None
    # The hub takes 25 s for requests and 25 s for the engine.
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text(name), re.MULTILINE)
    assert int(seconds) > 50


def test_the_page_says_how_many_connections_the_descriptors_allow() -> None:
    page = (pages.REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
    told = {
        int(number): int(most) for number, most in re.findall(r"^\| (\d+) \| (\d+)\b", page, re.MULTILINE)
    }
    assert told == {number: most_connections(number) for number in told}
    named = re.findall(
        r"LimitNOFILE=(\d+)", text("returns-hub.service") + text("returns-hub-worker@.service")
    )
    named += re.findall(r"nofile: (\d+)", text("compose.yml"))
    assert [int(each) for each in named] == [max(told)] * 3


def test_the_compose_file_starts_commands_and_names_files_that_there_are() -> None:
    compose: dict[str, Any] = yaml.safe_load(text("compose.yml"))
    services = compose["services"]
    ours = {name: each for name, each in services.items() if each.get("image") == "returns-hub"}
    assert ours.keys() == {"init", "serve", "worker"}
    for each in ours.values():
        assert commands.problem(HUB, each["command"]) is None
        assert (DEPLOY / each["build"]["context"] / each["build"]["dockerfile"]).is_file()
    for name, each in services.items():
        assert set(each.get("networks", ())) <= compose["networks"].keys(), name
        for secret in each.get("secrets", ()):
            assert secret in compose["secrets"]
        for volume in each.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).is_file(), volume
        assert set(each.get("depends_on", ())) <= services.keys()


def test_the_image_is_made_of_files_that_there_are() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", text("Dockerfile"), re.MULTILINE)
    assert [each for line in copied for each in line.split() if not (pages.REPOSITORY / each).exists()] == []
    command = re.findall(r"^CMD \[(.*)\]$", text("Dockerfile"), re.MULTILINE)[0]
    assert commands.problem(HUB, [word.strip().strip('"') for word in command.split(",")]) is None

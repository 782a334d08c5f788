"""What holds for every command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.docs.commands import Command, root, walk
from tests.support.documents import rma, sample, write
from tests.support.processes import REPOSITORY, Home

if TYPE_CHECKING:
    from pathlib import Path

EVERY = [command for command in walk(root(app)) if len(command.words) > 1]
MOST_MODULES = 400
"""Python and typer alone are 150 to 200."""
LEAVES = [command for command in EVERY if not command.children]


def name(command: Command) -> str:
    return " ".join(command.words)


def help_of(command: Command) -> str:
    done = CliRunner().invoke(app, [*command.words[1:], "--help"])
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("command", LEAVES, ids=name)
def test_every_command_has_help_with_an_example_of_itself(command: Command) -> None:
    text = help_of(command)
    assert "Example" in text
    assert name(command) in text.partition("Example")[2] or command.words[-1] == "start"


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_help_says_what_a_command_is_for(command: Command) -> None:
    assert command.node.help


def test_hub_without_arguments_shows_its_help() -> None:
    done = CliRunner().invoke(app, [])
    assert "connections" in done.output
    assert CliRunner().invoke(app, ["no-such-command"]).exit_code == 2


def test_help_is_quick_since_it_imports_nothing_that_takes_long() -> None:
    """Importing is what takes the time, and what was imported is the same however busy a machine is."""
    script = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from cli.main import app; app()"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", script, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    modules = done.stdout.splitlines()[-1].split()
    needed = {re.split(r"[^\w-]", each)[0].lower() for each in requires("returns-hub") or ()}
    heavy = {name for name, of in packages_distributions().items() if {each.lower() for each in of} & needed}
    heavy -= {"cli", "hub", "connectors", "typer", "_distutils_hack"}
    assert heavy > {"aiohttp", "pydantic", "tortoise"}
    assert {name.partition(".")[0] for name in modules} & heavy == set()
    assert len(modules) < MOST_MODULES


def test_json_is_one_document_on_stdout_and_nothing_else(home: Home, tmp_path: Path) -> None:
    submitted = home.ok("rmas", "submit", str(write(tmp_path, sample("still_pending"))))
    assert submitted["delivery"] is None
    unknown = home.ok("rmas", "submit", str(write(tmp_path, rma("900"))))["delivery"]["id"]
    home.ok("stores", "edit", "default", "--url", "https://shop.example.com")
    home.ok("methods", "add", "UPS label", "--type", "ship_with_prepaid_label")
    lists = [
        ("stores", "list"),
        ("connectors", "list"),
        ("connections", "list"),
        ("methods", "list"),
        ("rmas", "list"),
        ("deliveries", "list"),
        ("poll",),
    ]
    for words in lists:
        assert isinstance(home.ok(*words), list), words
    objects = [
        ("init",),
        ("connectors", "show", "cin7_omni"),
        ("methods", "show", "UPS label"),
        ("methods", "set", "UPS label", "--do-not-update"),
        ("rmas", "show", "41501005"),
        ("deliveries", "show", unknown[:8]),
        ("methods", "remove", "UPS label"),
    ]
    for words in objects:
        assert isinstance(home.ok(*words), dict), words


def test_item_not_validated_yet_has_nulls_never_false(home: Home, tmp_path: Path) -> None:
    home.ok("rmas", "submit", str(write(tmp_path, sample("one_item"))))
    shown = home.shown("41501000")
    assert (shown["store"], shown["order_name"], shown["validation"]) == ("default", "EU/1000-B", "none")
    assert len(shown["items"]) == 2
    for item in shown["items"]:
        assert set(item["validation"].values()) == {None}


def test_what_hub_init_makes_is_for_its_owner_only_and_what_was_made_before_is_closed(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        home = Home(tmp_path / "hub")
        home.ok("init")
        home.ok("backup", str(tmp_path / "copy.db"), "--with-key")
        made = {path.name: path for path in (*home.folder.iterdir(), *tmp_path.glob("copy*"))}
        assert {"hub.db", "hub.db.mark", "secret.key", "copy.db"} < set(made)
        assert {path.stat().st_mode & 0o777 for path in made.values()} == {0o600}
        assert home.folder.stat().st_mode & 0o777 == 0o700
        home.folder.chmod(0o755)
        (home.folder / "hub.db").chmod(0o644)
        again = home.ok("init")
        assert again["closed_to_others"] == [str(home.folder / "hub.db"), str(home.folder)]
        home.folder.chmod(0o755)
        assert f"could read {home.folder}. Now" in home.run("init").err
    finally:
        os.umask(umask)

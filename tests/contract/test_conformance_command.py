"""`hub connectors conformance`, and what the list makes of it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from hub.environment import Environment
from hub.testing.rules import RULES
from tests.support.migrated import put_database
from tests.support.processes import REPOSITORY, Home
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    home.ok("init")
    return home


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str) -> None:
    """Puts a package in the way of the interpreter that brings the connector ``tiny``."""
    package = folder / version / f"tiny_erp-{version}.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny-erp\nVersion: {version}\n")
    named = "tiny = tests.support.plugins.hostile.hostile:INSTALLED"
    (package / "entry_points.txt").write_text(f"[hub.connectors]\n{named}\n")
    monkeypatch.setattr(sys, "path", [str(folder / version), *sys.path])


def listed(home: Home, name: str) -> dict[str, Any]:
    (row,) = [row for row in home.ok("connectors", "list") if row["name"] == name]
    found: dict[str, Any] = row
    return found


def test_broken_rule_is_named_and_recorded_for_this_version_only(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path, "1.0")
    assert listed(home, "tiny")["distribution"] == "tiny-erp 1.0"
    assert listed(home, "tiny")["conformance"] is None
    done = home.run("connectors", "conformance", "tiny", "--json", "--exempt", "quota_is_kept=it has none")
    assert done.code == 1
    rules = {each["rule"]: each for each in done.json["rules"]}
    assert list(rules) == list(RULES)
    assert [name for name, each in rules.items() if each["ruling"] == "broken"] == [
        "connect_names_permissions"
    ]
    assert rules["connect_names_permissions"]["reason"] == "connect names no permission"
    assert rules["quota_is_kept"] | {"promise": ""} == {
        "rule": "quota_is_kept",
        "ruling": "exempt",
        "reason": "it has none",
        "promise": "",
    }
    assert done.json["is_recorded"] is True
    counts = {"kept": len(RULES) - 2, "broken": 1, "exempt": 1}
    assert listed(home, "tiny")["conformance"].items() >= counts.items()
    assert f"{counts['kept']} kept, 1 broken, 1 exempt" in home.run("connectors", "list").out
    install(monkeypatch, tmp_path, "1.1")
    assert listed(home, "tiny")["distribution"] == "tiny-erp 1.1"
    assert listed(home, "tiny")["conformance"] is None
    assert "not tried" in home.run("connectors", "list").out


def test_kit_runs_without_a_hub_and_without_pytest(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['pytest'] = sys.modules['_pytest'] = None\n"
        "from cli.main import app\n"
        "app(['connectors', 'conformance', 'peoplevox_stub'])"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=Home(tmp_path / "none").environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " kept, 0 broken, " in done.stdout
    assert "poll_survives_restarts" in done.stdout
    assert not (tmp_path / "none").exists()


def test_disabled_connector_is_listed_with_who_made_it_and_why_it_is_off(home: Home) -> None:
    home.ok("connectors", "disable", "cin7_omni", "--reason", "upgrading tonight")
    row = listed(home, "cin7_omni")
    assert (row["status"], row["contract_version"]) == ("disabled", 1)
    assert row["distribution"].startswith("returns-hub ")
    assert "upgrading tonight" in row["problem"]
    assert "hub connectors enable cin7_omni" in home.run("connectors", "list").out
    home.ok("connectors", "enable", "cin7_omni")
    assert listed(home, "cin7_omni")["status"] == "ready"

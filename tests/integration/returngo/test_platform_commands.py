"""`hub platforms`, and the other commands where a platform shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.environment import Environment
from tests.support.documents import sample, write
from tests.support.migrated import put_database
from tests.support.processes import Background, Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sandbox-key"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "hub")
    home.folder.mkdir()
    put_database(Environment(home=home.folder))
    home.ok("init")
    return home


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Background]:
    with Background(Home(tmp_path / "sandbox"), "sandbox", "returngo", "--port=0", "--json") as running:
        yield running


def add(sandbox: Background, name: str = "shop", *others: str) -> tuple[str, ...]:
    url = sandbox.ready["settings"]["base_url"]
    given = ("--set", f"base_url={url}", "--set", "shop_name=shop.example.com", "--secret", "api_key=-")
    return ("platforms", "add", "returngo", "--name", name, *given, *others)


def test_life_of_a_platform(home: Home, sandbox: Background, tmp_path: Path) -> None:
    refused = home.run(*add(sandbox), stdin="wrong")
    assert (refused.code, home.ok("platforms", "list")) == (4, [])
    assert "API key" in refused.err
    added = home.ok(*add(sandbox), stdin=f" {KEY}\n")
    assert added["webhook_path"].startswith("/v1/hooks/returngo/")
    assert KEY not in str(added)
    assert home.run(*add(sandbox, "again"), stdin=KEY).code == 6
    assert home.run("platforms", "add", "other", "--name", "x").code == 5
    assert home.ok("platforms", "check", "shop")["webhook_path"] == added["webhook_path"]

    file = write(tmp_path, sample("one_item"))
    home.ok("sandbox", "add", str(file), "--pending", "--url", sandbox.url)
    home.ok("sandbox", "approve", "41501000", "--url", sandbox.url)
    (polled,) = home.ok("poll", "shop")
    assert (polled["role"], polled["rmas"], polled["documents"]) == ("platform", ["41501000"], 1)
    assert home.shown("41501000")["status"] == "Approved"
    assert [row["connection"] for row in home.ok("quota")] == ["shop"]

    assert home.ok("platforms", "pause", "shop")["is_paused"]
    found = home.run("doctor", "--json")
    assert found.code == 1
    assert any("shop: it is paused" in each for each in found.json["problems"])
    home.ok("platforms", "resume", "shop")
    home.ok("platforms", "edit", "shop", "--set", "comment=off")
    assert home.ok("platforms", "show", "shop")["settings"]["comment"] is False
    assert home.run("platforms", "edit", "shop", "--set", "shop_name=other").code == 6
    assert home.run("platforms", "edit", "shop").code == 2
    assert home.run("connections", "show", "shop").code == 5

    # That the return has no return method, and needs a person.
    assert home.ok("platforms", "remove", "shop")["not_told"] == 1
    assert home.run("platforms", "show", "shop").code == 5
    assert home.ok(*add(sandbox), stdin=KEY)["name"] == "shop", "the name and the shop are free again"


def test_invented_returns_are_taken_in(home: Home, sandbox: Background) -> None:
    home.ok(*add(sandbox), stdin=KEY)
    made = home.ok("sandbox", "invent", "--count", "3", "--url", sandbox.url)
    (polled,) = home.ok("poll", "shop")
    assert polled["rmas"] == sorted(row["id"] for row in made)
    assert {row["status"] for row in home.ok("rmas", "list")} == {"Pending"}


def test_platform_that_fails_shows_in_the_doctor(home: Home, sandbox: Background) -> None:
    home.ok(*add(sandbox), stdin=KEY)
    sandbox.kill()
    assert home.run("poll", "shop").code == 7
    problems = home.run("doctor", "--json").json["problems"]
    assert any("shop: its last call failed" in each for each in problems)
    (listed,) = home.ok("platforms", "list")
    assert listed["health"] == "failing"

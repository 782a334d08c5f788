"""The commands for users, tokens, the audit log, keys and diagnostics, and the link of `hub init`."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import Home

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One hub for all tests here; each uses names of its own."""
    place = Home(tmp_path_factory.mktemp("access"))
    place.make_ready()
    return place


def test_init_prints_a_new_link_while_there_is_no_administrator(home: Home) -> None:
    first, second = (home.ok("init")["sign_in_link"] for _ in range(2))
    assert first["path"].startswith("/welcome/")
    assert first["path"] != second["path"]
    assert home.count("sign_in_link") == 1
    shown = home.run("init")
    assert "http://127.0.0.1:8080/welcome/" in shown.out
    assert [each["state"] for each in home.ok("users", "list") if each["name"] == "admin"] == ["invited"]


def test_users_are_added_disabled_let_in_again_and_removed(home: Home) -> None:
    added = home.ok("users", "add", "ada")
    assert (added["store"], added["is_admin"], added["state"]) == ("default", False, "invited")
    assert home.run("users", "add", "ADA").code == 6
    assert home.run("users", "add", "bob", "--store", "nowhere").code == 5
    assert home.ok("users", "link", "ada")["link"]["path"] != added["link"]["path"]
    assert home.ok("users", "disable", "ada")["state"] == "disabled"
    assert home.run("users", "link", "ada").code == 6
    assert home.ok("users", "enable", "ada")["state"] == "invited"
    home.ok("users", "remove", "ada")
    assert home.run("users", "remove", "ada").code == 5
    boss = home.ok("users", "add", "boss", "--admin")
    assert (boss["store"], boss["is_admin"]) == (None, True)


def test_a_token_is_printed_once_and_revoked_by_name(home: Home) -> None:
    made = home.run("tokens", "add", "warehouse", "--scope", "read", "--scope", "write", "--days", "30")
    token = made.out.strip()
    assert token.startswith("hub_")
    (listed,) = home.ok("tokens", "list")
    assert (listed["scopes"], listed["store"], listed["last_used_at"]) == (["read", "write"], "default", None)
    assert listed["expires_at"]
    assert token not in str(listed)
    assert home.run("tokens", "add", "Warehouse", "--scope", "read").code == 6
    assert home.run("tokens", "add", "x").code == 2
    home.ok("tokens", "revoke", "warehouse")
    assert home.run("tokens", "revoke", "warehouse").code == 5
    assert home.ok("tokens", "list") == []
    assert home.ok("tokens", "add", "warehouse", "--scope", "read", "--all-stores")["store"] is None


def test_the_audit_log_is_asked_by_time_target_and_store(home: Home) -> None:
    home.ok("stores", "add", "outlet")
    home.ok("stores", "edit", "outlet", "--url", "https://outlet.example")
    newest, first = home.ok("audit", "--target", "outlet")
    assert [newest["action"], first["action"]] == ["store.edited", "store.added"]
    assert (newest["source"], newest["store"], newest["after"]) == (
        "cli",
        "outlet",
        {"url": "https://outlet.example"},
    )
    assert home.ok("audit", "--store", "outlet") == [newest, first]
    assert home.ok("audit", "--since", "2100-01-01") == []
    assert home.ok("audit", "--since", "2020-01-01T00:00:00", "--limit", "1")
    assert home.run("audit", "--since", "yesterday").code == 2
    assert "store.edited" in home.run("audit").out


def test_keys_are_changed_and_a_lost_one_is_told(home: Home, tmp_path: Path) -> None:
    home.ok("events", "secrets", "add", "platform")
    before = (home.folder / "secret.key").read_text()
    rotated = home.ok("keys", "rotate")
    assert (rotated["is_new_key"], rotated["resealed"]) == (True, 1)
    keys = home.ok("keys", "verify")
    assert [(each["seals"], each["secrets"]) for each in keys["keys"]] == [(True, 1), (False, 0)]
    assert (home.folder / "secret.key").read_text().splitlines()[1] == before.strip()
    other = Home(home.folder, HUB_SECRET_KEY=base64.b64encode(bytes(32)).decode())
    lost = other.run("keys", "verify", "--json")
    assert (lost.code, lost.json["is_whole"]) == (3, False)
    assert other.run("keys", "rotate").code == 3
    assert Home(tmp_path).run("keys", "rotate").code == 3  # no key at all


def test_diagnostics_are_one_document(home: Home) -> None:
    told = home.ok("diagnostics")
    assert {"versions", "settings", "doctor", "connections", "rows", "errors", "connectors"} <= set(told)
    assert told["rows"]["Store"] >= 1
    assert told["versions"]["packages"]["aiohttp"]
    assert home.run("diagnostics").json["settings"] == told["settings"]

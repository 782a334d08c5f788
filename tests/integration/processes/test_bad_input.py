"""Bad input is told in three parts or waits for a person; never a traceback, nothing half stored."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.documents import rma, unit, write
from tests.support.processes import Finished, Home

if TYPE_CHECKING:
    from pathlib import Path


def assert_told(done: Finished, code: int, told: str) -> None:
    """What, why and what to do, on stderr, and nothing on stdout."""
    assert done.code == code, done.err
    assert done.out == ""
    lines = done.err.splitlines()
    assert lines[0].startswith("error: ")
    assert lines[-1].startswith("  fix: ")
    assert "Traceback" not in done.err
    assert told in done.err


def assert_nothing_is_stored(home: Home) -> None:
    tables = ("event", "rma", "rma_item", "delivery", "timeline_entry")
    assert [home.count(table) for table in tables] == [0] * len(tables)


def _spoilt(**changes: Any) -> dict[str, Any]:
    item = unit(1)
    item["paidPrice"] = item["paidPrice"] | changes
    return rma("900", item)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("{not json", "JSON"),
        ("\x00\x01", "JSON"),
        ("[1, 2]", "not an RMA"),
        ('{"hello": 1}', "not an RMA"),
        ('{"rmaSummary": {}}', "rmaId"),
        ('{"type": "rma.approved", "data": {}}', "'data' has no 'rma'"),
    ],
)
def test_text_that_is_no_rma_is_refused(home: Home, text: str, told: str) -> None:
    assert_told(home.run("rmas", "submit", "-", stdin=text), 1, told)
    assert_nothing_is_stored(home)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (_spoilt(amount=-1), "items[0].paidPrice"),
        (_spoilt(amount="NaN"), "items[0].paidPrice"),
        (_spoilt(amount=None, shopAmount=None), "items[0].paidPrice"),
        (rma("900", unit(1), unit(1)), "items[1].returnedItemId"),
    ],
)
def test_rma_with_wrong_money_or_identity_is_refused(
    home: Home, tmp_path: Path, document: dict[str, Any], told: str
) -> None:
    assert_told(home.run("rmas", "submit", str(write(tmp_path, document))), 1, told)
    assert_nothing_is_stored(home)


def test_bare_nan_is_refused(home: Home) -> None:
    text = '{"rmaSummary": {"rmaId": "1", "status": "Approved"}, "items": [], "x": NaN}'
    assert_told(home.run("rmas", "submit", "-", stdin=text), 1, "NaN")
    assert_nothing_is_stored(home)


def test_file_of_fifty_megabytes_is_refused_unread(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as large:
        os.truncate(large.fileno(), 50 * 2**20)
    assert_told(home.run("rmas", "submit", str(file)), 1, "hub rmas import")
    assert home.run("rmas", "import", str(file)).code == 1
    assert_nothing_is_stored(home)


def test_file_that_is_not_there_is_told(home: Home, tmp_path: Path) -> None:
    assert_told(home.run("rmas", "submit", str(tmp_path / "none.json")), 3, "none.json")
    assert_told(home.run("rmas", "import", str(tmp_path / "none.jsonl")), 3, "none.jsonl")
    assert_told(home.run("rmas", "submit", str(tmp_path)), 3, str(tmp_path))


def test_unknown_return_method_waits_for_a_person_and_goes_on_when_mended(home: Home, tmp_path: Path) -> None:
    item = unit(1)
    item["returnMethod"]["name"] = "Pigeon post"
    submitted = home.ok("rmas", "submit", str(write(tmp_path, rma("900", item))))
    delivery = submitted["delivery"]
    assert delivery["status"] == "attention"
    assert "Pigeon post" in delivery["reason"]
    assert "hub methods add 'Pigeon post'" in delivery["fix"]
    home.ok("methods", "add", "Pigeon post", "--type", "ship_with_any_carrier")
    home.ok("deliveries", "retry", delivery["id"])
    (after,) = home.shown("900")["deliveries"]
    assert (after["status"], "Do not update" in after["reason"]) == ("skipped", True)


def test_no_shipment_required_is_never_pointed_at_a_connection(home: Home) -> None:
    home.ok(
        *("connections", "add", "cin7_omni", "--name=main", "--no-check", "--set=username=shop"),
        *("--set=base_url=http://127.0.0.1:9/api", "--secret=api_key=-"),
        stdin="key",
    )
    home.ok("methods", "add", "Keep it", "--type", "no_shipment_required")
    assert_told(home.run("methods", "set", "Keep it", "--connection", "main"), 2, "type No Shipment Required")
    assert home.ok("methods", "show", "Keep it")["connection"] is None


def test_process_ends_with_the_code_and_prints_no_traceback(home: Home, tmp_path: Path) -> None:
    assert_told(home.spawn("rmas", "submit", str(write(tmp_path, [1]))), 1, "not an RMA")
    assert_told(home.spawn("rmas", "show", "404"), 5, "404")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("rmas", "show", "404"), 5),
        (("deliveries", "show", "404"), 5),
        (("connections", "show", "nobody"), 5),
        (("methods", "show", "nothing"), 5),
        (("rmas", "list", "--store", "nowhere"), 5),
        (("connectors", "show", "sap"), 5),
        (("stores", "add", "default"), 6),
        (("connections", "add", "sap", "--name", "x", "--set", "a=b"), 5),
        (("connections", "add", "cin7_omni", "--name", "x", "--set", "api_key=k"), 2),
        (("sandbox", "documents", "--url", "http://127.0.0.1:9"), 7),
    ],
)
def test_each_kind_of_error_has_its_exit_code(home: Home, arguments: tuple[str, ...], code: int) -> None:
    done = home.run(*arguments)
    assert_told(done, code, "")
    as_json = home.run(*arguments, "--json")
    assert as_json.code == code
    assert set(as_json.json["error"]) == {"code", "what", "why", "fix"}


def test_connection_that_cannot_be_reached_is_not_kept(home: Home) -> None:
    done = home.run(
        *("connections", "add", "cin7_omni", "--name=main", "--set=username=shop"),
        *("--set=base_url=http://127.0.0.1:9/api", "--secret=api_key=-"),
        stdin="key",
    )
    assert_told(done, 7, "no connection")
    assert home.ok("connections", "list") == []


def test_command_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    assert_told(Home(tmp_path).run("rmas", "list"), 3, "hub init")


def test_debug_shows_the_traceback(home: Home) -> None:
    done = home.spawn("--debug", "rmas", "show", "404")
    assert "Traceback" in done.err
    assert done.code == 1

"""Whatever a platform, an ERP or an earlier version wrote: no command steers the terminal it prints on."""

from __future__ import annotations

import ast
import json
import re
import shlex
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import rma, unit, write
from tests.support.processes import REPOSITORY, Home, HubProcess, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Finished, SandboxProcess

HOSTILE = "\x1b[2J\x9b31m\u202egnp.\u2028x\nerror: none\x07"
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
FORGED = re.compile("^error: none", re.MULTILINE)
SECRET = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
KEPT = {
    "connection": ("last_error", "pause_reason"),
    "delivery": ("reason", "fix", "method", "document_reference"),
    "attempt": ("reason",),
    "timeline_entry": ("text",),
    "exchange": ("url", "error"),
    "rma_item": ("reason",),
    "store": ("url", "customer_support_url"),
    "audit_entry": ("target", "actor"),
    "mapping_version": ("created_by",),
    "event_secret": ("name",),
    "update_sending": ("reason",),
}
"""Texts of others, and names as an earlier version may have taken them."""
READING = (
    *("doctor", "diagnostics", "audit", "quota", "reconcile main", "keys verify", "users list"),
    *("connections list", "connections show main", "connections check main", "stores list", "tokens list"),
    *("mapping show main", "mapping history main", "methods list", "methods show 'UPS label'"),
    *("rmas list", "rmas show 901", "rmas show 902", "deliveries list", "deliveries groups"),
    *("events secrets list", "webhooks list", "webhooks show shop", "webhooks log shop", "platforms list"),
    *("connectors list", "connectors show cin7_omni", "rmas show 404", "methods show nobody"),
)


def steered(done: Finished) -> list[str]:
    """What of a command's words steers a terminal, or stands on a line that it did not write."""
    words = done.out + done.err
    return STEERING.findall(words) + FORGED.findall(words)


@pytest.fixture
def full(tmp_path: Path, sandbox: SandboxProcess) -> Home:
    """A hub whose every text is hostile, with one return that is credited and one that needs a person."""
    home = Home(tmp_path / "hub", HUB_EGRESS_ALLOW="127.0.0.0/8")
    home.make_ready()
    home.connect(sandbox, look_up_orders="off")
    home.ok("webhooks", "add", "--url=https://127.0.0.1:9/x", "--name=shop", "--secret=-", stdin=SECRET)
    home.ok("events", "secrets", "add", "platform")
    mapping = json.dumps({"internalComments": f"note {HOSTILE}"}, ensure_ascii=False)
    home.ok("mapping", "set", "main", "-", stdin=mapping)
    odd = {**unit(90100), "sku": f"SKU {HOSTILE}", "fullName": HOSTILE, "resolutionName": HOSTILE}
    unknown = {**unit(90200), "returnMethod": {"type": HOSTILE, "name": f"Drone {HOSTILE}"}}
    with HubProcess(home) as hub:
        for number, item in (("901", odd), ("902", unknown)):
            file = write(tmp_path, rma(number, item, order_name=f"#{number} {HOSTILE}"))
            assert steered(home.run("rmas", "submit", str(file), "--wait", "20")) == []
        wait_for(lambda: home.shown("901")["deliveries"][0]["status"] == "done", lambda: hub.errors)
        assert home.shown("902")["deliveries"][0]["status"] == "attention"
    with closing(sqlite3.connect(home.folder / "hub.db")) as database, database:
        for table, columns in KEPT.items():
            for column in columns:
                change = f"UPDATE {table} SET {column} = COALESCE({column}, '') || ?"  # noqa: S608
                database.execute(change, [HOSTILE])
    return home


def test_no_command_prints_what_steers_a_terminal(full: Home) -> None:
    shown = [f"deliveries show {row['id']}" for row in full.ok("deliveries", "list")]
    commands = [*READING, *shown]
    told = {command: full.run(*shlex.split(command)) for command in commands}
    told |= {f"{command} --json": full.run(*shlex.split(command), "--json") for command in commands}
    assert {command: steered(done) for command, done in told.items() if steered(done)} == {}
    # It proves something only where there was something to show.
    assert sum(r"\x1b[2J" in done.out + done.err for done in told.values()) > len(READING) / 2
    assert sum(r"\u001b[2J" in done.out for done in told.values()) > len(READING) / 2
    # JSON means what it meant.
    assert full.shown("901")["timeline"][-1]["text"].endswith(HOSTILE)
    assert json.loads(full.run("mapping", "show", "main").out) == {"internalComments": f"note {HOSTILE}"}


def test_only_one_module_of_the_commands_prints() -> None:
    """Every word of a command goes through `cli/running.py`, every line of its log through `cli/log.py`."""
    printing = {
        f"{path.name}: {ast.unparse(node)}"
        for path in (REPOSITORY / "cli").glob("*.py")
        if path.name not in {"running.py", "log.py"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and re.match(r"(print|typer\.(echo|secho)|sys\.std(out|err)\.\w+|Console)\b", ast.unparse(node.func))
    }
    assert printing == set()

"""The desk's commands over real processes: comparing, editing by hand, ages and metrics."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import rma, write
from tests.support.processes import Background, HubProcess, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Home, SandboxProcess


def test_a_return_is_edited_sent_compared_and_its_voided_note_told(
    home: Home, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    home.connect(sandbox, look_up_orders="required")
    file = str(write(tmp_path, rma("901", order_name="#901")))
    with HubProcess(home) as hub:
        home.run("rmas", "submit", file, "--wait", "120", "--json")
        (delivery,) = home.shown("901")["deliveries"]
        assert delivery["status"] == "attention"
        request = {
            "reference": "by hand",
            "salesReference": "#901",
            "currencyCode": "EUR",
            "taxStatus": "Incl",
            "lineItems": [{"code": "SKU-001", "name": "Thing", "qty": -1, "unitPrice": 10}],
        }
        refused = home.run("deliveries", "edit", delivery["id"], "--request", "-", stdin="[]")
        assert (refused.code, "one JSON object" in refused.err) == (3, True)
        home.ok("deliveries", "edit", delivery["id"], "--request", "-", stdin=json.dumps(request))
        wait_for(lambda: home.shown("901")["deliveries"][0]["status"] == "done", lambda: hub.errors)
        with urllib.request.urlopen(f"{hub.url}/metrics") as answer:  # noqa: S310 - loopback
            text = answer.read().decode()
        assert 'hub_deliveries{connection="main",status="done",store="default"} 1.0' in text
    well = home.run("reconcile", "main", "--json")
    assert (well.code, well.json["findings"], well.json["deliveries"]) == (0, [], 1)
    home.ok("sandbox", "void", "by hand", "--url", sandbox.url)
    found = home.run("reconcile", "main", "--since", "2026-01-01", "--json")
    assert (found.code, [each["kind"] for each in found.json["findings"]]) == (1, ["void"])
    told = home.run("reconcile", "main")
    assert (told.code, "to mend it: " in told.out) == (1, True)
    assert home.run("reconcile", "main", "--since", "yesterday").code == 2
    assert home.run("reconcile", "nobody").code == 5
    again = home.run("deliveries", "edit", delivery["id"], "--request", "-", stdin=json.dumps(request))
    assert again.code == 6
    (listed,) = home.ok("connections", "list")
    assert (listed["oldest_unsent_age_s"], listed["last_poll_age_s"] >= 0) == (None, True)


def test_closing_one_in_doubt_without_a_document_tells_the_risk_and_asks(
    home: Home, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    home.connect(sandbox)
    home.ok("rmas", "submit", str(write(tmp_path, rma("901"))))
    (delivery,) = home.shown("901")["deliveries"]
    with closing(sqlite3.connect(home.folder / "hub.db")) as database, database:
        database.execute("UPDATE delivery SET status = 'in_doubt', attempts = 1")
    closing_it = ("deliveries", "resolve", delivery["id"], "--note", "nothing is due")
    refused = home.run(*closing_it)
    assert refused.code == 2
    assert "not known whether its document was made" in refused.err
    assert "add --yes" in refused.err
    typed, asked = home.type(*closing_it, answer="n")
    assert typed != 0
    assert "not known whether its document was made" in asked
    assert home.shown("901")["deliveries"][0]["status"] == "in_doubt"
    typed, asked = home.type(*closing_it, answer="y")
    assert (typed, "resolve 1 delivery?" in asked) == (0, True)
    assert home.shown("901")["deliveries"][0]["status"] == "skipped"


def test_metrics_are_refused_where_others_can_ask(home: Home) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - where they are refused
    with Background(home, "serve", "--port=0", f"--host={everywhere}", "--json") as hub:
        url = hub.url.replace(everywhere, "127.0.0.1") + "/metrics"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url)  # noqa: S310 - loopback
        with refused.value as answer:
            assert (answer.code, b"token" in answer.read()) == (401, True)

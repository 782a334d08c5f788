"""Many RMAs at once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.support.documents import MANY, many_lines
from tests.support.processes import Home, HubProcess, SandboxProcess, wait_for

if TYPE_CHECKING:
    from pathlib import Path


def returned() -> tuple[dict[str, int], dict[str, Decimal]]:
    """Units by SKU, and what was paid by currency, over all of the file."""
    units: defaultdict[str, int] = defaultdict(int)
    paid: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in many_lines():
        for item in json.loads(line, parse_float=Decimal)["items"]:
            units[item["sku"]] += 1
            price, tax = item["paidPrice"], item["paidTax"]
            paid[price["shopCurrency"]] += price["shopAmount"] + (
                0 if item["taxIncluded"] else tax["shopAmount"]
            )
    return units, paid


def test_three_hundred_rmas_give_three_hundred_notes_of_the_right_goods_and_money(
    home: Home, sandbox: SandboxProcess
) -> None:
    sandbox.fault(name="allow_duplicate_references", times=None)
    with HubProcess(home):
        home.connect(sandbox)
        imported = home.ok("rmas", "import", str(MANY))
        assert (imported["accepted"], imported["duplicates"], imported["refused"]) == (300, 0, [])
        again = home.ok("rmas", "import", str(MANY))
        assert (again["accepted"], again["duplicates"]) == (0, 300)
        wait_for(lambda: home.count("delivery", "status = 'done'") == 300, lambda: "some still wait")
        notes = sandbox.documents()
        rmas = home.ok("rmas", "list", "--limit=400")
    assert len(notes) == 300
    assert {row["document"] for row in rmas} == {note["id"] for note in notes}
    units: defaultdict[str, int] = defaultdict(int)
    credited: defaultdict[str, Decimal] = defaultdict(Decimal)
    for note in notes:
        credited[note["currency"]] += Decimal(note["total"])
        for line in note["lines"]:
            units[line["sku"]] += int(Decimal(line["quantity"]))
    assert (units, credited) == returned()
    answers = Counter(call["status"] for call in sandbox.calls())
    assert set(answers) == {200}


def test_wrong_lines_are_named_and_the_others_are_kept(home: Home, tmp_path: Path) -> None:
    lines = many_lines(count=4)
    lines[1:2] = ["{not json", "", '{"rmaSummary": {}}']
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    done = home.run("rmas", "import", str(file), "--json")
    assert done.code == 8
    assert done.json["accepted"] == 3
    assert [each["line"] for each in done.json["refused"]] == [2, 4]
    assert all(each["reason"] and each["fix"] for each in done.json["refused"])


def test_import_in_which_every_line_is_wrong_has_failed(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    file.write_text("[]\n{}\n", encoding="utf-8")
    done = home.run("rmas", "import", str(file))
    assert done.code == 1
    assert "line 2" in done.err

"""`kill -9` of the hub at any moment loses nothing that was accepted, and makes nothing twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import many_lines
from tests.support.processes import Home, HubProcess, SandboxProcess, wait_for

if TYPE_CHECKING:
    from pathlib import Path

RMAS = 100
KILLS = 8
PER_ROUND = -(-RMAS // KILLS)


@pytest.mark.parametrize("are_duplicates_allowed", [False, True])
def test_killed_hub_makes_each_accepted_rma_one_note(
    home: Home, sandbox: SandboxProcess, tmp_path: Path, are_duplicates_allowed: bool
) -> None:
    dice = random.Random(17)  # noqa: S311 - repeatable, not secret
    lines = many_lines(count=RMAS)
    accepted = 0
    with HubProcess(home) as hub:
        # Without these, each round would spend more of the minute's quota on look-ups than on notes.
        home.connect(sandbox, look_up_orders="off", check_double_credit="off")
        for number in range(KILLS):
            file = tmp_path / f"{number}.jsonl"
            file.write_text("\n".join(lines[number * PER_ROUND : (number + 1) * PER_ROUND]), encoding="utf-8")
            known = len(sandbox.calls())
            sandbox.clear_faults()
            if are_duplicates_allowed:
                sandbox.fault(name="allow_duplicate_references", times=None)
            # Notes are made at once, and answers take their time.
            sandbox.fault(name="slow", seconds=0.4 if number % 2 else 1000, on="POST", times=None)
            accepted += home.ok("rmas", "import", str(file))["accepted"]
            if number % 2:
                time.sleep(dice.uniform(0, 1))
            else:
                # Just now notes were made, or looked for, and the answer is still on the way.
                wait_for(partial(_is_unanswered, sandbox, known), lambda: "nothing was sent")
            hub.kill()
            hub.start()
        sandbox.clear_faults()
        assert accepted == RMAS
        wait_for(
            lambda: home.count("delivery", "status = 'done'") == RMAS,
            lambda: str(home.ok("deliveries", "list")[:3]),
        )
    rows = home.ok("deliveries", "list", "--limit=200")
    notes = sandbox.documents()
    assert Counter(note["reference"] for note in notes) == Counter(row["reference"] for row in rows)
    assert len(notes) == RMAS
    assert {row["document"]["id"] for row in rows} == {note["id"] for note in notes}
    # Something was really cut short, and nobody was asked to slow down.
    assert any(row["verdict"] == "adopted" for row in rows)
    assert 429 not in {call["status"] for call in sandbox.calls()}


def _is_unanswered(sandbox: SandboxProcess, known: int) -> bool:
    new = sandbox.calls()[known:]
    return any(call["method"] == "POST" and call["status"] is None for call in new)

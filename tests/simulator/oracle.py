"""What must hold, whatever happened. Reads the database with plain SQL, not with the hub's own eyes.

One: *accepted = one document = one write-back, or a visible state with a reason*. Two: no person's action
makes a second document.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.marker import marked_rma
from tests.simulator.schedule import CREDITED, GONE
from tests.simulator.store import BASE

if TYPE_CHECKING:
    import sqlite3

    from connectors.cin7_omni.sandbox.fields import Record
    from tests.simulator.schedule import Story
    from tests.simulator.world import World

WAITING = ("pending", "sending", "in_doubt")


def settled(world: World) -> bool:
    """Nothing waits any more, and everything the ERP has to tell was polled."""
    (connection,) = world.peek.execute("SELECT * FROM connection").fetchall()
    if connection["is_paused"]:
        # Only the ERP or a person pauses; both have stopped, so somebody must resume it. Nothing goes on.
        return True
    if world.peek.execute(
        "SELECT count(*) FROM delivery WHERE status IN ('pending', 'sending', 'in_doubt')"
    ).fetchone()[0]:
        return False
    if not world.peek.execute("SELECT count(*) FROM delivery WHERE document_id IS NOT NULL").fetchone()[0]:
        return True
    polled = connection["polled_at"]
    # One cycle that began after the last change; the hub's clock is right by now.
    changed = f"{_stamp(world.erp_changed_at + 30)}"
    if polled is None or polled < changed:
        return False
    # What a wrong clock made the polls miss is read again after a day.
    return not (world.schedule.has_jumps and _missing(world))


def _stamp(seconds: float) -> str:
    return (BASE + timedelta(seconds=seconds)).isoformat(sep=" ")


def _missing(world: World) -> bool:
    return any(sentence for story in world.schedule.stories for sentence in _goods(world, story))


def judge(world: World) -> list[str]:
    """Broken promises, in plain sentences."""
    problems = []
    known = {row["event_id"] for row in world.peek.execute("SELECT event_id FROM event")}
    problems += [f"event {each} was accepted and is not there" for each in sorted(world.accepted - known)]
    for story in world.schedule.stories:
        problems += [f"RMA {story.rma_id}: {each}" for each in _delivery(world, story)]
        problems += [f"RMA {story.rma_id}: {each}" for each in _goods(world, story)]
    return problems


def _row(world: World, story: Story) -> sqlite3.Row | None:
    found: sqlite3.Row | None = world.peek.execute(
        "SELECT d.*, r.validation, r.contradiction FROM delivery d JOIN rma r ON r.id = d.rma_id "
        "WHERE r.rma_id = ?",
        (story.rma_id,),
    ).fetchone()
    return found


def _ours(world: World, story: Story) -> list[Record]:
    return [note for note in world.erp.notes() if marked_rma(note["internalComments"]) == story.rma_id]


def _delivery(world: World, story: Story) -> list[str]:  # noqa: C901 - one rule a branch, read in order
    row, notes = _row(world, story), _ours(world, story)
    last = story.versions[-1]
    if row is None:
        if notes:
            return ["it has a credit note and no delivery"]
        if last.status == CREDITED or last.status not in GONE:
            return [f"it is {last.status} and has no delivery"]
        return []
    problems = []
    reason = (row["reason"] or "").strip()
    live = [note for note in notes if note["status"] != "VOID"]
    status = row["status"]
    if status in WAITING and not _is_paused(world):
        problems.append(f"it is {status} for ever ({reason}; next {row['next_attempt_at']})")
    if status in {"attention", "skipped"} and not reason:
        problems.append(f"it is {status} without a reason")
    is_closed = story.rma_id in world.closed_by_person
    if status == "done":
        problems += _done(world, row, notes)
    elif live and status == "skipped" and world.schedule.has_latecomers:
        pass  # withdrawn after the last look, and then the ERP applied what it had kept
    elif live and status != "attention" and not _is_paused(world) and not is_closed:
        problems.append(f"it is {status} ({reason}), and note {live[0]['id']} exists")
    elif live and status == "attention" and _is_unexplained(world, story, reason):
        problems.append(f"it needs a person ({reason}), and its own note {live[0]['id']} exists")
    is_due = status == "skipped" and last.status == CREDITED and last.credited and not is_closed
    if is_due and "Do not update" not in reason:
        problems.append(f"it is approved, and nothing is credited: {reason}")
    if last.status in GONE and status == "done" and row["validation"] != "flagged" and not is_closed:
        problems.append(f"it became {last.status} after it was credited, and nobody is told")
    return problems


def _done(world: World, row: sqlite3.Row, notes: list[Record]) -> list[str]:
    ids = [str(note["id"]) for note in notes]
    if row["document_id"] in ids:
        return []
    if row["document_id"] in {str(each) for each in world.foreign}:
        return [f"it is done with note {row['document_id']}, which a stranger wrote"]
    return [f"it is done with note {row['document_id']}, but its notes are {ids}"]


def _is_unexplained(world: World, story: Story, reason: str) -> bool:
    """Whether a person is asked although the hub could know that its one note is there."""
    if story.rma_id in world.closed_by_person or len(_ours(world, story)) > 1:
        return False
    return not any(word in reason for word in ("the hub did not make", "voided"))


def _is_paused(world: World) -> bool:
    (row,) = world.peek.execute("SELECT is_paused, pause_reason FROM connection").fetchall()
    return bool(row["is_paused"] and row["pause_reason"])


def _goods(world: World, story: Story) -> list[str]:
    """What is validated against what was received."""
    row, notes = _row(world, story), _ours(world, story)
    items = world.peek.execute(
        "SELECT i.* FROM rma_item i JOIN rma r ON r.id = i.rma_id WHERE r.rma_id = ?", (story.rma_id,)
    ).fetchall()
    back: dict[str, int] = {}
    for item in items:
        if item["is_returned"]:
            back[item["sku"]] = back.get(item["sku"], 0) + 1
    if row is None or row["status"] != "done" or not notes:
        return [
            f"{units} of {sku} are validated, and it has no document" for sku, units in sorted(back.items())
        ]
    (note, *_) = notes
    # Whether the hub owes an answer: nobody was asked, nothing stands still, no person has closed it.
    is_owed = (
        row["validation"] != "flagged"
        and not _is_paused(world)
        and story.rma_id not in world.closed_by_person
    )
    problems = []
    for sku in sorted({line["code"] for line in note["lineItems"]} | back.keys()):
        came = world.most_received.get((note["id"], sku), Decimal(0))
        if back.get(sku, 0) > came:
            problems.append(f"{back[sku]} of {sku} are validated, and {came} were received")
        if back.get(sku, 0) < came and note["status"] != "VOID" and is_owed:
            problems.append(f"{came} of {sku} were received, and {back.get(sku, 0)} are validated")
    if note["status"] == "VOID" and is_owed:
        problems.append(f"note {note['id']} was voided, and nobody is told")
    return problems

"""What must hold, whatever happened. Reads the database with plain SQL, not with the hub's own eyes.

One: *accepted = one document = one write-back, or a visible state with a reason*. Two: no person's action
makes a second document; that one is watched while it happens, in :meth:`World.wrote`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.cin7_omni.marker import marked_rma
from hub.store.timeline import EDITED, HANDED_BACK, RESOLVED
from tests.simulator import told
from tests.simulator.schedule import CREDITED, GONE
from tests.simulator.store import BASE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from connectors.cin7_omni.sandbox.fields import Record
    from tests.simulator.schedule import Story
    from tests.simulator.world import World

POLL_TAKES_S = 30.0
"""A poll that ended so long after a change began after it."""


def is_settled(world: World) -> bool:
    """Nothing waits any more, and everything the ERP has to tell was polled."""
    return _is_erp_settled(world) and (world.platform is None or told.is_settled(world))


def _is_erp_settled(world: World) -> bool:
    connection = world.peek.execute("SELECT * FROM connection WHERE role = 'erp'").fetchone()
    if connection["is_paused"]:
        return True  # only a person can let it go on
    if _count(world, "status IN ('pending', 'sending', 'in_doubt') OR (is_open AND seen_at IS NULL)"):
        return False
    if not _count(world, "document_id IS NOT NULL"):
        return True
    seen_all_before = BASE + timedelta(seconds=world.erp_changed_at + POLL_TAKES_S)
    if (connection["polled_at"] or "") < seen_all_before.isoformat(sep=" "):
        return False
    # What a wrong clock made the polls miss is read again after a day.
    return not (world.schedule.has_jumps and any(_Return(world, each).goods() for each in _stories(world)))


def judge(world: World) -> list[str]:
    """Broken promises, in plain sentences."""
    known = {row["event_id"] for row in world.peek.execute("SELECT event_id FROM event")}
    problems = [f"event {each} was accepted and is not there" for each in sorted(world.accepted - known)]
    for story in _stories(world):
        seen = _Return(world, story)
        problems += [
            f"RMA {story.rma_id}: {each}"
            for each in (*seen.delivered(), *seen.goods(), *_sent_after_closing(world, story))
        ]
    return problems + (told.judge(world) if world.platform else [])


def _sent_after_closing(world: World, story: Story) -> list[str]:
    """What a person closed goes out again only when a person says so."""
    told = world.peek.execute(
        "SELECT t.kind, t.text FROM timeline_entry t JOIN rma r ON r.id = t.rma_id "
        "WHERE r.rma_id = ? ORDER BY t.id",
        (story.rma_id,),
    )
    is_closed = False
    for entry in told:
        if entry["kind"] == RESOLVED:
            is_closed = True
        elif entry["kind"] in {EDITED, HANDED_BACK} and entry["text"].startswith("A person"):
            is_closed = False
        elif entry["kind"] == "delivery.sent" and is_closed:
            return ["it was sent after a person had closed it"]
    return []


def _stories(world: World) -> tuple[Story, ...]:
    return world.schedule.stories


def _count(world: World, condition: str) -> int:
    query = f"SELECT count(*) FROM delivery WHERE {condition}"  # noqa: S608 - our own conditions
    count: int = world.peek.execute(query).fetchone()[0]
    return count


@dataclass(frozen=True)
class _Return:
    """One RMA at the end, from all sides."""

    world: World
    story: Story

    @property
    def row(self) -> sqlite3.Row | None:
        """Its delivery, with what its RMA says of the goods."""
        found: sqlite3.Row | None = self.world.peek.execute(
            "SELECT d.*, r.validation FROM delivery d JOIN rma r ON r.id = d.rma_id WHERE r.rma_id = ?",
            (self.story.rma_id,),
        ).fetchone()
        return found

    @property
    def notes(self) -> list[Record]:
        """What the hub made for it in the ERP."""
        notes = self.world.erp.notes()
        return [note for note in notes if marked_rma(note["internalComments"]) == self.story.rma_id]

    @property
    def is_old(self) -> bool:
        """It was approved before the cut-off of its platform."""
        plan = self.world.schedule.plan
        return plan is not None and self.world.schedule.stories.index(self.story) in plan.old

    @property
    def is_waiting_for_person(self) -> bool:
        """A person closed it, or the connection is paused with a reason: it is visible and stands still."""
        connection = self.world.peek.execute(
            "SELECT is_paused, pause_reason FROM connection WHERE role = 'erp'"
        ).fetchone()
        is_paused = bool(connection["is_paused"] and connection["pause_reason"])
        return is_paused or self.story.rma_id in self.world.closed_by_person

    # --- the document ----------------------------------------------------------------------------------

    def delivered(self) -> Iterator[str]:
        """What is wrong with its delivery."""
        row, last = self.row, self.story.versions[-1]
        if row is None:
            if self.notes:
                yield "it has a credit note and no delivery"
            # One that never changed since before the platform was connected is never looked at.
            if last.status not in GONE and not self.is_old:
                yield f"it is {last.status} and has no delivery"
            return
        if self.is_old and self.notes and self.story.rma_id not in self.world.handed_back:
            yield "it was approved before the platform was connected, and it is credited"
        reason = (row["reason"] or "").strip()
        if row["status"] in {"attention", "skipped"} and not reason:
            yield f"it is {row['status']} without a reason"
        if row["status"] == "done":
            yield from self._done(row)
        elif not self.is_waiting_for_person:
            yield from self._not_done(row, reason)

    def _done(self, row: sqlite3.Row) -> Iterator[str]:
        document, ids = row["document_id"], [str(note["id"]) for note in self.notes]
        if document in {str(each) for each in self.world.foreign}:
            yield f"it is done with note {document}, which a stranger wrote"
        elif document not in ids:
            yield f"it is done with note {document}, but its notes are {ids}"
        last = self.story.versions[-1].status
        if last in GONE and row["validation"] != "flagged" and not self.is_waiting_for_person:
            yield f"it became {last} after it was credited, and nobody is told"

    def _not_done(self, row: sqlite3.Row, reason: str) -> Iterator[str]:
        status, last = row["status"], self.story.versions[-1]
        live = [note["id"] for note in self.notes if note["status"] != "VOID"]
        if status in {"pending", "sending", "in_doubt"}:
            yield f"it is {status} for ever ({reason}; next {row['next_attempt_at']})"
        if live and status == "attention" and not _names_another(reason):
            yield f"it needs a person ({reason}), and its own note {live[0]} exists"
        # Withdrawn after the last look, and then the ERP applied what it had kept: nobody could know.
        if live and status == "skipped" and not self.world.schedule.has_latecomers:
            yield f"it is skipped ({reason}), and note {live[0]} exists"
        is_due = last.status == CREDITED and last.credited and "Do not update" not in reason
        is_due = is_due and not (self.is_old and "credit_from" in reason)
        if status == "skipped" and is_due:
            yield f"it is approved, and nothing is credited: {reason}"

    # --- the goods -------------------------------------------------------------------------------------

    def goods(self) -> list[str]:
        """What is wrong with what was validated."""
        row, notes, back = self.row, self.notes, self._validated()
        if row is None or row["status"] != "done" or not notes:
            return [f"{back[sku]} of {sku} are validated, and it has no document" for sku in sorted(back)]
        note = notes[0]
        is_void, must_match = note["status"] == "VOID", row["validation"] != "flagged"
        must_match = must_match and not self.is_waiting_for_person
        problems = [f"note {note['id']} was voided, and nobody is told"] if is_void and must_match else []
        for sku in sorted({line["code"] for line in note["lineItems"]} | back.keys()):
            known, came = back.get(sku, 0), self.world.most_received.get((note["id"], sku), Decimal(0))
            if known > came:
                problems.append(f"{known} of {sku} are validated, and {came} were received")
            if known < came and must_match and not is_void:
                problems.append(f"{came} of {sku} were received, and {known} are validated")
        return problems

    def _validated(self) -> dict[str, int]:
        """SKU → units that the hub says are back."""
        rows = self.world.peek.execute(
            "SELECT i.sku, count(*) AS units FROM rma_item i JOIN rma r ON r.id = i.rma_id "
            "WHERE r.rma_id = ? AND i.is_returned GROUP BY i.sku",
            (self.story.rma_id,),
        )
        return {row["sku"]: row["units"] for row in rows}


def _names_another(reason: str) -> bool:
    """Whether a person is asked because of another note, or because ours was cancelled."""
    return "the hub did not make" in reason or "voided" in reason

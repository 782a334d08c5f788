"""What must hold of what the platform and the subscriber are told. Reads the database with plain SQL.

Each update is sent, in effect once and in order, or visibly not; and what the hub itself wrote to the
platform comes back and starts nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.platform.returngo.shipments import VALIDATED, may_move
from hub.telling import UpdateKind
from tests.simulator.store import BASE, origin

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from tests.simulator.platform import Platform
    from tests.simulator.world import World

COMMENTED = (UpdateKind.CREDIT_NOTE_CREATED, UpdateKind.ITEM_VALIDATED)
"""What the platform is told in comments."""
_MARK = re.compile(r"\[hub ([0-9a-f]+)\]")


def is_settled(world: World) -> bool:
    """Every change on the platform is read, also those of our own, and nothing waits to be sent."""
    waiting = world.peek.execute(
        "SELECT (SELECT count(*) FROM rma_to_fetch f JOIN connection c ON c.id = f.connection_id "
        "WHERE f.reason = '' AND NOT c.is_paused) + (SELECT count(*) FROM update_sending s "
        "JOIN connection c ON c.id = s.connection_id WHERE s.status = 'pending' AND NOT c.is_paused)"
    ).fetchone()[0]
    is_paused = world.peek.execute("SELECT is_paused FROM connection WHERE role = 'platform'").fetchone()[0]
    return not waiting and (is_paused or _is_read(world))


def _is_read(world: World) -> bool:
    assert world.platform
    held = {row["rma_id"]: row["last_updated_at"] for row in _rows(world, "SELECT * FROM rma")}
    return all(
        updated_at <= BASE or (rma_id in held and datetime.fromisoformat(held[rma_id]) == updated_at)
        for rma_id, updated_at in world.platform.updates()
    )


def judge(world: World) -> list[str]:
    """Broken promises, in plain sentences."""
    assert world.platform
    return [
        *_sendings(world),
        *_untold(world),
        *_comments(world, world.platform),
        *_shipments(world, world.platform),
        *_order(world),
        *_echoes(world, world.platform),
    ]


def _rows(world: World, query: str, *given: Any) -> list[sqlite3.Row]:
    return world.peek.execute(query, given).fetchall()


def _sendings(world: World) -> Iterator[str]:
    """Every update is on its way to everybody, and each way has come to its end."""
    ways = _rows(
        world,
        "SELECT u.key, u.kind, r.rma_id, s.connection_id, s.status, s.reason, c.is_paused, c.pause_reason "
        "FROM rma_update u JOIN rma r ON r.id = u.rma_id LEFT JOIN update_sending s ON s.update_id = u.id "
        "LEFT JOIN connection c ON c.id = s.connection_id",
    )
    count = Counter(way["key"] for way in ways)
    for way in ways:
        name = f"RMA {way['rma_id']}: {way['kind']}"
        is_visible = way["is_paused"] and way["pause_reason"]
        if count[way["key"]] != len(origin().receivers):
            yield f"{name} is on its way to {count[way['key']]} of {len(origin().receivers)} receivers"
        if way["status"] == "pending" and not is_visible:
            yield f"{name} is never told ({way['reason']})"
        if way["status"] in {"failed", "skipped"} and not way["reason"]:
            yield f"{name} is {way['status']} without a reason"


def _untold(world: World) -> Iterator[str]:
    """What came about was written down for those who must learn it."""
    updates: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in _rows(
        world, "SELECT r.rma_id, u.kind, u.facts FROM rma_update u JOIN rma r ON r.id = u.rma_id"
    ):
        updates.setdefault((row["rma_id"], row["kind"]), []).append(json.loads(row["facts"]))
    for row in _rows(
        world, "SELECT r.rma_id, r.validation, d.* FROM delivery d JOIN rma r ON r.id = d.rma_id"
    ):
        rma_id = row["rma_id"]
        created = updates.get((rma_id, UpdateKind.CREDIT_NOTE_CREATED), [])
        failed = updates.get((rma_id, UpdateKind.CREDIT_NOTE_FAILED), [])
        if row["status"] == "done" and row["document_id"] not in [each["document"]["id"] for each in created]:
            yield f"RMA {rma_id}: note {row['document_id']} is told to nobody"
        is_told = rma_id in world.handed_back or row["reason"] in [each["reason"] for each in failed]
        # Who hands one back that cannot be sent is told so in answer.
        if row["status"] == "attention" and not is_told:
            yield f"RMA {rma_id}: that a person is needed is told to nobody: {row['reason']}"
        goods = updates.get((rma_id, UpdateKind.ITEM_VALIDATED), [])
        told = Counter(item["returned_item_id"] for each in goods for item in each["items"])
        if told != Counter(world.returned(rma_id)):
            yield f"RMA {rma_id}: items {sorted(world.returned(rma_id))} are back, and told is {sorted(told)}"
        for state, kind in (
            ("full", UpdateKind.VALIDATION_COMPLETED),
            ("flagged", UpdateKind.VALIDATION_FLAGGED),
        ):
            if row["validation"] == state and (rma_id, kind) not in updates:
                yield f"RMA {rma_id}: that it is {state} is told to nobody"
        was_flagged = (rma_id, UpdateKind.VALIDATION_FLAGGED) in updates and row["validation"] != "flagged"
        # One that was withdrawn, so that there was nothing to flag after all, has no document.
        was_flagged = was_flagged and row["document_id"] is not None
        if was_flagged and (rma_id, UpdateKind.VALIDATION_CLEARED) not in updates:
            yield f"RMA {rma_id}: that it is not flagged any more is told to nobody"


def _comments(world: World, platform: Platform) -> Iterator[str]:
    """Each update is at most once among an RMA's comments, and just once when it counts as told."""
    told = _rows(
        world,
        "SELECT u.key, u.kind, r.rma_id, s.status FROM rma_update u JOIN rma r ON r.id = u.rma_id "
        "JOIN update_sending s ON s.update_id = u.id AND s.connection_id = ?",
        origin().receivers[0],
    )
    of_rma = {row["key"]: row["rma_id"] for row in told}
    seen: Counter[str] = Counter()
    for rma in platform.books.all():
        rma_id = rma["rmaSummary"]["rmaId"]
        for comment in rma["comments"]:
            key = _MARK.findall(comment["htmlText"])[0]
            seen[key] += 1
            if of_rma.get(key) != rma_id:
                yield f"RMA {rma_id}: a comment tells update {key}, which is none of its"
    for row in told:
        if seen[row["key"]] > 1 or (
            row["status"] == "done" and row["kind"] in COMMENTED and not seen[row["key"]]
        ):
            yield f"RMA {row['rma_id']}: {row['kind']} is {seen[row['key']]} times among the comments"


def _shipments(world: World, platform: Platform) -> Iterator[str]:
    """A shipment of which everything is back is Validated, where that is allowed and was not given up.

    One of a return that needs a person waits; whether it does is seen when the hub sets one.
    """
    given_up = {
        row["rma_id"]
        for row in _rows(
            world,
            "SELECT r.rma_id FROM update_sending s JOIN rma r ON r.id = s.rma_id "
            "WHERE s.connection_id = ? AND s.status NOT IN ('done', 'skipped')",
            origin().receivers[0],
        )
    }
    for rma in platform.books.all():
        for each in rma["shipments"]:
            rma_id, status, expected = platform.shipment(each["shipmentId"])
            is_whole = expected and expected <= world.returned(rma_id)
            is_free = rma_id not in given_up | world.flagged()
            if is_whole and is_free and may_move(status, VALIDATED):
                yield f"RMA {rma_id}: all of shipment {each['shipmentId']} is back, and it is {status}"


def _order(world: World) -> Iterator[str]:
    """The subscriber saw everything that counts as told, in the order in which it came about."""
    assert world.subscriber
    wanted: dict[str, list[str]] = {}
    every: dict[str, list[str]] = {}
    for row in _rows(
        world,
        "SELECT u.key, r.rma_id, s.status FROM rma_update u JOIN rma r ON r.id = u.rma_id "
        "JOIN update_sending s ON s.update_id = u.id AND s.connection_id = ? ORDER BY u.id",
        origin().receivers[1],
    ):
        every.setdefault(row["rma_id"], []).append(f"msg_{row['key']}")
        if row["status"] == "done":
            wanted.setdefault(row["rma_id"], []).append(f"msg_{row['key']}")
    for rma_id, seen in world.subscriber.seen.items():
        known = [each for each in every.get(rma_id, []) if each in seen]
        if seen != known:
            yield f"RMA {rma_id}: the subscriber saw {seen} out of order: {known}"
    for rma_id, ids in wanted.items():
        if missing := set(ids) - set(world.subscriber.seen.get(rma_id, [])):
            yield f"RMA {rma_id}: {len(missing)} messages count as sent, and the subscriber never saw them"


def _echoes(world: World, platform: Platform) -> Iterator[str]:
    """The hub hears of an RMA at most what people, and not the hub, did to it there."""
    for row in _rows(
        world,
        "SELECT r.rma_id, count(*) AS heard FROM timeline_entry t JOIN rma r ON r.id = t.rma_id "
        "WHERE t.kind LIKE 'rma.%' AND t.kind != 'rma.stale' GROUP BY r.rma_id",
    ):
        changes = platform.people_changed.get(row["rma_id"], 0)
        # When all of it is back, the platform makes the whole return Validated: that is news.
        if row["heard"] > changes + 1:
            yield f"RMA {row['rma_id']}: heard {row['heard']} times, and people changed it {changes} times"

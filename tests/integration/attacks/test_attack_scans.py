"""No return that comes in, is sent or comes back makes the hub read through all returns there are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hub.engine.work import due_connections, unpolled_connections, waiting_connections
from hub.store.database import client
from tests.support.documents import rma, unit

if TYPE_CHECKING:
    import pytest

    from tests.support.stage import Stage

GROWING = ("attempt", "delivery", "event", "exchange", "rma", "rma_item", "search_term", "timeline_entry")


async def test_nothing_is_searched_without_an_index(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        await stage.submit(rma("900"))
        await stage.submit(rma("900", unit(90000, amount="7.00"), updated="2026-03-01T11:00:00+00:00"))
        await stage.settle()
        await stage.submit(rma("900", status="Cancelled", updated="2026-03-01T12:00:00+00:00"))
        stage.sandbox.receive(stage.notes[0]["id"])
        await stage.poll()
        for look in (due_connections, unpolled_connections, waiting_connections):
            await look(stage.hub.clock.now())
    told = [record.args for record in caplog.records if isinstance(record.args, tuple)]
    asked: dict[str, Any] = {str(args[0]): args[1] for args in told if len(args) > 1}
    assert len(asked) > 20
    scanned = []
    for statement, values in asked.items():
        if " WHERE " not in statement:
            continue  # an INSERT, or the last one by its number
        given = values[0] if values and isinstance(values[0], list) else values
        plan = await client().execute_query_dict(f"EXPLAIN QUERY PLAN {statement}", given)
        scanned += [
            (step["detail"], statement)
            for step in plan
            if step["detail"].split()[0] == "SCAN" and step["detail"].split()[1] in GROWING
        ]
    assert not scanned

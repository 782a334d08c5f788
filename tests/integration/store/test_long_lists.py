"""Lists of any length in one statement, on both databases."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from hub.inbound.accept import accept
from hub.merchant import webhooks
from hub.store.database import client
from hub.store.membership import SHORT
from hub.store.models import Connection, Rma, Role, SendingStatus, TimelineEntry, UpdateSending
from tests.support.documents import event, rma

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core import Hub
    from hub.store.models import Store

MANY = 40_000
USUAL_LIMIT = 32_766
"""Of SQLite as its makers give it; Debian's takes more, so that a test there would see nothing."""


@pytest.fixture(autouse=True)
async def _usual_limit(hub: Hub) -> None:
    if hub.environment.is_sqlite:
        await client().execute_query("SELECT 1")  # connects
        database: Any = client()
        connection = database._connection  # noqa: SLF001 - its thread alone may set it
        limit = connection._conn.setlimit  # noqa: SLF001
        await connection._execute(limit, sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, USUAL_LIMIT)  # noqa: SLF001


@pytest.mark.parametrize("length", [0, 1, SHORT, SHORT + 1, MANY])
async def test_list_of_any_length_finds_what_is_in_it_and_leaves_out_the_rest(
    hub: Hub, store: Store, connection: Connection, length: int
) -> None:
    assert connection.name == "main"
    for number in ("900", "901"):
        document = rma(number, order_name=f"#{number}")
        await accept(hub.clock, store, event(document), source="test")
    ids = [row.id for row in await Rma.all().order_by("rma_id")]
    # The first of them is in every list but the empty one; the others are of nobody.
    numbers = [ids[0], *range(-length, -1)][:length]
    texts = ["900", *(f"x{each}" for each in numbers)][:length]
    found, others = (["900"], ["901"]) if length else ([], ["900", "901"])
    assert await _numbers(Rma.filter(id__in=numbers)) == found
    assert await _numbers(Rma.filter(rma_id__in=texts)) == found
    assert await _numbers(Rma.filter(id__not_in=numbers)) == others
    assert await _numbers(Rma.exclude(rma_id__in=texts)) == others
    # Through a join, in a change and in a deletion.
    stories = TimelineEntry.filter(rma__rma_id__in=texts)
    assert await stories.count() == (await TimelineEntry.filter(rma_id=ids[0]).count() if length else 0)
    assert await Rma.filter(id__in=numbers).update(order_name="found") == len(found)
    await TimelineEntry.filter(rma_id__in=numbers).delete()
    assert await TimelineEntry.filter(rma_id=ids[0]).exists() is not bool(length)
    assert await TimelineEntry.filter(rma_id=ids[1]).exists()


async def _numbers(rows: Any) -> Sequence[str]:
    return [row.rma_id for row in await rows.order_by("rma_id")]


async def test_replay_of_more_messages_than_a_statement_takes_values(
    hub: Hub, store: Store, connection: Connection
) -> None:
    assert connection.name == "main"
    await accept(hub.clock, store, event(rma("900", order_name="#900")), source="test")
    row = await Connection.create(
        id=hub.clock.new_id(),
        store=store,
        name="subscriber",
        name_key="webhook:subscriber",
        role=Role.WEBHOOK,
        connector="webhook",
        settings="{}",
        credentials="",
        created_at=hub.clock.now(),
    )
    first = await Rma.get(rma_id="900")
    # Written by the database itself; told one by one they would take minutes.
    numbers = (
        f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {MANY})"  # noqa: S608
        " SELECT n FROM n"
    )
    await client().execute_script(
        "INSERT INTO rma_update (key, rma_id, kind, facts, created_at)"  # noqa: S608 - our own values
        f" SELECT 'k' || n, {first.id}, 'delivery.done', '{{}}', '2026-03-01 12:00:00+00:00'"
        f" FROM ({numbers}) n"
    )
    await client().execute_script(
        "INSERT INTO update_sending (update_id, rma_id, connection_id, status, attempts, reason)"  # noqa: S608
        f" SELECT id, rma_id, '{row.id}', 'failed', 9, 'gone' FROM rma_update"
    )
    since = hub.clock.now().replace(year=2026, month=3, day=1, hour=0)
    assert await webhooks.replay(hub, row, since=since) == MANY
    assert await UpdateSending.filter(status=SendingStatus.PENDING, attempts=0, reason="").count() == MANY

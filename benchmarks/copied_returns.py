"""Thousands of approved returns that wait, made quickly: some are taken in, the others copied from them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from hub.inbound.accept import accept
from hub.inbound.document import parse_rma
from hub.inbound.event import read_event
from hub.merchant import connections, methods, stores
from hub.outcomes import Status
from hub.rma import MethodType
from hub.store.database import client
from hub.store.models import Delivery, Rma, RmaItem, TimelineEntry
from tests.support.documents import METHODS, many_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connectors.cin7_omni.sandbox import Cin7Sandbox
    from hub import rma as domain
    from hub.core import Hub
    from hub.inbound.event import IncomingEvent

STEP = 1_000
"""Numbers between a return and its copy."""
COPY = """
WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < {copies})
INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t {join}, copy ORDER BY copy.n
"""
NEW_NUMBER = f"CAST(CAST({{rma}}.rma_id AS INTEGER) + copy.n * {STEP} AS VARCHAR(20))"
NEW_ORDER = "{rma}.order_name || '-' || CAST(copy.n AS VARCHAR(20))"


def varied() -> Iterator[IncomingEvent]:
    """A hundred approved returns, no two alike."""
    for line in many_lines(count=100):
        yield read_event(line.encode())


async def copy_returns(hub: Hub, values: dict[str, str], samples: Iterable[IncomingEvent], count: int) -> str:
    """Makes a store, a connection and approved returns that wait for it: samples, and copies of their rows.

    Args:
        hub: with an empty database.
        values: the connection's settings and credentials.
        samples: fewer than :data:`STEP`.
        count: how many returns.

    Returns:
        The connection's id.
    """
    await stores.ensure_default(hub.clock)
    store = await stores.get()
    added = await connections.add(hub, store, "cin7_omni", "main", values, should_check=False)
    for name, (_, kind) in METHODS.items():
        method = await methods.add(store, name, MethodType(kind))
        if kind != MethodType.NO_SHIPMENT_REQUIRED:
            await methods.point_at(method, added.row, None)
    for each in samples:
        await accept(hub.clock, store, each, source="benchmark")
    waiting = await Delivery.filter(status=Status.PENDING).count()
    for statement in _copies(math.ceil(count / waiting) - 1):
        await client().execute_query(statement)
    rows = await Delivery.filter(status=Status.PENDING).order_by("-rma_id").values_list("id", flat=True)
    await Delivery.filter(id__in=rows[count:]).update(status=Status.SKIPPED, next_attempt_at=None)
    return added.row.id


async def sell(sandbox: Cin7Sandbox) -> None:
    """Places the orders that the returns are of."""
    samples: dict[int, domain.Rma] = {}
    for row in await Rma.filter(delivery__status=Status.PENDING).order_by("id"):
        number = row.id % STEP
        if number not in samples:
            samples[number] = parse_rma(json.loads(row.document, parse_float=Decimal))
        sandbox.sell(replace(samples[number], order_name=row.order_name))


def _copies(copies: int) -> list[str]:
    number, order = NEW_NUMBER.format(rma="t"), NEW_ORDER.format(rma="t")
    rma = {"id": f"t.id + copy.n * {STEP}", "rma_id": number, "order_name": order}
    for column in ("document", "approved_document"):
        rma[column] = f"replace(replace(t.{column}, t.rma_id, {number}), t.order_name, {order})"
    shifted = {"rma_id": f"t.rma_id + copy.n * {STEP}", "id": ""}
    item = {"returned_item_id": f"replace(t.returned_item_id, r.rma_id, {NEW_NUMBER.format(rma='r')})"}
    delivery = {"id": f"substr(t.id, 1, 8) || CAST(10000000 + t.rma_id + copy.n * {STEP} AS VARCHAR(8))"}
    made = []
    for model, changed in (
        (Rma, rma), (RmaItem, shifted | item), (Delivery, shifted | delivery), (TimelineEntry, shifted)
    ):  # fmt: skip
        meta = model._meta  # noqa: SLF001
        columns = [each for each in meta.fields_db_projection.values() if changed.get(each) != ""]
        made.append(
            COPY.format(
                copies=copies,
                table=meta.db_table,
                columns=", ".join(columns),
                values=", ".join(changed.get(each, f"t.{each}") for each in columns),
                join="" if model is Rma else f"JOIN rma r ON r.id = t.rma_id AND r.id < {STEP}",
            )
        )
    return made

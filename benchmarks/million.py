"""A database that holds a million returns, on SQLite and on PostgreSQL, made once and kept.

It is kept in the machine's folder for temporary files.

Events are left out: no page reads them.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.places import fingerprint, place
from hub.core import open_hub
from hub.merchant import connections, stores
from tests.support.postgres import own_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DOCUMENT = 1_000
"""Characters of each RMA document, of which a row holds two."""
SKUS = 5_000
OTHERS_EVERY = 1_000
"""One return in so many is another store's."""
TABLES = (
    "store",
    "connection",
    "mapping_version",
    "rma",
    "delivery",
    "rma_item",
    "timeline_entry",
    "search_term",
)
"""Those with rows, in the order of their foreign keys."""
ROWS_AT_ONCE = 20_000

ROWS = """
CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < :count)
  SELECT i, CASE WHEN i % 2000 = 7 THEN 'attention' WHEN i % 5000 = 11 THEN 'in_doubt'
    WHEN i > :count - 1000 THEN 'pending' WHEN i % 50 = 3 THEN 'skipped' ELSE 'done' END AS status,
    CASE WHEN i % :others = 0 THEN :other ELSE :store END AS store,
    CASE WHEN i % :others = 0 THEN NULL WHEN i % 20 = 0 THEN :second ELSE :main END AS connection,
    strftime('%Y-%m-%d %H:%M:%S+00:00', julianday('2026-01-01') + i * 300.0 / :count) AS at FROM c;
INSERT INTO rma (id, platform, rma_id, store_id, order_name, status, validation, document, approved_document,
    approved_at, received_at)
  SELECT i, 'returngo', 41000000 + i, store, '#' || (1000 + i), 'Approved',
    CASE WHEN i % 3000 = 1 THEN 'flagged' WHEN i % 3 = 0 THEN 'none' ELSE 'full' END, :document, :document,
    at, at
  FROM n;
INSERT INTO delivery (id, rma_id, connection_id, method, status, verdict, reason, fix, request, reference,
    origins, warnings, total, mapping_version, document_id, document_reference, attempts, retries, looks,
    next_attempt_at, version, is_open, is_prepared_anew, created_at, updated_at, credited_at)
  SELECT printf('%016x', i), i, connection, 'UPS label', status, CASE status WHEN 'done' THEN 'created' END,
    CASE status WHEN 'attention' THEN 'the reference RMA ' || i || ' is taken' END, '', :request,
    'RMA ' || (41000000 + i), '{}', '[]', '12.30 AUD', 0, CASE status WHEN 'done' THEN 60000000 + i END,
    CASE status WHEN 'done' THEN 'RMA ' || (41000000 + i) END, 1, 0, 0,
    CASE WHEN status IN ('pending', 'in_doubt') THEN '2030-01-01 00:00:00+00:00' END, 1, 0, 0, at, at,
    CASE status WHEN 'done' THEN at END
  FROM n;
INSERT INTO rma_item (rma_id, position, returned_item_id, sku, return_method, is_credited)
  SELECT i, k, 'i' || k, 'SKU-' || printf('%05d', (i * 7 + k) % :skus), 'UPS label', 1
  FROM n, (SELECT 0 AS k UNION SELECT 1);
INSERT INTO timeline_entry (rma_id, at, kind, text)
  SELECT i, at, kind, text FROM n, (SELECT 1 AS k, 'rma.approved' AS kind, 'It arrived as Approved.' AS text
    UNION SELECT 2, 'delivery.prepared', 'The credit note was prepared.'
    UNION SELECT 3, 'delivery.sent', 'Sent to main (attempt 1).'
    UNION SELECT 4, 'delivery.created', 'The credit note was created.') ORDER BY i, k;
INSERT INTO search_term (store_id, rma_id, term) SELECT * FROM (
  SELECT store, i, CAST(41000000 + i AS TEXT) AS term FROM n
  UNION ALL SELECT store, i, CAST(1000 + i AS TEXT) FROM n
  UNION ALL SELECT store, i, 'rma ' || (41000000 + i) FROM n
  UNION ALL SELECT store, i, CAST(60000000 + i AS TEXT) FROM n WHERE status = 'done'
  UNION ALL SELECT n.store, n.i, lower(rma_item.sku) FROM n JOIN rma_item ON rma_item.rma_id = n.i
  ) ORDER BY 1, 3, 2;
UPDATE search_term SET term = CAST(term AS BLOB);
"""


async def _build(folder: Path, count: int) -> None:
    """Makes the SQLite file: schema, stores and connections by the hub, the rest by SQL."""
    async with open_hub(place(folder), should_migrate=True) as hub:
        await stores.ensure_default(hub.clock)
        store, other = await stores.get(), await stores.add("other", hub.clock.now())
        rows = []
        for name in ("main", "second"):
            given = {"username": name, "api_key": "key", "base_url": "http://127.0.0.1:9/api"}
            added = await connections.add(hub, store, "cin7_omni", name, given, should_check=False)
            rows.append(added.row.id)
    values: dict[str, int | str] = {
        "count": count, "others": OTHERS_EVERY, "store": store.id, "other": other.id, "main": rows[0],
        "second": rows[1], "skus": SKUS, "document": "{" + " " * (DOCUMENT - 2) + "}", "request": '{"a": 1}',
    }  # fmt: skip
    with closing(sqlite3.connect(folder / "hub.db")) as database:
        database.executescript(
            "PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -400000"
        )
        for statement in ROWS.split(";"):
            if statement.strip():
                names = [name for name in values if f":{name}" in statement]
                database.execute(statement, {name: values[name] for name in names})
                database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def kept(count: int) -> Path:
    """The folder of the SQLite file of this schema; made when it is not there."""
    folder = Path(tempfile.gettempdir()) / f"returns-hub-{count}-{fingerprint(ROWS)}"
    if not (folder / "done").exists():
        for old in folder.parent.glob(f"returns-hub-{count}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        began = time.monotonic()
        await _build(folder, count)
        (folder / "done").touch()
        _say(f"built {count:,} returns in {time.monotonic() - began:.0f} s")
    return folder


@asynccontextmanager
async def kept_in_postgres(count: int) -> AsyncIterator[str]:
    """The address of a PostgreSQL database with the same rows, for the block; its server is durable."""
    folder = await kept(count)
    with own_postgres(is_durable=True, folder=folder / "postgres") as server:
        url = server.url.replace("/postgres?", "/hub?")
        if not (folder / "postgres" / "done").exists():
            began = time.monotonic()
            await server.execute("DROP DATABASE IF EXISTS hub", "CREATE DATABASE hub")
            async with open_hub(place(folder, url), should_migrate=True):
                pass
            await _copy(folder / "hub.db", url)
            (folder / "postgres" / "done").touch()
            _say(f"copied {count:,} returns to PostgreSQL in {time.monotonic() - began:.0f} s")
        yield url


async def _copy(file: Path, url: str) -> None:
    target = await asyncpg.connect(url)
    with closing(sqlite3.connect(file)) as database:
        for table in TABLES:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            await target.copy_to_table(table, source=_lines(database, table, columns), columns=columns)
            if await target.fetchval("SELECT pg_get_serial_sequence($1, 'id')", table):
                await target.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"  # noqa: S608
                )
    await target.execute("VACUUM ANALYZE")
    await target.close()


async def _lines(database: sqlite3.Connection, table: str, columns: list[str]) -> AsyncIterator[bytes]:
    cursor = database.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield "".join("\t".join(_written(value) for value in row) + "\n" for row in rows).encode()


def _written(value: object) -> str:
    """A value in the text format of PostgreSQL's COPY."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr)

"""How quickly pages answer when the hub holds a million returns: `python -m benchmarks.pages`.

Builds a SQLite database once, keeps it in the machine's folder for temporary files, and asks the real web
application over HTTP. Prints p50 and p95 of each kind of page in milliseconds, and ends with 1 when a p95 is
over the limit. Events are left out of the database: no page reads them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from hub.access import sessions, users
from hub.core import open_hub
from hub.environment import Environment
from hub.merchant import connections, stores
from hub.store.people import User
from hub.web.server import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.core import Hub

LIMIT_MS = 200.0
MIGRATIONS = Path(__file__).parents[1] / "hub" / "store" / "migrations"
KEY = SecretStr(base64.b64encode(bytes(32)).decode())
DOCUMENT = 1_000
"""Characters of each RMA document, of which a row holds two."""
SKUS = 5_000
OTHERS_EVERY = 1_000
"""One return in so many is another store's."""

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


async def build(folder: Path, count: int) -> None:
    """Makes the database: schema, stores and connections by the hub, the rest by SQL."""
    async with open_hub(Environment(home=folder, secret_key=KEY), should_migrate=True) as hub:
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


def kept(count: int) -> Path:
    """Where the database of this schema is kept; made when it is not there."""
    schema = hashlib.sha256(b"".join(each.read_bytes() for each in sorted(MIGRATIONS.glob("0*.py"))))
    schema.update(ROWS.encode())
    folder = Path(tempfile.gettempdir()) / f"returns-hub-pages-{count}-{schema.hexdigest()[:12]}"
    if not (folder / "done").exists():
        for old in folder.parent.glob(f"returns-hub-pages-{count}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        began = time.monotonic()
        asyncio.run(build(folder, count))
        (folder / "done").touch()
        print(f"built {count:,} returns in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return folder


def kinds(count: int) -> Iterator[tuple[str, list[str]]]:
    """Each kind of page, and the addresses that are asked for."""
    lots = random.Random(7)  # noqa: S311 - a benchmark
    some = [lots.randrange(1, count) for _ in range(40)]
    yield "home", ["/"] * 40
    yield "list", ["/returns"] * 40
    yield "list, older", [f"/returns?cursor={i}" for i in some]
    for status in ("needs_you", "in_doubt", "pending", "done", "skipped"):
        yield f"status {status}", [f"/returns?status={status}"] * 40
    yield "goods flagged", ["/returns?goods=flagged"] * 40
    yield "connection", ["/returns?connection=second"] * 40
    yield "method, none has it", ["/returns?method=Nobody"] * 40
    yield "connection and status", ["/returns?connection=second&status=attention"] * 40
    yield "a month", ["/returns?since=2026-03-01&until=2026-03-31"] * 40
    yield "a small store", ["/returns?store=other", "/returns?store=other&status=done"] * 20
    yield "search: RMA", [f"/returns?q={41_000_000 + i}" for i in some]
    yield "search: order", [f"/returns?q=%23{1_000 + i}" for i in some]
    yield "search: SKU", [f"/returns?q=sku-{i % SKUS:05d}" for i in some]
    yield "search: document", [f"/returns?q={60_000_000 + i}" for i in some]
    yield "search: beginning", [f"/returns?q={i}" for i in ("4", "41", "sku", "rma 410", "6", "zz")] * 7
    yield "search and filter", [f"/returns?q=sku&status={each}" for each in ("attention", "skipped")] * 20
    yield "one return", [f"/returns/{41_000_000 + i}" for i in some if i % OTHERS_EVERY]
    yield "needs you", ["/desk"] * 40


async def ask(http: aiohttp.ClientSession, addresses: Sequence[str]) -> list[float]:
    """How long each answer took, in milliseconds."""
    took = []
    for address in addresses:
        began = time.perf_counter()
        async with http.get(address) as answer:
            await answer.read()
            if answer.status != 200:  # noqa: PLR2004
                raise SystemExit(f"{address} answered {answer.status}")
        took.append((time.perf_counter() - began) * 1000)
    return took


async def session_of(hub: Hub) -> str:
    """The cookie of an administrator."""
    await User.filter(name_key="benchmark").delete()
    link = await users.add(hub.clock, "benchmark", store=None)
    await User.filter(id=link.user.id).update(password_hash="none")  # noqa: S106
    return await sessions.start(link.user, hub.clock.now(), "127.0.0.1")


async def measure(folder: Path, count: int) -> float:
    """Prints the figures; gives the worst p95 in milliseconds."""
    worst = 0.0
    async with open_hub(Environment(home=folder, secret_key=KEY)) as hub:
        runner = web.AppRunner(make_app(hub, is_local=True), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        cookies = {"hub_session": await session_of(hub)}
        async with aiohttp.ClientSession(base, cookies=cookies) as http:
            await ask(http, ["/account"])
            print(f"{'page':26}{'p50 ms':>8}{'p95 ms':>8}")
            for name, addresses in kinds(count):
                took = sorted(await ask(http, addresses))
                p95 = statistics.quantiles(took, n=20, method="inclusive")[-1]
                worst = max(worst, p95)
                print(
                    f"{name:26}{statistics.median(took):8.0f}{p95:8.0f}{'  over' if p95 > LIMIT_MS else ''}"
                )
        await runner.cleanup()
    return worst


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--returns", type=int, default=1_000_000, help="how many the database holds")
    count = parser.parse_args().returns
    worst = asyncio.run(measure(kept(count), count))
    print(f"{count:,} returns: worst p95 {worst:.0f} ms, limit {LIMIT_MS:.0f} ms")
    sys.exit(worst > LIMIT_MS)


if __name__ == "__main__":
    main()

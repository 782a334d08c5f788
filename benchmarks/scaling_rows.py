"""The rows of a hub with many connections and open documents, made in bulk and kept between runs."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import shutil
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg

from benchmarks.places import fingerprint, place
from benchmarks.scaling_erp import ACCOUNT, SKUS, START
from connectors.cin7_omni.polling import Cursor, write_cursor
from hub.core import open_hub
from hub.mapping.exact_json import write_json
from hub.merchant import stores
from hub.store import epochs
from hub.store.database import client
from tests.support.documents import rma, unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from hub.core import Hub
    from hub.environment import Environment

VERSION = "2"
"""Another one has kept rows made anew."""
METHOD = "method of {}"
DAY_S = 86_400
PORT = "65535"
"""Stands in the settings of kept rows, until a run puts its own port there."""
CONNECTION = (
    "id", "store_id", "name", "name_key", "role", "connector", "account_key", "quota_key", "settings",
    "credentials", "is_paused", "pause_reason", "created_at", "poll_cursor", "last_error",
)  # fmt: skip
RMA = (
    "id", "platform", "rma_id", "store_id", "order_name", "status", "validation", "document",
    "approved_document", "approved_at", "received_at",
)  # fmt: skip
ITEM = ("rma_id", "position", "returned_item_id", "sku", "return_method", "is_credited")
DELIVERY = (
    "id", "rma_id", "connection_id", "method", "status", "verdict", "fix", "request", "reference", "origins",
    "warnings", "mapping_version", "document_id", "document_reference", "attempts", "retries", "looks",
    "version", "is_open", "is_prepared_anew", "seen_at", "created_at", "updated_at", "credited_at",
)  # fmt: skip
STORE = ("id", "name", "url", "customer_support_url", "created_at")
METHODS = ("store_id", "name", "name_key", "type", "connection_id")
TABLES = {
    "store": STORE, "connection": CONNECTION, "return_method": METHODS, "rma": RMA, "rma_item": ITEM,
    "delivery": DELIVERY,
}  # fmt: skip


def connection_id(number: int) -> str:
    """The id of the connection of that number, from 1."""
    return f"{number:016x}"


def shops(count: int) -> Iterator[tuple[Any, ...]]:
    """A store for each connection, of the same number; the first is there."""
    for number in range(2, count + 1):
        yield (number, f"store {number}", "", "", START)


def connections(hub: Hub, count: int) -> Iterator[tuple[Any, ...]]:
    """Their rows, with credentials as the hub seals them; not due before a run says so."""
    cursor = write_cursor(Cursor(since=START, floor=START))
    settings = write_json({"base_url": f"http://127.0.0.1:{PORT}/api"})
    for number in range(1, count + 1):
        mine, name = connection_id(number), f"c{number:05d}"
        key = hashlib.sha256(name.encode()).hexdigest()
        secret = write_json({"username": str(number), "api_key": f"key-{name}"})
        sealed = hub.sealer.seal(secret, row=f"connection/{mine}")
        yield (mine, number, name, name, "erp", "cin7_omni", key, key, settings, sealed, False, "", START,
               cursor, "")  # fmt: skip


def methods(count: int) -> Iterator[tuple[Any, ...]]:
    """A return method for each connection."""
    for number in range(1, count + 1):
        name = METHOD.format(number)
        yield (number, name, name.casefold(), "ship_with_prepaid_label", connection_id(number))


def document(rma_id: str, account: int) -> dict[str, Any]:
    """A return of two units whose method points at a connection."""
    units = [unit(number, sku=sku) for number, sku in enumerate(SKUS, 1)]
    for each in units:
        each["returnMethod"]["name"] = METHOD.format(account)
    return rma(rma_id, *units, order_name=f"#{rma_id}")


def _open(connections: int, documents: int) -> Iterator[tuple[int, int, int, datetime]]:
    """Number of the row, of its account and of its note, and when a poll saw it last."""
    each = documents // connections
    rows = itertools.count(1)
    for position in range(1, each + 1):
        for account in range(1, connections + 1):
            seen_at = START - timedelta(seconds=(position * 7919 + account * 104_729) % DAY_S)
            yield next(rows), account, account * ACCOUNT + position, seen_at


def rmas(connections: int, documents: int) -> Iterator[tuple[Any, ...]]:
    """The returns of all open documents."""
    text = write_json(document("RMA-ID", 0)).replace(METHOD.format(0), "METHOD-NAME")
    at = START - timedelta(days=3)
    for row, account, note, _ in _open(connections, documents):
        mine = text.replace("RMA-ID", str(note)).replace("METHOD-NAME", METHOD.format(account))
        yield (row, "returngo", str(note), account, f"#{note}", "Approved", "none", mine, mine, at, at)


def items(connections: int, documents: int) -> Iterator[tuple[Any, ...]]:
    """Two units of each."""
    for row, account, _, _ in _open(connections, documents):
        for number, sku in enumerate(SKUS):
            yield (row, number, str(number + 1), sku, METHOD.format(account), True)


def deliveries(connections: int, documents: int) -> Iterator[tuple[Any, ...]]:
    """Their notes, made three days ago and waited for."""
    request = write_json({"reference": "RMA", "lineItems": [{"code": sku, "qty": -1} for sku in SKUS]})
    at = START - timedelta(days=3)
    for row, account, note, seen_at in _open(connections, documents):
        reference = f"RMA {note}"
        yield (f"{note:016x}", row, connection_id(account), METHOD.format(account), "done", "created", "",
               request, reference, "{}", "[]", 0, str(note), reference, 1, 0, 0, 1, True, False, seen_at, at,
               at, at)  # fmt: skip


async def build(environment: Environment, count: int, documents: int) -> None:
    """Makes the schema by the hub and the rows in bulk. Stories and search terms are left out."""
    async with open_hub(environment, should_migrate=True) as hub:
        await stores.ensure_default(hub.clock)
        rows = {
            "store": shops(count),
            "connection": connections(hub, count),
            "return_method": methods(count),
            "rma": rmas(count, documents),
            "rma_item": items(count, documents),
            "delivery": deliveries(count, documents),
        }
        if environment.is_sqlite:
            await asyncio.to_thread(_fill_sqlite, environment.database_file, rows)
            return
        plain = await asyncpg.connect(environment.database_url)
        for table, columns in TABLES.items():
            await plain.copy_records_to_table(table, records=rows[table], columns=columns)
        for table in ("rma", "rma_item", "return_method"):
            highest = await plain.fetchval(f"SELECT max(id) FROM {table}")  # noqa: S608
            await plain.execute("SELECT setval($1::text::regclass, $2)", f"{table}_id_seq", highest)
        await plain.execute("VACUUM ANALYZE")
        await plain.close()


def _fill_sqlite(file: Path, rows: dict[str, Iterator[tuple[Any, ...]]]) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        for table, columns in TABLES.items():
            marks = ", ".join("?" * len(columns))
            given = (tuple(_sqlite_value(value) for value in row) for row in rows[table])
            into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            database.executemany(into, given)


def _sqlite_value(value: Any) -> Any:
    return value.isoformat(" ") if hasattr(value, "isoformat") else value


async def aim(environment: Environment, port: int) -> None:
    """Points every connection at the ERP's present port; a copied file is no rolled-back database."""
    async with open_hub(environment):
        await client().execute_script(
            f"UPDATE connection SET settings = replace(settings, ':{PORT}/', ':{port}/')"  # noqa: S608
        )
        if environment.is_sqlite:
            await epochs.move_mark(environment.database_file, 0)


def key(count: int, documents: int) -> str:
    """Names rows of this schema and this maker."""
    return f"scaling_{count}_{documents}_{fingerprint(VERSION)}"


async def kept_file(file: Path, count: int, documents: int) -> None:
    """Puts a copy of the kept rows into a SQLite file; they are made when they are not there.

    Args:
        file: where a run may change them.
        count: connections.
        documents: open ones, of all connections together.
    """
    kept = file.with_name(f"{key(count, documents)}.db")
    if not kept.exists():
        for old in file.parent.glob(f"{kept.stem.rpartition('_')[0]}_*"):
            old.unlink()
        new = kept.with_suffix(".new")
        await build(place(file.parent, f"sqlite:///{new}"), count, documents)
        new.rename(kept)
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    shutil.copy(kept, file)


async def kept_database(home: Path, server_url: str, count: int, documents: int) -> str:
    """The address of a copy of the kept rows on PostgreSQL; they are made when they are not there.

    Args:
        home: the hub's folder.
        server_url: of the server's maintenance database.
        count: connections.
        documents: open ones, of all connections together.
    """
    name = key(count, documents)
    server = await asyncpg.connect(server_url)

    def url(database: str) -> str:
        return urlsplit(server_url)._replace(path=f"/{database}").geturl()

    if not await server.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
        for old in await server.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'scaling_%'"):
            if old["datname"].startswith(name.rpartition("_")[0]):
                await server.execute(f"DROP DATABASE {old['datname']} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {name}_new")
        await build(place(home, url(f"{name}_new")), count, documents)
        await server.execute(f"ALTER DATABASE {name}_new RENAME TO {name}")
    await server.execute("DROP DATABASE IF EXISTS scaling_run WITH (FORCE)")
    await server.execute(f"CREATE DATABASE scaling_run TEMPLATE {name} STRATEGY file_copy")
    await server.close()
    return url("scaling_run")

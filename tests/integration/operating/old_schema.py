"""A database as an earlier version of the hub left it: its schema, with rows in it."""

from __future__ import annotations

import pkgutil
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from tortoise.context import get_current_context
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from hub.store import migrations
from hub.store.database import APP, client, configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.environment import Environment

SCHEMAS = sorted(each.name for each in pkgutil.iter_modules(migrations.__path__))
"""Every schema there ever was, oldest first; the last is the present one."""

Rows = dict[str, list[dict[str, Any]]]
"""Table → its rows."""


async def read_rows() -> Rows:
    """All rows of the open database's tables, those first that others refer to."""
    return {
        table: [dict(row) for row in (await client().execute_query(f"SELECT * FROM {table} ORDER BY 1"))[1]]  # noqa: S608
        for table in _tables()
    }


async def make(environment: Environment, schema: str) -> None:
    """Gives the open, empty database an earlier schema."""
    executor = MigrationExecutor(client(), configuration(environment)["apps"])
    await executor.migrate([MigrationTarget(app_label=APP, name=schema)], direction="forward")


async def fill(environment: Environment, rows: Rows) -> Rows:
    """Puts rows into the open database, as far as its schema has their tables and columns.

    Returns:
        What it put there.
    """
    put: Rows = {}
    for table, given in rows.items():
        columns = await _columns(environment, table)
        if not columns:
            continue
        put[table] = [{name: row[name] for name in columns} for row in given]
        for row in put[table]:
            await _insert(environment, table, row)
        if put[table] and not environment.is_sqlite and isinstance(put[table][0].get("id"), int):
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            await client().execute_query(f"SELECT setval({sequence}, (SELECT max(id) FROM {table}))")  # noqa: S608
    return put


def _tables() -> list[str]:
    context = get_current_context()
    assert context is not None
    assert context.apps is not None
    models = list(context.apps[APP].values())
    needs: Mapping[str, Sequence[str]] = {
        model._meta.db_table: [  # noqa: SLF001 - Tortoise has no public way
            model._meta.fields_map[name].related_model._meta.db_table  # type: ignore[attr-defined] # noqa: SLF001
            for name in model._meta.fk_fields | model._meta.o2o_fields  # noqa: SLF001
        ]
        for model in models
    }
    return list(TopologicalSorter(needs).static_order())


async def _columns(environment: Environment, table: str) -> list[str]:
    statement = (
        f"SELECT name FROM pragma_table_info('{table}')"  # noqa: S608
        if environment.is_sqlite
        else f"SELECT column_name AS name FROM information_schema.columns WHERE table_name = '{table}'"  # noqa: S608
    )
    return [row["name"] for row in (await client().execute_query(statement))[1]]


async def _insert(environment: Environment, table: str, row: Mapping[str, Any]) -> None:
    marks = ["?" if environment.is_sqlite else f"${number}" for number in range(1, len(row) + 1)]
    await client().execute_query(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(marks)})",  # noqa: S608
        list(row.values()),
    )

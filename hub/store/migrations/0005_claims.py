"""Return numbers by store: each store has a row of its own, and an account is held by who proved it.

SQLite cannot drop a unique constraint that stands in a table's definition: the tables of returns and of events
are written anew there, which takes as much room on the disk as they have.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.transactions import in_transaction

IS_OF_PLATFORM = """
event.source = 'returngo/' || connection.id AND connection.store_id = event.store_id AND (
    connection.settings LIKE '%"base_url": "https://api.returngo.ai"%'
    OR connection.settings LIKE '%"base_url": "http://127.0.0.1:%'
    OR connection.settings LIKE '%"base_url": "http://localhost:%'
)
"""
"""What was read at the platform itself, or at a sandbox on this machine."""
ROWS = [
    # Before a row could say so, an RMA was its platform's when an event of its store's platform told of it.
    "UPDATE rma SET confirmed_at = received_at WHERE id IN "
    f"(SELECT event.rma_id FROM event JOIN connection ON {IS_OF_PLATFORM})",
    "UPDATE connection SET proved_at = last_success_at WHERE role <> 'webhook'",
    "UPDATE attempt SET account = COALESCE((SELECT "
    "CASE WHEN connection.quota_key = '' THEN connection.id ELSE connection.quota_key END "
    "FROM delivery JOIN connection ON connection.id = delivery.connection_id "
    "WHERE delivery.id = attempt.delivery_id), '')",
    # Refused since another store had the number, which the reason names: they are read again at once.
    "UPDATE rma_to_fetch SET due_at = asked_at, reason = '' WHERE reason LIKE 'accept RMA %'",
]


class RemoveUnique(ops.RemoveConstraint):
    """As its base; on SQLite the table is written anew."""

    async def database_forward(
        self, app_label: str, old_state: Any, new_state: Any, state_editor: Any = None
    ) -> None:
        if state_editor is None or state_editor.DIALECT != "sqlite":
            await super().database_forward(app_label, old_state, new_state, state_editor)
            return
        model = old_state.apps.get_model(f"{app_label}.{self.model_name}")
        await write_anew(state_editor.client, model._meta.db_table, self.fields or ())


async def write_anew(client: Any, table: str, columns: Sequence[str]) -> None:
    """Copies a SQLite table into one without a unique constraint, with its indexes and its last number."""
    listed = r",\s*".join(f'"{each}"' for each in columns)
    unique = re.compile(rf',\s*CONSTRAINT "\w+" UNIQUE \({listed}\)')
    _, kept = await client.execute_query(
        "SELECT type, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", [table]
    )
    (made,) = [row["sql"] for row in kept if row["type"] == "table"]
    without, removed = unique.subn("", made)
    if removed != 1:
        raise RuntimeError(f"{table} has {removed} unique constraints of {', '.join(columns)}, not one")
    _, numbers = await client.execute_query("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
    await client.execute_query(without.replace(f'"{table}"', f'"new__{table}"', 1))
    await client.execute_query(f'INSERT INTO "new__{table}" SELECT * FROM "{table}"')
    await client.execute_query(f'DROP TABLE "{table}"')
    await client.execute_query(f'ALTER TABLE "new__{table}" RENAME TO "{table}"')
    for row in numbers:
        await client.execute_query("DELETE FROM sqlite_sequence WHERE name = ?", [table])
        await client.execute_query("INSERT INTO sqlite_sequence VALUES (?, ?)", [table, row["seq"]])
    for row in kept:
        if row["type"] != "table":
            await client.execute_query(row["sql"])


@asynccontextmanager
async def without_foreign_keys(editor: Any) -> AsyncIterator[None]:
    """One transaction in which a SQLite table that others refer to may be dropped."""
    client = editor.client
    # Heeded between transactions only.
    await client.execute_query("PRAGMA foreign_keys = OFF")
    try:
        async with in_transaction(client.connection_name) as transaction:
            editor.client, editor.atomic_migration = transaction, True
            yield
            _, broken = await transaction.execute_query("PRAGMA foreign_key_check")
            if broken:
                raise RuntimeError(f"{len(broken)} rows refer to rows that are not there")
    finally:
        editor.client = client
        await client.execute_query("PRAGMA foreign_keys = ON")


class Migration(migrations.Migration):
    dependencies = [('hub', '0004_documents')]

    initial = False
    # On PostgreSQL the caller's transaction holds all the same, on SQLite `apply` makes one.
    atomic = False

    async def apply(
        self, state: Any, *, dry_run: bool = False, schema_editor: Any = None, collect_sql: bool = False
    ) -> Any:
        given: dict[str, Any] = {"dry_run": dry_run, "schema_editor": schema_editor, "collect_sql": collect_sql}
        if dry_run or collect_sql or schema_editor is None or schema_editor.DIALECT != "sqlite":
            return await super().apply(state, **given)
        async with without_foreign_keys(schema_editor):
            return await super().apply(state, **given)

    operations = [
        ops.AddField(
            model_name='Attempt',
            name='account',
            field=fields.CharField(default='', db_default='', max_length=64),
        ),
        ops.AddField(
            model_name='Connection',
            name='proved_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        RemoveUnique(
            model_name='Event',
            name=None,
            fields=['source', 'event_id'],
        ),
        ops.AddConstraint(
            model_name='Event',
            constraint=UniqueConstraint(fields=('store', 'source', 'event_id'), name=None),
        ),
        RemoveUnique(
            model_name='Rma',
            name=None,
            fields=['platform', 'rma_id'],
        ),
        ops.AlterModelOptions(
            name='Rma',
            options={'table': 'rma', 'app': 'hub', 'unique_together': (('store', 'platform', 'rma_id'),), 'indexes': [Index(fields=['store_id', 'rma_id']), Index(fields=['platform', 'rma_id']), Index(fields=['store_id', 'id']), Index(fields=['store_id', 'received_at']), Index(fields=['store_id', 'validation', 'id'])], 'pk_attr': 'id', 'table_description': 'A return as one store knows it: as it is now, and as it stood when it was approved.'},
        ),
        ops.AddField(
            model_name='Rma',
            name='confirmed_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddIndex(
            model_name='Rma',
            index=Index(fields=['platform', 'rma_id']),
        ),
        ops.AddConstraint(
            model_name='Rma',
            constraint=UniqueConstraint(fields=('store', 'platform', 'rma_id'), name=None),
        ),
        ops.RunSQL(ROWS),
    ]

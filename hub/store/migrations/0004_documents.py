from datetime import UTC, datetime

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.migrations.constraints import UniqueConstraint
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state_apps import StateApps

HAS_ONE = 'document_id IS NOT NULL AND account_key IS NOT NULL'
SHARED = f'{HAS_ONE} AND owns_document IS NULL'
STATEMENTS = (
    # A connection keeps its quota_key for good; what account it led to before, nobody wrote down.
    """
    UPDATE delivery SET account_key = (
        SELECT COALESCE(NULLIF(connection.quota_key, ''), connection.id) FROM connection
        WHERE connection.id = delivery.connection_id
    ) WHERE attempts > 0 OR document_id IS NOT NULL
    """,
    f"""
    UPDATE delivery SET owns_document = TRUE WHERE {HAS_ONE} AND NOT EXISTS (
        SELECT 1 FROM delivery other WHERE other.account_key = delivery.account_key
        AND other.document_id = delivery.document_id AND other.id <> delivery.id
    )
    """,
    # Several persons could close several returns with one document: all of them go to a person.
    f"""
    UPDATE delivery SET status = 'attention', version = version + 1, updated_at = '{{now}}',
        reason = 'document ' || document_id || ' is also that of another return',
        fix = 'see in the ERP which return it credits, and close that one with `hub deliveries resolve ' || id
            || ' --document ' || document_id || ' --note TEXT`; close the other with its own document, or '
            || 'without one'
    WHERE {SHARED} AND status = 'done'
    """,
    # Its goods may have been counted for each of them.
    f"""
    UPDATE rma SET validation = 'flagged',
        contradiction = COALESCE(contradiction, 'The document of this return is also that of another one.')
    WHERE id IN (SELECT rma_id FROM delivery WHERE {SHARED})
    """,
    f"""
    INSERT INTO timeline_entry (rma_id, at, kind, text)
    SELECT rma_id, '{{now}}', 'delivery.attention', 'Needs a person: document ' || document_id
        || ' is also that of another return, and goods received for it may have been counted for both.'
    FROM delivery WHERE {SHARED}
    """,
)


async def fill(_apps: StateApps, schema_editor: BaseSchemaEditor) -> None:
    now = datetime.now(UTC).isoformat(' ')
    for statement in STATEMENTS:
        await schema_editor.client.execute_query(statement.format(now=now))


class Migration(migrations.Migration):
    dependencies = [('hub', '0002_platform_and_kit')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Delivery',
            name='account_key',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='Delivery',
            name='owns_document',
            field=fields.BooleanField(null=True),
        ),
        ops.AddConstraint(
            model_name='Delivery',
            constraint=UniqueConstraint(fields=('account_key', 'document_id', 'owns_document'), name=None),
        ),
        ops.RunPython(fill),
    ]

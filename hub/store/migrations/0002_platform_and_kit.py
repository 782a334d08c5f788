from tortoise import migrations
from tortoise.migrations import operations as ops
from hub.store.models import Role, SendingStatus
from hub.store.people import Source
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('hub', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ApiToken',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=16)),
                ('name', fields.CharField(max_length=100)),
                ('name_key', fields.CharField(null=True, unique=True, max_length=100)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('scopes', fields.TextField(unique=False)),
                ('store', fields.ForeignKeyField('hub.Store', source_field='store_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('revoked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'api_token', 'app': 'hub', 'pk_attr': 'id', 'table_description': "A program's way in."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('actor', fields.CharField(max_length=100)),
                ('source', fields.CharEnumField(description='CLI: cli\nPAGE: page\nAPI: api', enum_type=Source, max_length=10)),
                ('address', fields.CharField(default='', max_length=64)),
                ('action', fields.CharField(max_length=60)),
                ('target', fields.CharField(max_length=200)),
                ('store', fields.ForeignKeyField('hub.Store', source_field='store_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('before', fields.TextField(null=True, unique=False)),
                ('after', fields.TextField(null=True, unique=False)),
            ],
            options={'table': 'audit_entry', 'app': 'hub', 'indexes': [Index(fields=['store_id', 'id']), Index(fields=['at'])], 'pk_attr': 'id', 'table_description': 'One change that somebody made. Never deleted, and changed only where a customer is erased.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ConformanceResult',
            fields=[
                ('name', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=100)),
                ('distribution', fields.TextField(unique=False)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('kept', fields.IntField()),
                ('broken', fields.IntField()),
                ('exempt', fields.IntField()),
                ('rules', fields.TextField(unique=False)),
            ],
            options={'table': 'conformance_result', 'app': 'hub', 'pk_attr': 'name', 'table_description': 'What the conformance kit last found about a connector.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DisabledConnector',
            fields=[
                ('name', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=100)),
                ('reason', fields.TextField(default='', unique=False)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'disabled_connector', 'app': 'hub', 'pk_attr': 'name', 'table_description': 'A connector that a person switched off.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='EventSecret',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=16)),
                ('store', fields.ForeignKeyField('hub.Store', source_field='store_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('name', fields.CharField(max_length=100)),
                ('secret', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('removed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'event_secret', 'app': 'hub', 'pk_attr': 'id', 'table_description': 'A secret that signs events sent to us. Whichever verifies an event tells its store.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=64)),
                ('request', fields.CharField(max_length=64)),
                ('started_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('status', fields.IntField(null=True)),
                ('location', fields.TextField(default='', unique=False)),
                ('body', fields.TextField(default='', unique=False)),
            ],
            options={'table': 'kept_answer', 'app': 'hub', 'pk_attr': 'id', 'table_description': 'How a request with an ``Idempotency-Key`` was answered, so that its repetition is answered alike.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RmaToFetch',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('connection', fields.ForeignKeyField('hub.Connection', source_field='connection_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('rma_id', fields.CharField(max_length=100)),
                ('asked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('due_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('is_urgent', fields.BooleanField(default=True)),
                ('reason', fields.TextField(default='', unique=False)),
            ],
            options={'table': 'rma_to_fetch', 'app': 'hub', 'unique_together': (('connection', 'rma_id'),), 'indexes': [Index(fields=['connection_id', 'due_at'])], 'pk_attr': 'id', 'table_description': 'An RMA that a platform said has changed, until it is read there. One row however often it says so.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RmaUpdate',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=16)),
                ('rma', fields.ForeignKeyField('hub.Rma', source_field='rma_id', db_constraint=True, to_field='id', related_name='updates', on_delete=OnDelete.RESTRICT)),
                ('kind', fields.CharField(max_length=40)),
                ('facts', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'rma_update', 'app': 'hub', 'indexes': [Index(fields=['rma_id', 'id'])], 'pk_attr': 'id', 'table_description': "Something an RMA's platform and subscribers must learn. Written with the change that it tells."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SearchTerm',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('store', fields.ForeignKeyField('hub.Store', source_field='store_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('term', fields.BinaryField()),
                ('rma', fields.ForeignKeyField('hub.Rma', source_field='rma_id', db_constraint=True, to_field='id', related_name='terms', on_delete=OnDelete.RESTRICT)),
            ],
            options={'table': 'search_term', 'app': 'hub', 'unique_together': (('store', 'term', 'rma'),), 'indexes': [Index(fields=['rma_id'])], 'pk_attr': 'id', 'table_description': 'A text by which people look for an RMA: its number, order, SKUs, reference and document id.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SignInTry',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=64)),
                ('count', fields.IntField()),
                ('last_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('blocked_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'sign_in_try', 'app': 'hub', 'pk_attr': 'id', 'table_description': 'Tries to sign in that came to nothing, counted per name and per address.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='UpdateSending',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('update', fields.ForeignKeyField('hub.RmaUpdate', source_field='update_id', db_constraint=True, to_field='id', related_name='sendings', on_delete=OnDelete.RESTRICT)),
                ('rma', fields.ForeignKeyField('hub.Rma', source_field='rma_id', db_constraint=True, to_field='id', related_name='sendings', on_delete=OnDelete.RESTRICT)),
                ('connection', fields.ForeignKeyField('hub.Connection', source_field='connection_id', db_constraint=True, to_field='id', related_name='sendings', on_delete=OnDelete.RESTRICT)),
                ('status', fields.CharEnumField(default=SendingStatus.PENDING, description='PENDING: pending\nDONE: done\nSKIPPED: skipped\nFAILED: failed', enum_type=SendingStatus, max_length=10)),
                ('attempts', fields.IntField(default=0)),
                ('next_attempt_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('reason', fields.TextField(default='', unique=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'update_sending', 'app': 'hub', 'unique_together': (('update', 'connection'),), 'indexes': [Index(fields=['connection_id', 'status', 'next_attempt_at']), Index(fields=['rma_id', 'connection_id', 'status'])], 'pk_attr': 'id', 'table_description': 'One update on its way to one receiver. Of one RMA and one receiver, the oldest unsent goes first.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='User',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=16)),
                ('name', fields.CharField(max_length=100)),
                ('name_key', fields.CharField(unique=True, max_length=100)),
                ('is_admin', fields.BooleanField(default=False)),
                ('store', fields.ForeignKeyField('hub.Store', source_field='store_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('password_hash', fields.TextField(null=True, unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_sign_in_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('disabled_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'user_account', 'app': 'hub', 'pk_attr': 'id', 'table_description': 'A person with a sign-in: an administrator, or a merchant of one store.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Session',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('hub.User', source_field='user_id', db_constraint=True, to_field='id', related_name='sessions', on_delete=OnDelete.CASCADE)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_seen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('address', fields.CharField(default='', max_length=64)),
            ],
            options={'table': 'session', 'app': 'hub', 'pk_attr': 'id', 'table_description': 'A browser in which somebody is signed in.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SignInLink',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.ForeignKeyField('hub.User', source_field='user_id', db_constraint=True, to_field='id', related_name='links', on_delete=OnDelete.CASCADE)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'sign_in_link', 'app': 'hub', 'pk_attr': 'id', 'table_description': 'A link that lets its holder set a password, once.'},
            bases=['Model'],
        ),
        ops.AlterModelOptions(
            name='Connection',
            options={'table': 'connection', 'app': 'hub', 'unique_together': (('store', 'name_key'),), 'pk_attr': 'id', 'table_description': 'One set of credentials and settings for a remote system, and the state of its work.'},
        ),
        ops.AddField(
            model_name='Connection',
            name='checked_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Connection',
            name='connect_report',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='Connection',
            name='hint_key',
            field=fields.CharField(null=True, unique=True, max_length=64),
        ),
        ops.AddField(
            model_name='Connection',
            name='resting_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Connection',
            name='role',
            field=fields.CharEnumField(default=Role.ERP, description='ERP: erp\nPLATFORM: platform\nWEBHOOK: webhook', db_default=Role.ERP, enum_type=Role, max_length=10),
        ),
        ops.AddField(
            model_name='Delivery',
            name='credited_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddIndex(
            model_name='Delivery',
            index=Index(fields=['connection_id', 'credited_at']),
        ),
        ops.AddIndex(
            model_name='Delivery',
            index=Index(fields=['status', 'rma_id']),
        ),
        ops.AddIndex(
            model_name='Delivery',
            index=Index(fields=['connection_id', 'rma_id']),
        ),
        ops.AddField(
            model_name='Exchange',
            name='update_key',
            field=fields.CharField(null=True, max_length=16),
        ),
        ops.AddField(
            model_name='Rma',
            name='erased_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddIndex(
            model_name='Rma',
            index=Index(fields=['store_id', 'rma_id']),
        ),
        ops.AddIndex(
            model_name='Rma',
            index=Index(fields=['store_id', 'id']),
        ),
        ops.AddIndex(
            model_name='Rma',
            index=Index(fields=['store_id', 'received_at']),
        ),
        ops.AddIndex(
            model_name='Rma',
            index=Index(fields=['store_id', 'validation', 'id']),
        ),
    ]

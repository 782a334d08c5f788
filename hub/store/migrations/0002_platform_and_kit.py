from tortoise import migrations
from tortoise.migrations import operations as ops
from hub.store.models import Role, SendingStatus
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('hub', '0001_initial')]

    initial = False

    operations = [
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
        ops.AlterModelOptions(
            name='Connection',
            options={'table': 'connection', 'app': 'hub', 'unique_together': (('store', 'name_key'),), 'pk_attr': 'id', 'table_description': 'One set of credentials and settings for a remote system, and the state of its work.'},
        ),
        ops.AddField(
            model_name='Connection',
            name='hint_key',
            field=fields.CharField(null=True, unique=True, max_length=64),
        ),
        ops.AddField(
            model_name='Connection',
            name='role',
            field=fields.CharEnumField(default=Role.ERP, description='ERP: erp\nPLATFORM: platform\nWEBHOOK: webhook', enum_type=Role, max_length=10),
        ),
    ]

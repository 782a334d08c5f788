from tortoise import migrations
from tortoise.migrations import operations as ops
from hub.outcomes import ValidationState
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('hub', '0005_claims')]

    initial = False

    operations = [
        ops.CreateModel(
            name='CreditedUnits',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('delivery', fields.ForeignKeyField('hub.Delivery', source_field='delivery_id', db_constraint=True, to_field='id', related_name='credited_units', on_delete=OnDelete.RESTRICT)),
                ('account', fields.CharField(max_length=64)),
                ('line', fields.CharField(max_length=64)),
                ('units', fields.CharField(max_length=40)),
                ('is_void', fields.BooleanField(default=False, db_default=False)),
            ],
            options={'table': 'credited_units', 'app': 'hub', 'unique_together': (('delivery', 'line'),), 'indexes': [Index(fields=['account', 'line'])], 'pk_attr': 'id', 'table_description': "Units of one line of an ERP's order that a delivery's frozen request credits."},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Delivery',
            name='answers',
            field=fields.TextField(default='[]', db_default='[]', unique=False),
        ),
        ops.AddField(
            model_name='Delivery',
            name='frozen_settings',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='Delivery',
            name='look_up',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='Delivery',
            name='question',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='Rma',
            name='closed_contradictions',
            field=fields.TextField(default='[]', db_default='[]', unique=False),
        ),
        ops.AddField(
            model_name='Rma',
            name='contradictions',
            field=fields.TextField(default='[]', db_default='[]', unique=False),
        ),
        ops.AddField(
            model_name='Rma',
            name='goods',
            field=fields.CharEnumField(null=True, description='NONE: none\nPARTIAL: partial\nFULL: full\nFLAGGED: flagged', enum_type=ValidationState, max_length=10),
        ),
        ops.AddField(
            model_name='RmaItem',
            name='product',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddIndex(
            model_name='RmaItem',
            index=Index(fields=['returned_item_id']),
        ),
    ]

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('hub', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Epoch',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('key', fields.CharField(unique=True, max_length=16)),
                ('began_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('reason', fields.TextField(unique=False)),
            ],
            options={'table': 'epoch', 'app': 'hub', 'pk_attr': 'id', 'table_description': 'A time that began with a database which may have forgotten documents it made: a restored one.'},
            bases=['Model'],
        ),
    ]

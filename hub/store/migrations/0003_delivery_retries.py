from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('hub', '0002_epochs')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Delivery',
            name='retries',
            field=fields.IntField(default=0),
        ),
    ]

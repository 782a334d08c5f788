from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('hub', '0003_delivery_retries')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Delivery',
            name='edited_request',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='Delivery',
            name='units',
            field=fields.TextField(null=True, unique=False),
        ),
    ]

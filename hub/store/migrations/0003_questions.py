from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('hub', '0002_platform_and_kit')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Delivery',
            name='answers',
            field=fields.TextField(default='[]', db_default='[]', unique=False),
        ),
        ops.AddField(
            model_name='Delivery',
            name='question',
            field=fields.TextField(null=True, unique=False),
        ),
    ]

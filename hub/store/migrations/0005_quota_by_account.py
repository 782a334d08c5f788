from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('hub', '0004_edited_request')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Connection',
            name='quota_key',
            field=fields.CharField(default='', db_index=True, max_length=64),
        ),
    ]

#!/bin/sh
# What: Tortoise ORM's own migrations cannot change a model's unique_together on SQLite.
# Guess: `tortoise makemigrations` sees the change and writes a migration; `tortoise migrate` applies it, as on
#   PostgreSQL.
# Seen: the first migration writes the constraint into the table's definition, where SQLite keeps it in an
#   index of its own that nobody can drop. The second one looks for an index by the constraint's name and ends
#   with "no such index". The table has to be written anew by hand.
# Exits with 0 while that is so.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check tortoise-orm==1.1.9
venv/bin/python -c 'from importlib.metadata import version; print("tortoise-orm", version("tortoise-orm"))'

mkdir -p app/migrations
touch app/__init__.py app/migrations/__init__.py
cat > app/models.py <<'PY'
from tortoise import fields
from tortoise.models import Model


class Seat(Model):
    id = fields.IntField(primary_key=True)
    hall = fields.CharField(20)
    row = fields.CharField(20)
    number = fields.IntField()

    class Meta:
        table = "seat"
        unique_together = (("row", "number"),)
PY
cat > conf.py <<'PY'
CONFIG = {
    "connections": {"default": "sqlite://seats.db"},
    "apps": {
        "app": {"models": ["app.models"], "migrations": "app.migrations", "default_connection": "default"}
    },
}
PY
tortoise() { PYTHONPATH=. venv/bin/tortoise -c conf.CONFIG "$@"; }
tortoise makemigrations
tortoise migrate
sed -i.bak 's/(("row", "number"),)/(("hall", "row", "number"),)/' app/models.py
tortoise makemigrations
echo "guess: the migration that Tortoise has just written is applied"
if tortoise migrate > out 2>&1; then
    echo "seen: it is applied; this finding is out of date"
    exit 1
fi
tail -1 out
grep -q "no such index" out
echo "seen: Tortoise cannot apply its own migration"

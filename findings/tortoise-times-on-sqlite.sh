#!/usr/bin/env bash
# Tortoise ORM 1.1.9 on SQLite, use_tz on: a filter and an update with an aware time of another zone mean another
# moment than a row that was made with it.
#
# Guess: an aware time is a moment. Whatever zone it is told in, a filter finds the row, as on PostgreSQL.
# Seen: a row that is made is kept in UTC. A filter, and .update(), bind the text with the offset they were
# given, and SQLite compares texts: `23:00+11:00` comes after `12:00+00:00`, which is the same moment.
#
# Needs python3 with venv. Installs into a temporary folder and removes it. Ends with 1 if this is not so any
# more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tortoise-orm==1.1.9 tzdata==2025.2
cat > "$folder/tried.py" <<'PYTHON'
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

from tortoise import Tortoise, fields, run_async
from tortoise.models import Model


class Task(Model):
    id = fields.IntField(primary_key=True)
    due_at = fields.DatetimeField()


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SYDNEY = NOON.astimezone(ZoneInfo("Australia/Sydney"))


async def main() -> None:
    await Tortoise.init(db_url="sqlite://:memory:", modules={"models": ["__main__"]}, use_tz=True)
    await Tortoise.generate_schemas()
    made = await Task.create(due_at=SYDNEY)
    equal = await Task.filter(due_at=SYDNEY).count()
    an_hour_before = SYDNEY - timedelta(hours=1)
    later = await Task.filter(due_at__gt=an_hour_before).count()
    await Task.filter(id=made.id).update(due_at=SYDNEY)
    an_hour_later = NOON + timedelta(hours=1)
    due = await Task.filter(due_at__lte=an_hour_later).count()
    print(f"tortoise-orm {version('tortoise-orm')} on SQLite: a row of {SYDNEY.isoformat()}")
    print("guess: found by that time: 1, by later than an hour before it: 1; after .update() with the same")
    print("       time, found by not later than an hour after it: 1")
    print(f"seen:  {equal}, {later}; {due}")
    await Tortoise.close_connections()
    sys.exit(0 if (equal, later, due) == (0, 0, 0) else 1)


run_async(main())
PYTHON
"$folder/venv/bin/python" "$folder/tried.py" 2>"$folder/log" || { cat "$folder/log"; exit 1; }

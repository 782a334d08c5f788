"""Writes the next migration from the models: `python -m hub.store.makemigrations NAME`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.writer import format_migration_name

from hub.environment import Environment
from hub.store.database import configuration, open_database


async def _write(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = Environment(home=Path(folder), database_url="")
        async with open_database(environment) as context:
            if context.apps is None:
                raise RuntimeError("tortoise did not load the models")
            apps = configuration(environment)["apps"]
            for writer in await MigrationAutodetector(context.apps, apps).changes():
                writer.name = format_migration_name(int(writer.name.split("_", 1)[0]), name)
                sys.stdout.write(f"{writer.write()}\n")


if __name__ == "__main__":
    asyncio.run(_write(sys.argv[1]))

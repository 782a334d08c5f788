"""What the processes of :mod:`tests.support.forked` share: all that is imported, and the tree of commands."""

from __future__ import annotations

import importlib

from typer.main import get_command

from cli.main import app
from tests.support.garbage import collect_rarely

for _each in (
    "aiohttp.web",
    "connectors.cin7_omni.sandbox",
    "connectors.cin7_omni.plugin",
    "hub.core",
    "hub.engine.workers",
    "hub.environment",
    "hub.store.postgres",
    "hub.store.sqlite",
    "hub.testing.serving",
    "hub.web.server",
    "platformdirs.unix",
    "tests.support.plugins.cin7_quick",
    "tortoise.migrations.executor",
):
    importlib.import_module(_each)

COMMAND = get_command(app)
collect_rarely()

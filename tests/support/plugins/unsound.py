"""Conforms, but for its schema, which is chosen by whoever loads it."""

from __future__ import annotations

from typing import Any

from hub.hookspecs import hookimpl
from tests.support.plugins import good
from tests.support.plugins.good import *  # noqa: F403

schema: Any = good.SCHEMA


@hookimpl  # type: ignore[no-redef]
def config_schema() -> Any:
    return schema() if callable(schema) else schema

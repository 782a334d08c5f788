"""The Cin7 Omni connector with a generous quota and small batches, for tests that make many calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.cin7_omni import plugin
from connectors.cin7_omni.plugin import (
    connect,
    find_documents,
    on_rma_approved,
    poll_validations,
    prepare,
    sandbox,
)
from hub.hookspecs import QuotaWindow, hookimpl

if TYPE_CHECKING:
    from hub.hookspecs import ConnectorSchema

__all__ = [
    "config_schema",
    "connect",
    "find_documents",
    "on_rma_approved",
    "poll_validations",
    "prepare",
    "sandbox",
]


@hookimpl
def config_schema() -> ConnectorSchema:
    return replace(
        plugin.config_schema(),
        name="cin7_quick",
        quota=(QuotaWindow(calls=100_000, per=timedelta(days=1)),),
        spacing=timedelta(0),
        max_batch=10,
    )

"""The Cin7 Omni connector with a generous quota, which takes two returns at a time: a backlog lasts long."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.cin7_omni.plugin import (
    connect,
    find_documents,
    on_rma_approved,
    poll_validations,
    prepare,
    sandbox,
)
from hub.hookspecs import hookimpl
from tests.support.plugins import cin7_quick

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
    return replace(cin7_quick.config_schema(), name="cin7_pairs", max_batch=2)

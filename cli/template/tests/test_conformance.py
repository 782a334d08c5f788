"""Every promise of the contract, tried against the sandbox with faults."""

from __future__ import annotations

from hub.testing import ConnectorConformance


class TestAcme(ConnectorConformance):
    connector = "acme"

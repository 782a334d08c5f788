from __future__ import annotations

from hub.testing import ConnectorConformance


class TestPeoplevoxStub(ConnectorConformance):
    connector = "peoplevox_stub"

from __future__ import annotations

from hub.testing import ConnectorConformance


class TestCin7Omni(ConnectorConformance):
    connector = "cin7_omni"

"""What connector authors test with: a server for sandboxes, and the conformance kit.

A connector's test file is three lines::

    from hub.testing import ConnectorConformance

    class TestAcme(ConnectorConformance):
        connector = "acme"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.testing.cases import ConnectorConformance

__all__ = ["ConnectorConformance"]


def __getattr__(name: str) -> Any:
    """Imports pytest only for whoever asks for the class that needs it: the hub runs without."""
    if name != "ConnectorConformance":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from hub.testing.cases import ConnectorConformance  # noqa: PLC0415

    return ConnectorConformance

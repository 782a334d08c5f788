"""The conformance kit's pytest plugin: prints at the end what the rules measured.

Installed by the entry point group ``pytest11``. Every run of pytest loads it, so that it imports nothing
of the hub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PROPERTY = "conformance"
"""Under which a test keeps what its rule measured."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the rules measured, such as the calls that a batch takes."""
    measured = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY
    ]
    if measured:
        terminalreporter.write_sep("-", "connector conformance, measured")
    for line in measured:
        terminalreporter.write_line(line)

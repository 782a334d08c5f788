"""A sandbox that answers when the test says so, one call at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.sandbox import Fault

if TYPE_CHECKING:
    from connectors.cin7_omni.sandbox import Cin7Sandbox

LONG_S = 1000.0
"""Longer than any test takes, so that no call is answered by itself."""


class Gate:
    """Takes every call of a method, does what it asks, and holds the answer back.

    Attributes:
        opened: how often a call was let through.
    """

    def __init__(self, sandbox: Cin7Sandbox, method: str) -> None:
        self.opened = 0
        self._sandbox = sandbox
        self._method = method
        self._shut()

    @property
    def is_holding(self) -> bool:
        """A call has come that waits for its answer."""
        came = [call for call in self._sandbox.calls() if call["method"] == self._method]
        return len(came) > self.opened

    def open(self) -> None:
        """Lets the call that is held be answered, and holds the next one."""
        self._sandbox.clear_faults()
        self.opened += 1
        self._shut()

    def _shut(self) -> None:
        self._sandbox.inject(Fault(name="slow", on=self._method, times=None, seconds=LONG_S))

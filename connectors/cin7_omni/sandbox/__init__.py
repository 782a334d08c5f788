"""A Cin7 Omni to try the hub on: strict, over real HTTP, and breakable on demand.

It follows https://api.cin7.com/api/Help and what production clients saw. Comments mark where each rule comes
from: **D** documented, **L** seen live, **I** inferred, **U** unknown and chosen here.
"""

from __future__ import annotations

from connectors.cin7_omni.sandbox.sandbox import Cin7Sandbox
from hub.sandbox import SandboxSpec

__all__ = ["Cin7Sandbox", "spec"]


def spec() -> SandboxSpec:
    """How the hub makes one: with the real quota, all permissions, and the given seed and clock."""
    return SandboxSpec(make=Cin7Sandbox)

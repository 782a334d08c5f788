"""A local stand-in of ReturnGO with invented returns. Tests, the demo and ``hub sandbox returngo`` use it."""

from hub.platform.returngo.sandbox.sandbox import ReturnGoSandbox

__all__ = ["ReturnGoSandbox"]

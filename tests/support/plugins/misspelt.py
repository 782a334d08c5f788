"""Conforms, but for a hook that no specification knows."""

from hub.hookspecs import hookimpl
from tests.support.plugins.good import *  # noqa: F403


@hookimpl
async def on_rma_aproved() -> None: ...

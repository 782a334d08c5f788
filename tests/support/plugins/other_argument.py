"""Conforms, but for a hook with an argument that its specification lacks."""

from hub.hookspecs import hookimpl
from hub.outcomes import ConnectReport
from tests.support.plugins.good import *  # noqa: F403


@hookimpl  # type: ignore[no-redef]
async def connect(conection: object) -> ConnectReport:
    raise NotImplementedError(conection)

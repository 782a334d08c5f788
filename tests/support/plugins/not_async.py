"""Conforms, but for a hook that is a plain function."""

from hub.hookspecs import hookimpl
from hub.outcomes import ConnectReport
from tests.support.plugins.good import *  # noqa: F403


@hookimpl  # type: ignore[no-redef]
def connect(connection: object) -> ConnectReport:
    raise NotImplementedError(connection)

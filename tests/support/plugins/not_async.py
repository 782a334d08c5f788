"""Conforms, but for a hook that is a plain function."""

from hub.hookspecs import hookimpl
from hub.outcomes import ConnectReport
from tests.support.plugins.good import *  # noqa: F403


@hookimpl
def connect(connection: object) -> ConnectReport:  # type: ignore[no-redef]
    raise NotImplementedError(connection)

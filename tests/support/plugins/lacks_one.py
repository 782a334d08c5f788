"""Conforms, but for a hook that it lacks."""

from tests.support.plugins import good
from tests.support.plugins.good import *  # noqa: F403

__all__ = [name for name in vars(good) if name != "find_documents"]

del find_documents  # noqa: F821

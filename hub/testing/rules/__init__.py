"""The rules, gathered: importing a module below adds its rules to :data:`hub.testing.ruling.RULES`."""

from hub.testing.rules import connecting, sending, doubting, failing, polling, behaving  # isort: skip
from hub.testing.ruling import RULES

__all__ = ["RULES", "behaving", "connecting", "doubting", "failing", "polling", "sending"]

"""What the hub knows of a returns platform before it connects to one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hub.hookspecs import QuotaWindow


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformSchema:
    """What a connection to a platform takes. See :class:`hub.hookspecs.ConnectorSchema` for the words.

    Attributes:
        account_fields: fields that together name one shop; its connections spend one quota.
    """

    name: str
    title: str
    credentials: type[BaseModel]
    settings: type[BaseModel]
    account_fields: tuple[str, ...]
    quota: tuple[QuotaWindow, ...]
    spacing: timedelta = timedelta(0)

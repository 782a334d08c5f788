"""Which addresses a merchant may have the hub call."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.access.principal import current
from hub.egress import is_allowed
from hub.errors import AccessError
from hub.settings import local_addresses
from hub.store.models import Store
from hub.store.people import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from hub.core import Hub


async def check_reach(hub: Hub, settings: BaseModel, held: Mapping[str, Any] | None = None) -> None:
    """Refuses a merchant of one store an address on the hub's own machine.

    Services that listen there for nobody else would be called, and what they answer shown. Administrators and
    commands may give such an address, as that of a sandbox; merchants too, where HUB_EGRESS_ALLOW holds it.
    On a hub of a single store its tokens are the programs of whoever runs the hub, and may.

    Args:
        hub: the hub.
        settings: as they would be.
        held: as they are; an address that is among them may stay. None for a new connection.

    Raises:
        AccessError: it is refused.
    """
    who = current()
    if who.store_id is None:
        return
    allowed = hub.environment.egress_allow
    new = local_addresses(settings.model_dump(mode="json")) - local_addresses(held or {})
    refused = sorted(each for each in new if not is_allowed(_numeric(each), allowed))
    is_own_program = who.source is Source.API and await Store.all().count() == 1
    if refused and not is_own_program:
        raise AccessError(
            f"connect to {refused[0]}: it is on the hub's own machine",
            why="services there may answer nobody else, and only an administrator may have the hub call them",
            fix="have an administrator connect it; for a real account, give its own address",
        )


def _numeric(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    host = urlsplit(address).hostname or ""
    return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)

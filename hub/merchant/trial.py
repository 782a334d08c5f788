"""An invented return that is sent for real, to a sandbox only: how somebody sees their first credit note."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hub.errors import ConflictError
from hub.inbound.accept import accept
from hub.inbound.event import read_event
from hub.merchant import integrations
from hub.merchant.samples import trial_document
from hub.settings import is_address, local_addresses
from hub.store.models import Delivery, ReturnMethod

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Connection, Store

SOURCE = "trial"


def is_sandbox(row: Connection) -> bool:
    """Tells whether a connection leads to this machine and nowhere else, as one to a sandbox does."""
    settings = json.loads(row.settings)
    addresses = {each for each in settings.values() if isinstance(each, str) and is_address(each)}
    return bool(addresses) and addresses == local_addresses(settings)


async def is_unused(row: Connection) -> bool:
    """Tells whether no return has gone over a connection yet."""
    return not await Delivery.exists(connection_id=row.id)


async def send_trial(hub: Hub, store: Store, row: Connection) -> str:
    """Takes in an invented, approved return that goes over a connection to a sandbox.

    Returns:
        The RMA's number.

    Raises:
        ConflictError: the connection leads to no sandbox, is not switched on, or no return method uses it.
    """
    if not is_sandbox(row):
        raise ConflictError(
            f"send a trial return over {row.name}: it leads to a real account",
            why="an invented credit note would stand among real ones",
            fix="approve a return in your returns platform",
        )
    if integrations.is_draft(row):
        raise ConflictError(f"send a trial return: {row.name} is not on yet", fix="switch it on first")
    method = await ReturnMethod.filter(connection_id=row.id).order_by("id").first()
    if method is None:
        raise ConflictError(
            f"send a trial return: no return method uses {row.name}", fix="choose one, then try again"
        )
    # Another number each time: an RMA is credited once, for ever.
    rma_id = str(int(hub.clock.now().timestamp() * 1000))
    document = trial_document(rma_id, method.name)
    await accept(hub.clock, store, read_event(json.dumps(document).encode()), source=SOURCE)
    return rma_id

"""A request that a person writes in the place of the frozen one: checked by the connector."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hub.dispatch.opening import secrets_of, view_without_calls, views
from hub.errors import ConfigError, ConflictError, UsageError
from hub.outcomes import Rejected
from hub.redaction import Redactor
from hub.settings import Mode

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.outcomes import Prepared
    from hub.store.models import Connection, Delivery


async def checked(hub: Hub, delivery: Delivery, connection: Connection, request: str) -> Prepared:
    """Has the connector check a request that a person wrote; makes no call.

    Raises:
        ConfigError: the connector refuses it. UsageError: the connector takes none.
        ConflictError: the connection is in shadow mode.
    """
    connector = hub.registry.get(connection.connector)
    if not connector.has("check_edited"):
        raise UsageError(
            f"edit delivery {delivery.id}: {connector.schema.title} takes no edited requests",
            why="its connector cannot check one",
            fix=f"change the mapping, then run `hub deliveries retry {delivery.id} --anew`",
        )
    view = view_without_calls(hub, connection)
    if view.settings.mode is Mode.SHADOW:
        raise ConflictError(
            f"edit delivery {delivery.id}: connection {connection.name!r} is in shadow mode",
            why="it writes nothing",
            fix=f"run `hub connections edit {shlex.quote(connection.name)} --set mode=live` first",
        )
    (seen,) = await views([delivery], connection)
    answer = connector.redacting(Redactor(secrets_of(view.credentials))).check_edited(view, seen, request)
    if isinstance(answer, Rejected):
        raise ConfigError(f"edit delivery {delivery.id}", why=answer.reason, fix=answer.fix)
    return answer

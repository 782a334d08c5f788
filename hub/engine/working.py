"""Work on a connection, whatever comes of it: what both engines do with one ring."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import DBConnectionError, OperationalError

from hub.dispatch.claims import ClaimLostError
from hub.engine.work import work
from hub.errors import HubError

if TYPE_CHECKING:
    from datetime import datetime

    import aiohttp

    from hub.core import Hub

AFTER_ERROR = timedelta(seconds=15)
IN_USE = timedelta(seconds=1)
"""How long a connection that somebody else holds is left alone."""
DATABASE_AWAY = timedelta(seconds=1)

log = structlog.get_logger()


class Workshop:
    """Does what is due on a connection. Never raises: the rows say what was under way, and go on later."""

    def __init__(
        self, hub: Hub, http: aiohttp.ClientSession, *, owner: str, most_batches: int | None = None
    ) -> None:
        """Sets it up.

        Args:
            hub: the hub.
            http: the process's HTTP client.
            owner: who works, for people to read; no other living process uses the same.
            most_batches: of one connection's documents at a time; None for all that are due.
        """
        self._hub = hub
        self._http = http
        self._owner = owner
        self._most_batches = most_batches
        self.not_before: dict[str, datetime] = {}
        """Connection → until when it is left alone."""

    def rests(self, connection_id: str) -> bool:
        """True for a while after it failed or was in use."""
        now = self._hub.clock.now()
        rest = self.not_before.get(connection_id, now) - now
        # Longer than any rest: the clock was set back meanwhile.
        return timedelta(0) < rest <= AFTER_ERROR

    async def work(self, connection_id: str) -> None:
        """Does what is due, unless somebody else holds the connection."""
        try:
            if await work(
                self._hub, self._http, connection_id, owner=self._owner, most_batches=self._most_batches
            ):
                self.not_before.pop(connection_id, None)
            else:
                self._rest(connection_id, IN_USE)
        except ClaimLostError as error:
            log.warning("claim lost", connection=connection_id, reason=str(error))
        except HubError as error:
            self._rest(connection_id, AFTER_ERROR)
            log.warning("connection failed", connection=connection_id, reason=str(error), fix=error.fix)
        except Exception as error:
            # The rows say what was under way, and the next look at them goes on; the bug is not hidden.
            if type(error) in {OperationalError, DBConnectionError}:
                self._rest(connection_id, DATABASE_AWAY)
                log.warning("the database failed", connection=connection_id, reason=str(error))
                return
            self._rest(connection_id, AFTER_ERROR)
            log.exception("work on a connection broke off", connection=connection_id)

    def _rest(self, connection_id: str, span: timedelta) -> None:
        self.not_before[connection_id] = self._hub.clock.now() + span

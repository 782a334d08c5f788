"""The work of one subscription, done by whoever holds its claim."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.dispatch.claims import claim
from hub.dispatch.http import LoggedSession, client_session
from hub.dispatch.waiting import claim_in_turn
from hub.errors import HubError
from hub.inbound.signature import PREFIX, parse_secret
from hub.sending.contract import Sent
from hub.sending.loop import run
from hub.sending.schedule import subscriber_wait
from hub.store.models import Connection
from hub.webhooks.message import TEST_TYPE, headers, judge, write_body
from hub.webhooks.subscription import Credentials, Settings, read_credentials, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import aiohttp

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.hookspecs import HttpReply, QuotaWindow
    from hub.sending.contract import OutgoingUpdate

ANSWER_WITHIN_S = 20.0
"""For one whole answer; Standard Webhooks suggests 15 to 30 seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _NoLimits:
    """A subscriber has no quota of its own making that is known beforehand."""

    title: str = "subscriber"
    quota: tuple[QuotaWindow, ...] = ()
    spacing: timedelta = timedelta(0)


class Subscriber:
    """A subscription, opened for work under a claim.

    Raises:
        ConfigError: its secrets cannot be opened.
    """

    def __init__(self, hub: Hub, row: Connection, http: aiohttp.ClientSession, claim: Claim) -> None:
        self._clock = hub.clock
        self._settings: Settings = read_settings(row)
        self._credentials: Credentials = read_credentials(hub, row)
        self._session = LoggedSession(
            connection_id=row.id,
            schema=_NoLimits(),
            http=http,
            clock=hub.clock,
            secrets=[
                spelling
                for each in self._credentials.secrets
                for spelling in (each.secret, each.secret.removeprefix(PREFIX), parse_secret(each.secret))
            ],
            before_write=claim.check_lasting,
        )

    async def send(self, update: OutgoingUpdate) -> Sent:
        """See :data:`~hub.sending.contract.Send`."""
        reply = await self.post(update.key, update.kind, update.created_at, update.facts)
        judge(reply, self._clock.now())
        return Sent()

    async def post(self, key: str, kind: str, created_at: datetime, facts: Mapping[str, Any]) -> HttpReply:
        """Sends one signed message, whatever the answer is.

        Raises:
            RetriableError: there was no connection.
            InDoubtError: the answer was lost.
        """
        body = write_body(kind, created_at, facts, self._settings.body)
        now = self._clock.now()
        with self._session.carrying(key):
            return await self._session.request(
                "POST",
                self._settings.url,
                headers=headers(key, body, self._credentials.keys(now), now),
                body=body,
                is_write=True,
            )


async def work(hub: Hub, connection_id: str, *, owner: str) -> bool:
    """Sends what is due to one subscriber.

    Args:
        hub: the hub.
        connection_id: which.
        owner: who works, for people to read.

    Returns:
        False when somebody else holds the connection.

    Raises:
        HubError: the subscription cannot be opened; it is written on its row as well.
    """
    async with claim(connection_id, owner, hub.clock) as held, _session(hub) as http:
        if held is None:
            return False
        row = await Connection.get(id=connection_id)
        if row.is_paused or row.removed_at is not None:
            return True
        try:
            subscriber = Subscriber(hub, row, http, held)
        except HubError as error:
            await Connection.filter(id=connection_id).update(
                last_error=str(error), last_error_at=hub.clock.now()
            )
            raise
        await run(hub, row, held, subscriber.send, subscriber_wait)
        return True


async def send_test(hub: Hub, row: Connection, *, owner: str) -> HttpReply:
    """Sends a signed message of type ``hub.test`` now, about no RMA; gives the answer, whatever it is.

    Raises:
        ConflictError: the subscription stayed in use.
        RetriableError: there was no connection. InDoubtError: the answer was lost.
    """
    async with claim_in_turn(hub, row.id, owner=owner, what="test") as held, _session(hub) as http:
        subscriber = Subscriber(hub, row, http, held)
        return await subscriber.post(hub.clock.new_id(), TEST_TYPE, hub.clock.now(), {"name": row.name})


def _session(hub: Hub) -> aiohttp.ClientSession:
    # Not the engine's: whoever may set this address is not trusted with this machine.
    return client_session(ANSWER_WITHIN_S, allowed=hub.environment.egress_allow, is_loopback_allowed=False)

"""A subscription: where updates go, which ones, in which form, and the secrets that sign them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict
from yarl import URL

from hub.egress import ALLOW, is_allowed
from hub.errors import ConfigError, RetriableError
from hub.inbound.signature import parse_secret
from hub.settings import is_ambiguous
from hub.telling import UpdateKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core import Hub
    from hub.egress import Network
    from hub.store.models import Connection

OLD_SECRET_LASTS = timedelta(hours=24)
"""How long an old secret still signs beside the new one."""


class Body(StrEnum):
    """How much a message says."""

    THIN = "thin"
    """Which RMA it is about; the receiver asks for the rest."""
    FULL = "full"
    """What is known of it."""


class Settings(BaseModel):
    """What a subscriber wants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    events: tuple[UpdateKind, ...] = ()
    """Empty for all."""
    body: Body = Body.FULL


class Secret(BaseModel):
    """One secret that signs messages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: str
    """``whsec_…``"""
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    """It signs until then; None for the newest."""


class Credentials(BaseModel):
    """The secrets of a subscription, sealed on its row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secrets: tuple[Secret, ...]
    """Newest first."""

    def active(self, now: datetime) -> tuple[Secret, ...]:
        """Those that sign now."""
        return tuple(each for each in self.secrets if each.expires_at is None or each.expires_at > now)

    def keys(self, now: datetime) -> list[bytes]:
        """Their key bytes."""
        return [parse_secret(each.secret) for each in self.active(now)]

    def rotated(self, secret: str, now: datetime) -> Credentials:
        """With a new secret in front, and the ones before for a while."""
        ends = now + OLD_SECRET_LASTS
        old = [
            each if each.expires_at is not None else each.model_copy(update={"expires_at": ends})
            for each in self.active(now)
        ]
        return Credentials(secrets=(Secret(secret=secret, created_at=now), *old))


def read_settings(row: Connection) -> Settings:
    """A subscription's settings, as :func:`hub.merchant.webhooks.add` wrote them."""
    return Settings.model_validate_json(row.settings)


def read_credentials(hub: Hub, row: Connection) -> Credentials:
    """A subscription's secrets.

    Raises:
        ConfigError: they cannot be opened.
    """
    opened = hub.sealer.open(row.credentials, row=f"connection/{row.id}")
    return Credentials.model_validate_json(opened)


def sealed(hub: Hub, row: Connection, credentials: Credentials) -> str:
    """Secrets as the row keeps them."""
    return hub.sealer.seal(credentials.model_dump_json(), row=f"connection/{row.id}")


async def checked_url(text: str, allowed: Sequence[Network]) -> str:
    """An address that updates may be sent to: https, public, and nothing hidden in it.

    Every address that its name resolves to must do. It is looked at again whenever a message goes out.

    Args:
        text: as a user gave it.
        allowed: networks that are not public and allowed all the same; http does there, too.

    Raises:
        ConfigError: updates may not be sent there.
        RetriableError: its name does not resolve now.
    """
    what = "subscribe an address"
    try:
        # As aiohttp reads it: two readers of one address may see two hosts in it.
        url = URL(text.strip())
        port = url.port
    except ValueError as error:
        raise ConfigError(what, why=str(error), fix="give one like https://example.com/hooks") from error
    if url.scheme not in {"https", "http"} or not url.host or port is None:
        raise ConfigError(
            what, why="it does not begin with https://", fix="give one like https://example.com/hooks"
        )
    if is_ambiguous(text.strip()):
        raise ConfigError(
            what,
            why="it holds a user name, a password, a fragment or a blank",
            fix="leave that out of the address",
        )
    addresses = await _addresses(url.host, port)
    refused = [each for each in addresses if not is_allowed(each, allowed)]
    if refused:
        raise ConfigError(
            f"{what}: {url.host} leads to {refused[0]}",
            why="it is not a public address",
            fix=f"give a public one; {ALLOW}",
        )
    if url.scheme == "http" and not all(any(each in n for n in allowed) for each in addresses):
        raise ConfigError(
            f"{what}: it begins with http://",
            why="messages would cross the internet in plain sight",
            fix="give an address that begins with https://",
        )
    return str(url)


async def _addresses(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RetriableError(
            f"find the address of {host}", why=error.strerror or str(error), fix="check how it is spelled"
        ) from error
    return [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found]

"""A platform's row with its settings, its opened credentials and its HTTP session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub import hookspecs
from hub.dispatch.http import LoggedSession
from hub.dispatch.opening import read_model, secrets_of
from hub.platform.returngo.client import Client
from hub.platform.returngo.config import SCHEMA, Credentials, Settings
from hub.settings import local_addresses

if TYPE_CHECKING:
    import aiohttp

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.store.models import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedPlatform:
    """A platform connection, opened for work under a claim."""

    row: Connection
    settings: Settings
    session: LoggedSession
    client: Client


def open_platform(hub: Hub, row: Connection, http: aiohttp.ClientSession, claim: Claim) -> OpenedPlatform:
    """Opens a connection to ReturnGO.

    Raises:
        ConfigError: its credentials cannot be opened, or its settings are not what this version takes.
    """
    credentials = read_credentials(hub, row)
    settings = read_settings(row)
    session = LoggedSession(
        connection_id=row.id,
        schema=SCHEMA,
        http=http,
        clock=hub.clock,
        secrets=secrets_of(credentials),
        before_write=claim.check_lasting,
        is_local=bool(local_addresses(json.loads(row.settings))),
    )
    view = hookspecs.Connection(
        name=row.name, credentials=credentials, settings=settings, http=session, now=hub.clock.now
    )
    return OpenedPlatform(row=row, settings=settings, session=session, client=Client(view, session.redactor))


def read_credentials(hub: Hub, row: Connection) -> Credentials:
    """A platform's credentials.

    Raises:
        ConfigError: see :func:`open_platform`.
    """
    sealed = json.loads(hub.sealer.open(row.credentials, row=f"connection/{row.id}"))
    read = read_model(Credentials, sealed, f"credentials of {row.name}")
    assert isinstance(read, Credentials)  # noqa: S101 - for the type checker
    return read


def read_settings(row: Connection) -> Settings:
    """A platform's settings.

    Raises:
        ConfigError: see :func:`open_platform`.
    """
    read = read_model(Settings, json.loads(row.settings), f"settings of {row.name}")
    assert isinstance(read, Settings)  # noqa: S101 - for the type checker
    return read

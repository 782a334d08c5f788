"""From rows to the frozen values that hooks are given."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, RootModel, SecretStr, ValidationError

from hub import hookspecs
from hub.dispatch.frozen import accepted_of, prepared_of
from hub.dispatch.http import LoggedSession
from hub.errors import ConfigError, EventError, HubError, PluginError
from hub.inbound.document import parse_rma
from hub.redaction import Redactor
from hub.settings import Mode, local_addresses
from hub.store import models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import aiohttp
    from pydantic_core import ErrorDetails

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.registry import Connector
    from hub.settings import ConnectionSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedConnection:
    """A connection with its connector, its decrypted credentials and its HTTP session.

    Attributes:
        row: its row, of which some columns are read again while it is worked on.
        opened_with: its settings and its sealed credentials as they were when it was opened.
        account: the account in the ERP that they lead to.
    """

    row: models.Connection
    connector: Connector
    view: hookspecs.Connection
    session: LoggedSession
    opened_with: tuple[str, str]
    account: str

    def is_led_by(self, row: models.Connection) -> bool:
        """Whether a row read later still has the settings and credentials that are worked with."""
        return (row.settings, row.credentials) == self.opened_with

    @property
    def doubt_looks(self) -> Sequence[float]:
        """Seconds after a lost answer at which to look."""
        return self._settings.doubt_looks

    @property
    def is_shadow(self) -> bool:
        """True when the merchant only wants to see what would be written."""
        return self._settings.mode is Mode.SHADOW

    @property
    def poll_interval_s(self) -> float:
        """Seconds from one poll to the next."""
        return self._settings.poll_interval_s

    @property
    def _settings(self) -> ConnectionSettings:
        settings: ConnectionSettings = self.view.settings
        return settings


def read_model(model: type[BaseModel], values: dict[str, Any], what: str) -> BaseModel:
    """Checks stored or given values against a connector's model.

    Raises:
        ConfigError: with every field that is wrong; values are not repeated, they may be secret.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_problem(each) for each in error.errors(include_url=False, include_input=False)]
        fix = "correct it and try again; `hub connectors schema NAME` describes it"
        if not issubclass(model, RootModel):
            fix = f"give what is asked for; the fields are {', '.join(model.model_fields)}"
        raise ConfigError(f"check {what}", why="; ".join(problems), fix=fix) from error


def _problem(each: ErrorDetails) -> str:
    where = ".".join(str(part) for part in each["loc"])
    # What a connector's own check says is a sentence already; pydantic puts a prefix before it.
    text = each["msg"].removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return f"{where}: {text}" if where else text


def secrets_of(credentials: BaseModel) -> list[str]:
    """The secret texts among credentials."""
    values = (getattr(credentials, name) for name in type(credentials).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def redactor_of(hub: Hub, row: models.Connection) -> Redactor:
    """Knows the secrets that are sealed on a row, whatever it leads to; none where they cannot be opened."""
    if not row.credentials:
        return Redactor(())
    try:
        sealed = json.loads(hub.sealer.open(row.credentials, row=f"connection/{row.id}"))
        if row.role is models.Role.ERP:
            schema = hub.registry.get(row.connector).schema
            return Redactor(secrets_of(read_model(schema.credentials, sealed, f"credentials of {row.name}")))
    except HubError:
        return Redactor(())
    return Redactor(_texts(sealed))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


class _NoSession:
    """In the place of a session where a hook must make no call."""

    def __init__(self, connector: str) -> None:
        self._connector = connector

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_write: bool = False,
        is_reply_secret: bool = False,
    ) -> hookspecs.HttpReply:
        del url, query, headers, body, is_write, is_reply_secret
        raise PluginError(
            self._connector,
            f"connector {self._connector}: it made a {method} call in a hook that makes none",
            fix="report this to the connector's author",
        )

    def hide(self, secret: str) -> None:
        """Nothing is logged here."""


def view_without_calls(hub: Hub, row: models.Connection) -> hookspecs.Connection:
    """A connection for a hook that makes no call; needs no claim.

    Raises:
        ConfigError, PluginError, NotFoundError: see :func:`open_connection`.
    """
    connector = hub.registry.get(row.connector)
    sealed = json.loads(hub.sealer.open(row.credentials, row=f"connection/{row.id}"))
    return hookspecs.Connection(
        name=row.name,
        credentials=read_model(connector.schema.credentials, sealed, f"credentials of {row.name}"),
        settings=read_model(connector.schema.settings, json.loads(row.settings), f"settings of {row.name}"),
        http=_NoSession(connector.name),
        now=hub.clock.now,
    )


def open_connection(
    hub: Hub, row: models.Connection, http: aiohttp.ClientSession, claim: Claim
) -> OpenedConnection:
    """Opens a connection for work under a claim.

    Raises:
        ConfigError: its credentials cannot be opened, or its settings no longer fit its connector.
        PluginError, NotFoundError: its connector is broken or not installed.
    """
    connector = hub.registry.get(row.connector)
    view = view_without_calls(hub, row)
    session = LoggedSession(
        connection_id=row.id,
        schema=connector.schema,
        http=http,
        clock=hub.clock,
        secrets=secrets_of(view.credentials),
        before_write=claim.check_lasting,
        is_local=bool(local_addresses(json.loads(row.settings))),
    )
    view = replace(view, http=session)
    connector = connector.redacting(session.redactor)
    return OpenedConnection(
        row=row,
        connector=connector,
        view=view,
        session=session,
        opened_with=(row.settings, row.credentials),
        account=row.account,
    )


class UnreadableError(HubError):
    """Stored RMAs that this version cannot read; their neighbours can still be worked on.

    Attributes:
        reasons: delivery → what is wrong with its RMA.
    """

    code = "unreadable"

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("read stored RMAs", why="; ".join(reasons.values()))
        self.reasons = reasons


async def views(rows: Sequence[models.Delivery], connection: models.Connection) -> list[hookspecs.Delivery]:
    """The deliveries as hooks see them, in order.

    Raises:
        UnreadableError: names those whose stored RMA cannot be read, as after an upgrade that reads stricter.
    """
    tried = [row.id for row in rows if row.attempts]
    rmas = {rma.id: rma for rma in await models.Rma.filter(id__in=[row.rma_id for row in rows])}
    credited: dict[int, set[str]] = {}
    for item in await models.RmaItem.filter(rma_id__in=list(rmas), is_credited=True):
        credited.setdefault(item.rma_id, set()).add(item.returned_item_id)
    references: dict[str, list[str]] = {}
    for attempt in await models.Attempt.filter(delivery_id__in=tried).order_by("id") if tried else ():
        known = references.setdefault(attempt.delivery_id, [])
        if attempt.reference not in known:
            known.append(attempt.reference)
    store = await models.Store.get(id=connection.store_id)
    latest = await models.MappingVersion.filter(connection_id=connection.id).order_by("-version").first()
    mapping = json.loads(latest.text, parse_float=Decimal) if latest else {}

    def view(row: models.Delivery) -> hookspecs.Delivery:
        stored = rmas[row.rma_id]
        rma = parse_rma(json.loads(stored.approved_document or stored.document, parse_float=Decimal))
        return hookspecs.Delivery(
            delivery_id=row.id,
            rma=rma,
            items=tuple(i for i in rma.items if i.returned_item_id in credited.get(row.rma_id, ())),
            store=hookspecs.StoreInfo(
                name=store.name, url=store.url, customer_support_url=store.customer_support_url
            ),
            location_id=row.location_id,
            approved_at=stored.approved_at or row.created_at,
            mapping=mapping,
            mapping_version=latest.version if latest else 0,
            prepared=prepared_of(row),
            references=tuple(references.get(row.id, ())),
            # One that another delivery has too proves nothing of this one.
            document_id=row.document_id if row.owns_document else None,
            accepted=accepted_of(row),
        )

    seen, unreadable = [], {}
    for row in rows:
        try:
            seen.append(view(row))
        except EventError as error:
            unreadable[row.id] = str(error)
    if unreadable:
        raise UnreadableError(unreadable)
    return seen


def as_started(view: hookspecs.Delivery, row: models.Delivery) -> hookspecs.Delivery:
    """A delivery seen before its attempt, as hooks see it once that is committed. Reads nothing anew."""
    known = view.references
    if row.reference is not None and row.reference not in known:
        known = (*known, row.reference)
    return replace(view, prepared=prepared_of(row), references=known)

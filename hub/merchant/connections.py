"""Connections: one set of credentials and settings for a connector."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from hub.access import audit
from hub.dispatch.claims import claim
from hub.dispatch.http import client_session
from hub.dispatch.opening import open_connection, read_model
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.merchant import reports
from hub.merchant.erp_accounts import account_key, check_account_free, check_held, twin_of
from hub.merchant.reach import check_reach
from hub.merchant.stores import checked_name
from hub.outcomes import Status
from hub.store.accounts import hold_account
from hub.store.database import hold_key, in_transaction, naming
from hub.store.models import Connection, Delivery, ReturnMethod, Role, Store, TimelineEntry
from hub.store.proof import prove
from hub.store.timeline import entry, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from hub.core import Hub
    from hub.outcomes import ConnectReport

CHECK_WAIT_S = 20.0
CHECK_RETRY_S = 0.2
DRAFT = "it is not switched on yet"
"""Why a connection that is still being set up is paused."""


class Form(Protocol):
    """What of a connector's or a platform's schema tells which values a connection takes."""

    @property
    def name(self) -> str:
        """Of the connector or platform."""

    @property
    def title(self) -> str:
        """What a merchant calls it."""

    @property
    def credentials(self) -> type[BaseModel]:
        """Model of what proves who we are."""

    @property
    def settings(self) -> type[BaseModel]:
        """Model of everything else."""

    @property
    def account_fields(self) -> Sequence[str]:
        """Fields that together name one account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """A new connection.

    Attributes:
        report: what its check found; None when it was not checked.
        notes: sentences about what was changed in the values given.
    """

    row: Connection
    report: ConnectReport | None
    notes: tuple[str, ...] = ()


async def add(
    hub: Hub,
    store: Store,
    connector_name: str,
    name: str,
    values: Mapping[str, str],
    *,
    should_check: bool = True,
    is_second_allowed: bool = False,
    is_draft: bool = False,
) -> Added:
    """Adds a connection; with a check that fails on the credentials, nothing is kept.

    Args:
        hub: the hub.
        store: whose it is.
        connector_name: which connector.
        name: unique within the store, compared without case.
        values: settings and credentials by field name, as text.
        should_check: True proves the credentials against the ERP first.
        is_second_allowed: True lets a second connection use the same account of the ERP.
        is_draft: True keeps it paused from its first moment, until :func:`resume` switches it on.

    Raises:
        ConfigError: a value is wrong or missing. ConflictError: the name or the account is in use.
        AuthError, RetriableError: the check failed.
    """
    connector = hub.registry.get(connector_name)
    credentials, settings = split_values(connector.schema, values)
    await check_reach(hub, settings)
    notes = tuple(_trimmings(values, credentials, settings))
    name = checked_name(name, "connection")
    key = account_key(connector.schema, credentials, settings)
    row = Connection(
        id=hub.clock.new_id(),
        store=store,
        name=name,
        name_key=name.casefold(),
        connector=connector_name,
        quota_key=key,
        settings=as_json(settings),
        credentials="",
        is_paused=is_draft,
        pause_reason=DRAFT if is_draft else "",
        created_at=hub.clock.now(),
    )
    async with naming():
        if await Connection.exists(store_id=store.id, name_key=row.name_key):
            raise ConflictError(
                f"add connection {name!r}: store {store.name} has one of that name",
                fix=f"choose another name, or change it with `hub connections edit {shlex.quote(name)}`",
            )
        if not is_second_allowed:
            await check_account_free(row, f"add connection {name!r}")
        await hold_key()
        row.credentials = hub.sealer.seal(as_json(credentials), row=f"connection/{row.id}")
        await row.save(force_create=True)
        await _record("added", row, after=_state(connector.schema, row, hub))
    if not should_check:
        return Added(row=row, report=None, notes=notes)
    try:
        report = await check(hub, row)
        if not is_second_allowed:
            check_held(row, f"add connection {name!r}")
    except BaseException:
        # Only the log of its calls stays: they have spent the account's quota.
        async with in_transaction():
            await _forget(hub, row)
            await _record("removed", row, after={"reason": "it failed its first check"})
        raise
    return Added(row=row, report=report, notes=notes)


async def check(hub: Hub, row: Connection) -> ConnectReport:
    """Proves a connection against its ERP and writes down how it went.

    It then holds its account, unless another connection has proved that one before.

    Raises:
        AuthError, RetriableError: it does not work now.
        ConflictError: somebody else works on the connection and does not finish.
    """
    waited = 0.0
    while True:
        async with claim(row.id, "check", hub.clock) as held:
            if held is not None:
                async with client_session(allowed=hub.environment.egress_allow) as http:
                    opened = open_connection(hub, row, http, held)
                    return await _checked(hub, row, await _ask(hub, row, opened))
        if waited >= CHECK_WAIT_S:
            raise ConflictError(
                f"check connection {row.name!r}: it is in use",
                why=f"another process has worked on it for {CHECK_WAIT_S:g} s",
                fix="try again in a moment",
            )
        await hub.clock.sleep(CHECK_RETRY_S)
        waited += CHECK_RETRY_S


async def _ask(hub: Hub, row: Connection, opened: Any) -> ConnectReport:
    try:
        report: ConnectReport = await opened.connector.connect(opened.view)
    except Exception as error:
        await Connection.filter(id=row.id).update(last_error=str(error), last_error_at=hub.clock.now())
        raise
    return report


async def _checked(hub: Hub, row: Connection, report: ConnectReport) -> ConnectReport:
    row.last_success_at = row.checked_at = now = hub.clock.now()
    row.connect_report = reports.as_text(report)
    # Of what was checked: a person may have changed the connection meanwhile.
    as_checked = Connection.filter(id=row.id, settings=row.settings, credentials=row.credentials)
    await as_checked.update(
        last_success_at=now, last_error="", checked_at=now, connect_report=row.connect_report
    )
    await prove(row, now)
    return report


async def get(store: Store, name: str) -> Connection:
    """The connection of that name.

    Raises:
        NotFoundError: the store has none.
    """
    row = await Connection.get_or_none(store_id=store.id, name_key=name.strip().casefold(), role=Role.ERP)
    if row is None:
        raise NotFoundError(
            f"find connection {name!r} of store {store.name}",
            why=f"it has: {', '.join(each.name for each in await every(store)) or 'none'}",
            fix="name one of those, or add it with `hub connections add CONNECTOR --name NAME`",
        )
    return row


async def every(store: Store) -> list[Connection]:
    """The store's connections to ERPs, by name; removed ones are not among them."""
    return await Connection.filter(store_id=store.id, role=Role.ERP, removed_at__isnull=True).order_by("name")


async def names_ever(store: Store) -> list[str]:
    """The names of the store's connections to ERPs, also of removed ones: their returns are still there."""
    rows = await Connection.filter(store_id=store.id, role=Role.ERP).only("name")
    return sorted({row.name for row in rows})


async def edit(hub: Hub, row: Connection, values: Mapping[str, str]) -> None:
    """Changes some settings or credentials; what is not given stays as it is at that moment.

    Raises:
        ConfigError: a value is wrong.
        ConflictError: what was sent may have left a document in the account that it would lead away from, or
            it was removed meanwhile.
    """
    schema = hub.registry.get(row.connector).schema
    async with in_transaction():
        # A send that begins at this moment waits, and then sees the change; one that has begun is seen here.
        held = await hold_account(row.id)
        if held.removed_at is not None:
            raise ConflictError(
                f"change connection {row.name!r}: it was removed meanwhile",
                fix="look at what there is with `hub connections list`",
            )
        before = _state(schema, held, hub)
        sealed = json.loads(hub.sealer.open(held.credentials, row=f"connection/{row.id}"))
        old = {**json.loads(held.settings), **sealed}
        credentials, settings = split_values(schema, {**old, **values})
        await check_reach(hub, settings, old)
        key = account_key(schema, credentials, settings)
        row.account_key, row.quota_key, row.proved_at = held.account_key, held.quota_key, held.proved_at
        if key != held.quota_key:
            await _check_account_may_change(held, key)
            await _prepare_anew(held, hub.clock.now())
            # Nobody has proved that one yet: the next check does, or the first call that goes well.
            row.account_key, row.quota_key, row.proved_at = None, key, None
        row.settings = as_json(settings)
        await hold_key()
        row.credentials = hub.sealer.seal(as_json(credentials), row=f"connection/{row.id}")
        await row.save(update_fields=["settings", "credentials", "account_key", "quota_key", "proved_at"])
        old_shown, new_shown = audit.changed(before, _state(schema, row, hub))
        entered = {name: "entered anew" for name in _secret_fields(schema.credentials) if name in values}
        await _record("edited", row, before=old_shown, after={**new_shown, **entered})


async def _check_account_may_change(row: Connection, key: str) -> None:
    """A look for what an attempt left is only good in the account the attempt went to.

    Args:
        row: locked, so that no attempt begins meanwhile.
        key: the new account's.
    """
    unsettled = (Status.PENDING, Status.SENDING, Status.IN_DOUBT, Status.ATTENTION)
    sent = Delivery.filter(connection_id=row.id, status__in=unsettled, account_key__isnull=False)
    # What was sent to the new account before is looked for in the right place again.
    tried = await sent.exclude(account_key=key).count()
    if tried:
        raise ConflictError(
            f"change the account of connection {row.name!r}: {tried} deliveries may have left a document in "
            "the old one",
            why="the hub would look for them in the new account, find nothing, and make them again",
            fix=f"settle them first: `hub deliveries list --connection {shlex.quote(row.name)}`",
        )
    if twin := await twin_of(row, key):
        raise ConflictError(
            f"change the account of connection {row.name!r}: {twin.name!r} uses that account",
            fix="remove that one first",
        )


async def _prepare_anew(row: Connection, now: datetime) -> None:
    """Drops requests that were prepared for the old account and never sent: they name what is in it."""
    unsent = Delivery.filter(connection_id=row.id, status=Status.PENDING, attempts=0)
    prepared = unsent.filter(request__isnull=False)
    for delivery in await prepared.order_by("id").select_for_update():
        delivery.original_request, delivery.request = delivery.request, None
        delivery.reference = delivery.total = delivery.units = None
        delivery.version += 1
        delivery.updated_at = now
        await delivery.save()
        text = f"Connection {row.name} leads to another account now, so the request is prepared anew."
        await tell(delivery.rma_id, now, "delivery.prepared_anew", text)


async def held(row: Connection) -> Connection:
    """A connection, platform or webhook as it is now, locked until the caller's transaction ends.

    Raises:
        NotFoundError: it was removed since it was read.
    """
    now_is = await Connection.filter(id=row.id, removed_at__isnull=True).select_for_update().first()
    if now_is is None:
        raise NotFoundError(
            f"change {row.name!r}: it was removed meanwhile", fix="look at what there is, and choose anew"
        )
    return now_is


async def pause(row: Connection, reason: str) -> None:
    """Stops sending and polling until :func:`resume`; what comes meanwhile waits.

    Raises:
        NotFoundError: it was removed meanwhile.
    """
    async with in_transaction():
        await held(row)
        await Connection.filter(id=row.id).update(is_paused=True, pause_reason=reason)
        await audit.record("connection.paused", row.name, store=row.store_id, after={"reason": reason})


async def resume(row: Connection) -> int:
    """Goes on with what has piled up.

    Returns:
        How many deliveries wait.

    Raises:
        NotFoundError: it was removed meanwhile.
    """
    async with in_transaction():
        now_is = await held(row)
        await Connection.filter(id=row.id).update(is_paused=False, pause_reason="")
        before = {"reason": now_is.pause_reason} if now_is.is_paused else None
        await audit.record("connection.resumed", row.name, store=row.store_id, before=before)
    return await Delivery.filter(
        connection_id=row.id, status__in=[Status.PENDING, Status.IN_DOUBT, Status.SENDING]
    ).count()


async def remove(hub: Hub, row: Connection) -> int:
    """Removes a connection: its credentials are destroyed, its history stays.

    Return methods that point at it become *Do not update*.

    Returns:
        How many return methods that were.

    Raises:
        ConflictError: deliveries still wait for it. NotFoundError: it was removed meanwhile.
    """
    async with in_transaction():
        await held(row)
        waiting = await Delivery.filter(
            connection_id=row.id,
            status__in=[Status.PENDING, Status.SENDING, Status.IN_DOUBT],
        ).count()
        if waiting:
            raise ConflictError(
                f"remove connection {row.name!r}: {waiting} deliveries still wait for it",
                why="they would never be sent, and their customers never credited",
                fix="let them finish, then remove it: "
                f"`hub deliveries list --connection {shlex.quote(row.name)}` shows them",
            )
        methods = await ReturnMethod.filter(connection_id=row.id).update(connection_id=None, location_id=None)
        await _tell_unwatched(hub, row)
        await _record("removed", row, before={"settings": json.loads(row.settings), "methods": methods})
        await _forget(hub, row)
    return methods


async def _tell_unwatched(hub: Hub, row: Connection) -> None:
    """Tells the RMAs whose goods are still to come that the hub will not hear of them."""
    text = (
        f"Connection {row.name} was removed while goods were still to come: the hub does not learn any more "
        "what the warehouse receives. A person validates these items in the returns platform."
    )
    open_ones = await Delivery.filter(connection_id=row.id, is_open=True)
    now = hub.clock.now()
    await TimelineEntry.bulk_create(
        entry(each.rma_id, now, "validation.unwatched", text) for each in open_ones
    )


async def _forget(hub: Hub, row: Connection) -> None:
    await Connection.filter(id=row.id).update(
        removed_at=hub.clock.now(),
        name_key=None,
        account_key=None,
        credentials="",
        is_paused=True,
        pause_reason="removed",
    )


async def _record(done: str, row: Connection, **states: Mapping[str, Any]) -> None:
    await audit.record(f"connection.{done}", row.name, store=row.store_id, **states)


def _state(schema: Form, row: Connection, hub: Hub) -> dict[str, Any]:
    settings, credentials = shown_values(schema, row, hub)
    return {"connector": row.connector, **settings, **credentials}


def split_values(schema: Form, values: Mapping[str, Any]) -> tuple[BaseModel, BaseModel]:
    """Sorts given values into credentials and settings, and checks both.

    Raises:
        UsageError: a field that neither model has. ConfigError: a value is wrong or missing.
    """
    in_credentials, in_settings = schema.credentials.model_fields, schema.settings.model_fields
    unknown = [each for each in values if each not in in_credentials and each not in in_settings]
    if unknown:
        raise UsageError(
            f"set {', '.join(unknown)}: {schema.title} has no such field",
            why=f"it takes {', '.join([*in_credentials, *in_settings])}",
            fix="name one of those",
        )
    credentials = {name: values[name] for name in values if name in in_credentials}
    settings = {name: values[name] for name in values if name in in_settings}
    return (
        read_model(schema.credentials, credentials, f"the credentials of {schema.title}"),
        read_model(schema.settings, settings, f"the settings of {schema.title}"),
    )


def _trimmings(values: Mapping[str, str], *models: BaseModel) -> Iterator[str]:
    for model in models:
        for name in type(model).model_fields:
            kept = getattr(model, name)
            kept = kept.get_secret_value() if isinstance(kept, SecretStr) else kept
            if name in values and isinstance(kept, str) and values[name] != kept == values[name].strip():
                yield f"blanks around {name} were removed"


def shown_values(schema: Form, row: Connection, hub: Hub) -> tuple[dict[str, Any], dict[str, Any]]:
    """A connection's settings, and its credentials with the secret ones hidden."""
    settings = json.loads(row.settings)
    if row.removed_at is not None:
        return settings, {}
    sealed = json.loads(hub.sealer.open(row.credentials, row=f"connection/{row.id}"))
    secret = _secret_fields(schema.credentials)
    return settings, {name: "********" if name in secret else value for name, value in sealed.items()}


def _secret_fields(model: type[BaseModel]) -> Sequence[str]:
    return [name for name, field in model.model_fields.items() if field.annotation is SecretStr]


def as_json(model: BaseModel) -> str:
    """A model as JSON text with its secrets in the clear: only ever sealed, or of a model without secrets."""
    values = model.model_dump(mode="json")
    for name in _secret_fields(type(model)):
        values[name] = getattr(model, name).get_secret_value()
    return json.dumps(values)

"""The Acme connector's hooks. What they decide is in the pure modules beside this one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hub.hookspecs import ConnectorSchema, QuotaWindow, hookimpl
from hub.outcomes import (
    ConnectReport,
    DocumentPage,
    Location,
    Permission,
    PermissionState,
    ValidationPage,
)

from hub_acme import finding, validation, wire
from hub_acme.client import Client
from hub_acme.config import Credentials, Settings
from hub_acme.mapping import MappingDocument, build_memo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.hookspecs import Connection, Delivery, OpenDocument
    from hub.outcomes import Outcome, Prepared, Rejected, Sighting
    from hub.sandbox import SandboxSpec


@hookimpl
def config_schema() -> ConnectorSchema:
    """See :func:`hub.hookspecs.config_schema`."""
    return ConnectorSchema(
        name="acme",
        title="Acme",
        credentials=Credentials,
        settings=Settings,
        mapping=MappingDocument,
        contract_version=1,
        account_fields=("base_url", "api_key"),
        quota=(QuotaWindow(calls=20, per=timedelta(seconds=1)),),
        max_batch=wire.MAX_BATCH,
        document_noun="credit memo",
        location_noun="warehouse",
    )


@hookimpl
async def connect(connection: Connection) -> ConnectReport:
    """See :func:`hub.hookspecs.connect`. One call."""
    account = await Client(connection).account()
    permissions = []
    for action in ("read", "create"):
        is_granted = f"memos:{action}" in account.permissions
        state = PermissionState.GRANTED if is_granted else PermissionState.MISSING
        advice = "" if is_granted else f"tick memos:{action} for this API key in Acme"
        permissions.append(Permission(resource="memos", action=action, state=state, advice=advice))
    locations = [
        Location(location_id=each.id, name=each.name, is_active=each.is_active) for each in account.warehouses
    ]
    return ConnectReport(permissions=tuple(permissions), locations=tuple(locations))


@hookimpl
async def prepare(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Prepared | Rejected]:
    """See :func:`hub.hookspecs.prepare`. No call: all that a memo needs is in the return."""
    return [build_memo(delivery) for delivery in deliveries]


@hookimpl
def prepare_again(settings: Settings, delivery: Delivery, look_up: str | None) -> Prepared | Rejected:
    """See :func:`hub.hookspecs.prepare_again`. The same as before: nothing was looked up."""
    return build_memo(delivery)


@hookimpl
async def on_rma_approved(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    """See :func:`hub.hookspecs.on_rma_approved`. One call."""
    prepared = [delivery.prepared for delivery in deliveries if delivery.prepared is not None]
    results = await Client(connection).create([each.request for each in prepared])
    return wire.read_outcomes(prepared, results)


@hookimpl
async def find_documents(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Sighting]:
    """See :func:`hub.hookspecs.find_documents`. One call for the batch, more when it fills pages."""
    memos = await Client(connection).all_memos(finding.filters(deliveries))
    return [finding.judge(delivery, memos) for delivery in deliveries]


@hookimpl
async def poll_validations(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
) -> ValidationPage:
    """See :func:`hub.hookspecs.poll_validations`. One call, and one more for those unseen for a day."""
    client, now = Client(connection), connection.now()
    at = validation.read_cursor(cursor, open_documents, now)
    page = await client.memos(at.filters)
    following, more = validation.advance(at, page)
    receipts = [validation.read_receipt(memo, now) for memo in page]
    unseen = [] if more else validation.unseen(open_documents, page, now)
    if unseen:
        memos = await client.memos([("id", each.document_id) for each in unseen])
        found = {str(memo.id): memo for memo in memos}
        receipts += [
            validation.read_receipt(found[each.document_id], now)
            if each.document_id in found
            else validation.gone(each, now)
            for each in unseen
        ]
    return ValidationPage(receipts=tuple(receipts), cursor=following.write(), more=more)


@hookimpl
async def list_documents(connection: Connection, since: datetime, cursor: str | None) -> DocumentPage:
    """See :func:`hub.hookspecs.list_documents`. One call a page, in the order of ids; times are whole."""
    asked = [("created_from", since.replace(microsecond=0).isoformat()), ("after_id", cursor or "0")]
    page = await Client(connection).memos(asked)
    return DocumentPage(
        documents=tuple(validation.read_listed(memo, connection.now()) for memo in page),
        cursor=str(page[-1].id) if len(page) == wire.PAGE else None,
    )


@hookimpl
def sandbox() -> SandboxSpec:
    """See :func:`hub.hookspecs.sandbox`. Imported late: only tests and demos need its server."""
    from hub_acme.sandbox import spec

    return spec()

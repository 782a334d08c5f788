"""The hooks of the Peoplevox stub: the smallest connector that conforms, and a second kind of ERP.

A session, XML, errors inside a 200, CSV and item states, where Cin7 Omni has Basic auth, JSON and statuses.
What is known of Peoplevox is second-hand, so it works with the sandbox beside it and is called a stub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.peoplevox_stub import receiving, rows
from connectors.peoplevox_stub.client import sign_in
from connectors.peoplevox_stub.config import Credentials, MappingDocument, Settings
from hub.errors import AuthError, ConnectorError, InDoubtError
from hub.hookspecs import ConnectorSchema, hookimpl
from hub.outcomes import (
    ConnectReport,
    Outcome,
    Permission,
    PermissionState,
    SightingKind,
    ValidationPage,
    Verdict,
)
from hub.settings import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.peoplevox_stub.client import Client
    from hub.hookspecs import Connection, Delivery, OpenDocument
    from hub.outcomes import Prepared, Receipt, Rejected, Sighting
    from hub.sandbox import SandboxSpec

NOUN = "return authorisation"


@hookimpl
def config_schema() -> ConnectorSchema:
    """See :func:`hub.hookspecs.config_schema`. No quota of Peoplevox is known; the batch size is ours."""
    return ConnectorSchema(
        name="peoplevox_stub",
        title="Peoplevox (stub)",
        credentials=Credentials,
        settings=Settings,
        mapping=MappingDocument,
        contract_version=1,
        account_fields=("base_url", "client_id"),
        max_batch=50,
        document_noun=NOUN,
    )


@hookimpl
async def connect(connection: Connection) -> ConnectReport:
    """See :func:`hub.hookspecs.connect`. Five calls; compares our columns with the account's templates."""
    client = await sign_in(connection)
    permissions: list[Permission] = []
    warnings: list[str] = []
    for template, columns in rows.COLUMNS.items():
        try:
            taken = {each.casefold() for each in await client.header(template)}
        except AuthError as error:
            permissions.append(_permission(template, "save", error))
            continue
        permissions.append(_permission(template, "save"))
        missing = [each for each in columns if each.casefold() not in taken]
        if missing:
            warnings.append(f"the save template {template} has no column {', '.join(missing)}")
    for report in (rows.ITEMS, connection.settings.returns_report):
        try:
            await client.page(report, "", order=rows.NUMBER, rows=1)
            permissions.append(_permission(report, "read"))
        except AuthError as error:
            permissions.append(_permission(report, "read", error))
    return ConnectReport(permissions=tuple(permissions), warnings=tuple(warnings))


def _permission(resource: str, action: str, error: AuthError | None = None) -> Permission:
    if error is not None:
        if error.kind == "unauthorized":
            raise error
        advice = f"give the Peoplevox user of the connection access to {action} {resource}"
        return Permission(resource=resource, action=action, state=PermissionState.MISSING, advice=advice)
    if action == "read":
        return Permission(resource=resource, action=action, state=PermissionState.GRANTED)
    advice = f"see that the Peoplevox user may save {resource}; it cannot be tried without writing"
    return Permission(resource=resource, action=action, state=PermissionState.UNPROVABLE, advice=advice)


@hookimpl
async def prepare(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Prepared | Rejected]:
    """See :func:`hub.hookspecs.prepare`. No call."""
    return [rows.prepare(delivery) for delivery in deliveries]


@hookimpl
def prepare_again(settings: Settings, delivery: Delivery, look_up: str | None) -> Prepared | Rejected:
    """See :func:`hub.hookspecs.prepare_again`. What was prepared rests on the return alone."""
    return rows.prepare(delivery)


@hookimpl
async def on_rma_approved(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    """See :func:`hub.hookspecs.on_rma_approved`. Five calls for a batch; none in shadow mode.

    A save under a number that is taken changes what stands there, somebody else's too, so it looks first.
    An answer to a save names no rows, so it looks again, and says ``created`` of what is seen to be there.
    The items are saved last: a return without items is on no report, and the same save completes it.
    """
    if connection.settings.mode is Mode.SHADOW:
        reason = f"the connection is in shadow mode: the {NOUN} was prepared, not written"
        return [
            Outcome(delivery_id=d.delivery_id, verdict=Verdict.SKIPPED, reason=reason) for d in deliveries
        ]
    client = await sign_in(connection)
    before = await _look(connection, client, deliveries)
    new = [each for each, seen in zip(deliveries, before, strict=True) if seen.kind is SightingKind.ABSENT]
    outcomes = {seen.delivery_id: _outcome(seen, Verdict.ADOPTED, Verdict.REJECTED) for seen in before}
    if new:
        for template in rows.COLUMNS:
            await client.save(template, rows.batch(template, new))
        try:
            after = await _look(connection, client, new)
        except ConnectorError as error:
            raise InDoubtError("SaveData: what was saved could not be read back", why=str(error)) from error
        outcomes |= {seen.delivery_id: _outcome(seen, Verdict.CREATED, Verdict.IN_DOUBT) for seen in after}
    return [outcomes[each.delivery_id] for each in deliveries]


def _outcome(seen: Sighting, verdict: Verdict, otherwise: Verdict) -> Outcome:
    if seen.kind is SightingKind.OURS:
        return Outcome(delivery_id=seen.delivery_id, verdict=verdict, document=seen.documents[0])
    reason = seen.reason or f"Peoplevox took the {NOUN} and does not show it"
    return Outcome(delivery_id=seen.delivery_id, verdict=otherwise, reason=reason)


@hookimpl
async def find_documents(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Sighting]:
    """See :func:`hub.hookspecs.find_documents`. Two calls for a batch of less than 1,000 items."""
    return await _look(connection, await sign_in(connection), deliveries)


async def _look(connection: Connection, client: Client, deliveries: Sequence[Delivery]) -> list[Sighting]:
    found = rows.by_number(await client.report(rows.ITEMS, rows.sought(deliveries), order=rows.NUMBER))
    return [rows.judge(each, found, connection.settings.cancelled_states) for each in deliveries]


@hookimpl
async def poll_validations(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
) -> ValidationPage:
    """See :func:`hub.hookspecs.poll_validations`. Two calls; four when there is a return to read."""
    now = connection.now()
    at = receiving.read_cursor(cursor, open_documents, now)
    client = await sign_in(connection)
    report = connection.settings.returns_report
    page, _ = await client.page(report, at.clause, order=rows.RETURNED_AT, page=at.page, rows=receiving.PAGE)
    following, more = receiving.advance(at, page)
    numbers = set(rows.by_number(page))
    if not more:
        numbers |= set(receiving.longest_unseen(open_documents, numbers))
    receipts = await _read(connection, client, [each for each in sorted(numbers) if rows.named([each])])
    return ValidationPage(receipts=receipts, cursor=receiving.write_cursor(following), more=more)


async def _read(connection: Connection, client: Client, numbers: Sequence[str]) -> tuple[Receipt, ...]:
    """The receipts of return authorisations, each read in whole."""
    if not numbers:
        return ()
    settings, clause = connection.settings, rows.named(numbers)
    asked = rows.by_number(await client.report(rows.ITEMS, clause, order=rows.NUMBER))
    returned = rows.by_number(await client.report(settings.returns_report, clause, order=rows.NUMBER))
    now = connection.now()
    return tuple(
        receiving.read_receipt(each, asked.get(each, []), returned.get(each, []), settings, now)
        for each in numbers
    )


@hookimpl
def sandbox() -> SandboxSpec:
    """See :func:`hub.hookspecs.sandbox`. Imported late: only the demo and tests need its server."""
    from connectors.peoplevox_stub.sandbox import spec  # noqa: PLC0415

    return spec()

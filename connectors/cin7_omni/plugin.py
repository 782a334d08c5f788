"""The Cin7 Omni connector's hooks. What they decide is in the pure modules beside this one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.cin7_omni import finding, listing, polling, preparing
from connectors.cin7_omni.checking import check
from connectors.cin7_omni.client import Client
from connectors.cin7_omni.config import Credentials, Settings
from connectors.cin7_omni.editing import check_request, units_of
from connectors.cin7_omni.mapping_document import MappingDocument
from connectors.cin7_omni.models import CreditNoteRow
from connectors.cin7_omni.preparing import prepare_batch
from connectors.cin7_omni.rereading import reread
from connectors.cin7_omni.validation import read_receipt
from connectors.cin7_omni.wire import MAX_BATCH, RecordResult, RecordVerdict
from hub.hookspecs import ConnectorSchema, QuotaWindow, hookimpl
from hub.outcomes import Document, DocumentPage, Outcome, Prepared, Rejected, ValidationPage, Verdict
from hub.settings import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.hookspecs import Connection, Delivery, OpenDocument
    from hub.outcomes import ConnectReport, Sighting
    from hub.sandbox import SandboxSpec


@hookimpl
def config_schema() -> ConnectorSchema:
    """See :func:`hub.hookspecs.config_schema`. The quota is Cin7's own, documented on its help page."""
    return ConnectorSchema(
        name="cin7_omni",
        title="Cin7 Omni",
        credentials=Credentials,
        settings=Settings,
        mapping=MappingDocument,
        contract_version=1,
        account_fields=("base_url", "username"),
        quota=(
            QuotaWindow(calls=3, per=timedelta(seconds=1)),
            QuotaWindow(calls=60, per=timedelta(minutes=1)),
            QuotaWindow(calls=5_000, per=timedelta(days=1)),
        ),
        spacing=timedelta(milliseconds=350),
        max_batch=MAX_BATCH,
        document_noun="credit note",
        location_noun="branch",
    )


@hookimpl
async def connect(connection: Connection) -> ConnectReport:
    """See :func:`hub.hookspecs.connect`. Nine calls."""
    return await check(connection, Client(connection))


@hookimpl
async def prepare(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Prepared | Rejected]:
    """See :func:`hub.hookspecs.prepare`."""
    answers = await prepare_batch(Client(connection), connection.settings, deliveries)
    return [_with_units(each) for each in answers]


def _with_units(answer: Prepared | Rejected) -> Prepared | Rejected:
    return replace(answer, units=units_of(answer.request)) if isinstance(answer, Prepared) else answer


@hookimpl
def prepare_again(settings: Settings, delivery: Delivery, look_up: str | None) -> Prepared | Rejected:
    """See :func:`hub.hookspecs.prepare_again`."""
    return _with_units(preparing.prepare_again(settings, delivery, look_up))


@hookimpl
async def on_rma_approved(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    """See :func:`hub.hookspecs.on_rma_approved`. One POST; none in shadow mode."""
    if connection.settings.mode is Mode.SHADOW:
        reason = "the connection is in shadow mode: the credit note was prepared, not written"
        return [
            Outcome(delivery_id=delivery.delivery_id, verdict=Verdict.SKIPPED, reason=reason)
            for delivery in deliveries
        ]
    prepared = [delivery.prepared for delivery in deliveries if delivery.prepared is not None]
    if len(prepared) != len(deliveries):
        msg = "on_rma_approved was called with a delivery that was never prepared"
        raise ValueError(msg)
    references = [each.reference for each in prepared]
    results = await Client(connection).create_notes([each.request for each in prepared], references)
    return [_outcome(each, result) for each, result in zip(prepared, results, strict=True)]


def _outcome(prepared: Prepared, result: RecordResult) -> Outcome:
    if result.verdict is RecordVerdict.CREATED:
        document = Document(document_id=str(result.note_id), reference=prepared.reference)
        return Outcome(delivery_id=prepared.delivery_id, verdict=Verdict.CREATED, document=document)
    if result.verdict is RecordVerdict.REFUSED:
        return Outcome(
            delivery_id=prepared.delivery_id,
            verdict=Verdict.REJECTED,
            reason=f"Cin7 Omni refused the credit note: {result.reason}",
            fix="mend what Cin7 Omni names, then run: hub deliveries retry",
        )
    return Outcome(delivery_id=prepared.delivery_id, verdict=Verdict.IN_DOUBT, reason=result.reason)


@hookimpl
async def find_documents(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Sighting]:
    """See :func:`hub.hookspecs.find_documents`. Shared calls, all pages followed."""
    client = Client(connection)
    seeking = [finding.sought(delivery) for delivery in deliveries]
    notes: dict[int, CreditNoteRow] = {}
    for clause in finding.clauses(seeking):
        for row in await client.list_all("CreditNotes", clause):
            note = CreditNoteRow.read(row)
            if note is not None:
                notes[note.id] = note
    return [finding.judge(each, notes.values()) for each in seeking]


@hookimpl
async def poll_validations(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
) -> ValidationPage:
    """See :func:`hub.hookspecs.poll_validations`.

    One list call; at the end of a cycle a few more for notes that no poll has seen for a day.
    """
    client = Client(connection)
    now = connection.now()
    at = polling.first_cursor(open_documents, now) if cursor is None else polling.read_cursor(cursor)
    rows = await client.list_page("CreditNotes", where=at.where, order=polling.ORDER, page=at.page)
    notes = [note for note in map(CreditNoteRow.read, rows) if note is not None]
    following, fresh, more = polling.advance(at, notes, len(rows), now)
    receipts = [read_receipt(note, connection.settings, now) for note in fresh]
    if not more:
        seen = frozenset(str(note.id) for note in notes)
        receipts += await reread(client, connection.settings, polling.stale(open_documents, seen, now), now)
    return ValidationPage(receipts=tuple(receipts), cursor=polling.write_cursor(following), more=more)


@hookimpl
async def list_documents(connection: Connection, since: datetime, cursor: str | None) -> DocumentPage:
    """See :func:`hub.hookspecs.list_documents`. One list call of at most 250 notes."""
    page = int(cursor or 1)
    rows = await Client(connection).list_page(
        "CreditNotes", where=listing.where(since), order=listing.ORDER, page=page
    )
    now = connection.now()
    found = [listing.read_listed(row, connection.settings, now) for row in rows]
    return DocumentPage(
        documents=tuple(each for each in found if each is not None),
        cursor=listing.following(page, len(rows)),
    )


@hookimpl
def check_edited(connection: Connection, delivery: Delivery, request: str) -> Prepared | Rejected:
    """See :func:`hub.hookspecs.check_edited`."""
    return check_request(delivery, request)


@hookimpl
def sandbox() -> SandboxSpec:
    """See :func:`hub.hookspecs.sandbox`. Imported late: only the demo and tests need its server."""
    from connectors.cin7_omni.sandbox import spec  # noqa: PLC0415

    return spec()

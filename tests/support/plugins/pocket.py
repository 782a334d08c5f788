"""A connector to an ERP that fits into a dictionary, for tests that need thousands of steps.

It takes two documents under one name, so nothing but the hub's own care prevents a second one.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import BaseModel

from hub.errors import InDoubtError, RetriableError
from hub.hookspecs import ConnectorSchema, hookimpl
from hub.outcomes import (
    ConnectReport,
    Document,
    Outcome,
    Prepared,
    Receipt,
    ReceiptLine,
    ReceiptVerdict,
    Rejected,
    Sighting,
    SightingKind,
    ValidationPage,
    Verdict,
)
from hub.settings import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.hookspecs import Connection, Delivery, OpenDocument

LATE = timedelta(seconds=200)
"""When what was sent with the answer ``late`` shows; before the last of the looks."""


@dataclass(kw_only=True)
class Note:
    """A document; ``mark`` is the delivery's id, None on one that no hub made."""

    number: str
    reference: str
    mark: str | None
    units: int
    shows_at: datetime
    is_void: bool = False
    is_received: bool = False


@dataclass(kw_only=True)
class Pocket:
    """One account.

    Attributes:
        answer: how the next write is answered: ``ok``, ``lost`` (applied), ``dropped`` (not applied),
            ``late`` (applied when nobody expects it any more), ``refused``, ``busy`` or ``nonsense``.
    """

    answer: str = "ok"
    notes: list[Note] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, reference: str, mark: str | None, units: int, shows_at: datetime) -> Note:
        note = Note(
            number=str(next(self.numbers)), reference=reference, mark=mark, units=units, shows_at=shows_at
        )
        self.notes.append(note)
        return note

    def live(self, mark: str) -> list[Note]:
        """A delivery's documents that count, those that do not show yet too."""
        return [note for note in self.notes if note.mark == mark and not note.is_void]


POCKETS: dict[str, Pocket] = {}
"""By account."""


class Credentials(BaseModel):
    account: str


def pocket(connection: Connection) -> Pocket:
    return POCKETS[connection.credentials.account]


@hookimpl
def config_schema() -> ConnectorSchema:
    return ConnectorSchema(
        name="pocket",
        title="Pocket",
        credentials=Credentials,
        settings=ConnectionSettings,
        mapping=ConnectionSettings,
        contract_version=1,
        account_fields=("account",),
        max_batch=10,
    )


@hookimpl
async def connect(connection: Connection) -> ConnectReport:
    return ConnectReport(permissions=())


@hookimpl
async def prepare(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Prepared]:
    return [_prepared(each, f"RMA {each.rma.rma_id}", len(each.items)) for each in deliveries]


def _prepared(delivery: Delivery, reference: str, units: int) -> Prepared:
    request = json.dumps({"reference": reference, "units": units})
    return Prepared(delivery_id=delivery.delivery_id, reference=reference, request=request)


@hookimpl
def check_edited(connection: Connection, delivery: Delivery, request: str) -> Prepared | Rejected:
    record = json.loads(request)
    return _prepared(delivery, record["reference"], record["units"])


@hookimpl
async def on_rma_approved(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    erp, answer = pocket(connection), pocket(connection).answer
    erp.answer = "ok"
    if answer == "busy":
        raise RetriableError("send: busy")
    if answer == "dropped":
        raise InDoubtError("send: the answer was lost")
    if answer == "nonsense":
        raise ZeroDivisionError
    if answer == "refused":
        return [
            Outcome(delivery_id=each.delivery_id, verdict=Verdict.REJECTED, reason="it does not like it")
            for each in deliveries
        ]
    outcomes = []
    for each in deliveries:
        assert each.prepared is not None
        record = json.loads(each.prepared.request)
        shows_at = connection.now() + (LATE if answer == "late" else timedelta(0))
        note = erp.add(record["reference"], each.delivery_id, record["units"], shows_at)
        document = Document(document_id=note.number, reference=note.reference)
        outcomes.append(Outcome(delivery_id=each.delivery_id, verdict=Verdict.CREATED, document=document))
    if answer in {"lost", "late"}:
        raise InDoubtError("send: the answer was lost")
    return outcomes


@hookimpl
async def find_documents(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Sighting]:
    shown = [note for note in pocket(connection).notes if note.shows_at <= connection.now()]
    return [_judge(each, shown) for each in deliveries]


def _judge(delivery: Delivery, shown: Sequence[Note]) -> Sighting:
    names = {*delivery.references, *([delivery.prepared.reference] if delivery.prepared else [])}
    ours = [n for n in shown if n.mark == delivery.delivery_id or n.number == delivery.document_id]
    foreign = [note for note in shown if note.mark is None and note.reference in names]
    if len(ours) > 1:
        kind = SightingKind.SEVERAL
    elif ours:
        kind = SightingKind.VOID if ours[0].is_void else SightingKind.OURS
    else:
        kind = SightingKind.FOREIGN if foreign else SightingKind.ABSENT
    found = ours or foreign
    return Sighting(
        delivery_id=delivery.delivery_id,
        kind=kind,
        documents=tuple(Document(document_id=n.number, reference=n.reference) for n in found),
        reason="" if kind in {SightingKind.OURS, SightingKind.ABSENT} else f"the look found {kind}",
    )


@hookimpl
async def poll_validations(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
) -> ValidationPage:
    now = connection.now()
    shown = [note for note in pocket(connection).notes if note.shows_at <= now]
    return ValidationPage(receipts=tuple(_receipt(note, now) for note in shown), cursor="the end", more=False)


def _receipt(note: Note, now: datetime) -> Receipt:
    verdict = ReceiptVerdict.PROCESS if note.is_received else ReceiptVerdict.IGNORE
    received = Decimal(note.units if note.is_received else 0)
    line = ReceiptLine(sku="SKU-001", expected=Decimal(note.units), received=received)
    return Receipt(
        document_id=note.number,
        reference=note.reference,
        verdict=ReceiptVerdict.FLAG if note.is_void else verdict,
        reason="it was voided" if note.is_void else "",
        is_complete=note.is_received,
        received_at=now if note.is_received else None,
        lines=(line,),
        seen_at=now,
    )

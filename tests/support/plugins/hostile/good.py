"""A tiny connector that conforms, in parts that the hostile ones beside it replace one at a time."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

from pydantic import BaseModel, SecretStr

from hub.errors import AuthError, ConnectorError, InDoubtError, RetriableError
from hub.hookspecs import ConnectorSchema, QuotaWindow, hookimpl
from hub.outcomes import (
    ConnectReport,
    Document,
    DocumentPage,
    ListedDocument,
    Outcome,
    Permission,
    PermissionState,
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
from hub.rma import Money
from hub.sandbox import SandboxSpec
from hub.settings import ConnectionSettings
from tests.support.plugins.hostile.erp import PAGE, TinyErp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.hookspecs import Connection, Delivery, HttpReply, OpenDocument

Memo = dict[str, Any]
LOOK_BACK = timedelta(days=1)


class Credentials(BaseModel):
    key: SecretStr


class Settings(ConnectionSettings):
    base_url: str


class NoMapping(BaseModel):
    pass


class Good:
    """Every hook of the contract, for :class:`~.erp.TinyErp`."""

    credentials: type[BaseModel] = Credentials
    quota = QuotaWindow(calls=5, per=timedelta(seconds=6))

    @hookimpl
    def config_schema(self) -> ConnectorSchema:
        return ConnectorSchema(
            name="tiny",
            title="Tiny",
            credentials=self.credentials,
            settings=Settings,
            mapping=NoMapping,
            contract_version=1,
            account_fields=("base_url",),
            quota=(self.quota,),
            max_batch=5,
        )

    @hookimpl
    async def connect(self, connection: Connection) -> ConnectReport:
        await self.call(connection, "GET", "me", {})
        return ConnectReport(permissions=self.permissions())

    def permissions(self) -> tuple[Permission, ...]:
        return (
            Permission(resource="memos", action="read", state=PermissionState.GRANTED),
            Permission(
                resource="memos",
                action="create",
                state=PermissionState.UNPROVABLE,
                advice="see that it is on",
            ),
        )

    @hookimpl
    async def prepare(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Prepared | Rejected]:
        return [self.prepare_one(delivery) for delivery in deliveries]

    def prepare_one(self, delivery: Delivery) -> Prepared | Rejected:
        units = Counter(item.sku for item in delivery.items)
        if None in units:
            return Rejected(delivery_id=delivery.delivery_id, reason="a unit has no SKU", fix="give it one")
        total = sum((item.paid.shop.amount for item in delivery.items), Decimal(0))
        name = f"RMA {delivery.rma.rma_id}"
        record = {"name": name, "note": mark(delivery), "lines": units, "total": str(total)}
        return Prepared(
            delivery_id=delivery.delivery_id,
            reference=name,
            request=json.dumps(record),
            total=Money(amount=total, currency="USD"),
            units={sku or "": Decimal(count) for sku, count in units.items()},
        )

    @hookimpl
    async def on_rma_approved(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Outcome]:
        requests = [self.request_of(delivery) for delivery in deliveries]
        results = await self.call(connection, "POST", "memos", {}, f"[{','.join(requests)}]")
        return [self.outcome(delivery, results, place) for place, delivery in enumerate(deliveries)]

    def request_of(self, delivery: Delivery) -> str:
        assert delivery.prepared is not None
        return delivery.prepared.request

    def outcome(self, delivery: Delivery, results: Sequence[Memo], place: int) -> Outcome:
        assert delivery.prepared is not None
        named = [each for each in results if each["name"] == delivery.prepared.reference]
        if len(named) != 1:
            return outcome(delivery, Verdict.IN_DOUBT, "the result is missing")
        if "error" in named[0]:
            return outcome(delivery, Verdict.REJECTED, named[0]["error"])
        return created(delivery, named[0])

    @hookimpl
    async def find_documents(
        self, connection: Connection, deliveries: Sequence[Delivery]
    ) -> Sequence[Sighting]:
        wanted = {text for delivery in deliveries for text in (*names(delivery), mark(delivery))}
        found = await self.call(connection, "GET", "memos", {"any_of": json.dumps(sorted(wanted))})
        return [self.judge(delivery, found) for delivery in deliveries]

    def judge(self, delivery: Delivery, memos: Sequence[Memo]) -> Sighting:
        ours = [each for each in memos if is_ours(delivery, each)]
        others = [each for each in memos if each["name"] in names(delivery) and each not in ours]
        if len(ours) > 1:
            return sighting(delivery, SightingKind.SEVERAL, ours)
        if ours:
            kind = SightingKind.VOID if ours[0]["state"] == "void" else SightingKind.OURS
            return sighting(delivery, kind, ours)
        return sighting(delivery, SightingKind.FOREIGN if others else SightingKind.ABSENT, others)

    @hookimpl
    async def poll_validations(
        self, connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
    ) -> ValidationPage:
        after = self.start(connection, open_documents) if cursor is None else cursor
        memos = await self.call(connection, "GET", "memos", {"after": after})
        return ValidationPage(
            receipts=tuple(self.receipt(memo, connection.now()) for memo in memos),
            cursor=self.following(memos, after),
            more=len(memos) == PAGE,
        )

    def start(self, connection: Connection, open_documents: Sequence[OpenDocument]) -> str:
        oldest = min([connection.now(), *(each.created_at for each in open_documents)])
        return (oldest - LOOK_BACK).isoformat()

    def following(self, memos: Sequence[Memo], after: str) -> str:
        return after_last(memos, after)

    def receipt(self, memo: Memo, now: datetime) -> Receipt:
        lines = tuple(self.line(memo, sku) for sku in memo["asked"])
        return Receipt(
            document_id=memo["id"],
            reference=memo["name"],
            verdict=self.verdict(memo, lines),
            reason="so says the warehouse",
            is_complete=self.is_complete(memo),
            received_at=None,
            lines=lines,
            seen_at=now,
        )

    def line(self, memo: Memo, sku: str) -> ReceiptLine:
        got = memo["got"][sku]
        return ReceiptLine(
            sku=sku, expected=Decimal(memo["asked"][sku]), received=None if got is None else Decimal(got)
        )

    def verdict(self, memo: Memo, lines: Sequence[ReceiptLine]) -> ReceiptVerdict:
        if memo["state"] == "void" or any(line.received is None for line in lines):
            return ReceiptVerdict.FLAG
        return ReceiptVerdict.PROCESS if any(line.received for line in lines) else ReceiptVerdict.IGNORE

    def is_complete(self, memo: Memo) -> bool:
        return bool(memo["state"] == "done")

    @hookimpl
    async def list_documents(
        self, connection: Connection, since: datetime, cursor: str | None
    ) -> DocumentPage:
        after = cursor or since.isoformat()
        memos = await self.call(connection, "GET", "memos", {"after": after})
        return DocumentPage(
            documents=tuple(listed(memo) for memo in memos),
            cursor=after_last(memos, after) if self.goes_on(memos) else None,
        )

    def goes_on(self, memos: Sequence[Memo]) -> bool:
        return len(memos) == PAGE

    @hookimpl
    def check_edited(self, connection: Connection, delivery: Delivery, request: str) -> Prepared | Rejected:
        try:
            record = json.loads(request)
            name = record["name"]
        except (ValueError, KeyError, TypeError):
            return Rejected(delivery_id=delivery.delivery_id, reason="it is no memo", fix="write one")
        record["note"] = self.note_of_edited(delivery)
        return Prepared(delivery_id=delivery.delivery_id, reference=name, request=json.dumps(record))

    def note_of_edited(self, delivery: Delivery) -> str:
        return mark(delivery)

    @hookimpl
    def sandbox(self) -> SandboxSpec:
        return SandboxSpec(make=TinyErp)

    # --- the wire -------------------------------------------------------------------------------------

    async def call(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: str | None = None,
    ) -> Any:
        reply = await self.request(connection, method, path, query, body, is_write=body is not None)
        if reply.status != 200:
            self.refuse(reply, is_write=body is not None)
        try:
            return self.parse(reply)
        except ValueError as error:
            raise _lost(is_write=body is not None) from error

    async def request(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: str | None,
        *,
        is_write: bool,
    ) -> HttpReply:
        return await connection.http.request(
            method,
            f"{connection.settings.base_url}/{path}",
            query=urlencode(query),
            headers={"X-Key": key_of(connection)},
            body=None if body is None else body.encode(),
            is_write=is_write,
        )

    def parse(self, reply: HttpReply) -> Any:
        return json.loads(reply.body)

    def refuse(self, reply: HttpReply, *, is_write: bool) -> NoReturn:
        if reply.status in {401, 403}:
            raise self.auth_error(reply)
        if reply.status == 429:
            raise RetriableError("slow down", retry_after=self.wait(reply))
        if reply.status == 503:
            raise self.unavailable()
        raise self.broken_page(is_write=is_write)

    def auth_error(self, reply: HttpReply) -> ConnectorError:
        return AuthError("refused", kind="unauthorized" if reply.status == 401 else "forbidden")

    def wait(self, reply: HttpReply) -> timedelta | None:
        return timedelta(seconds=int(reply.headers["retry-after"]))

    def unavailable(self) -> ConnectorError:
        return RetriableError("later")

    def broken_page(self, *, is_write: bool) -> ConnectorError:
        return _lost(is_write=is_write)


def _lost(*, is_write: bool) -> ConnectorError:
    return InDoubtError("unreadable") if is_write else RetriableError("unreadable")


def after_last(memos: Sequence[Memo], after: str) -> str:
    return f"{memos[-1]['changed_at']}|{memos[-1]['id']}" if memos else after


def key_of(connection: Connection) -> str:
    key = connection.credentials.key
    return str(key.get_secret_value() if isinstance(key, SecretStr) else key)


def mark(delivery: Delivery) -> str:
    return f"hub:{delivery.delivery_id}"


def names(delivery: Delivery) -> set[str]:
    known = {*delivery.references, delivery.document_id or ""}
    return {*known, delivery.prepared.reference if delivery.prepared else ""} - {""}


def is_ours(delivery: Delivery, memo: Memo) -> bool:
    return bool(memo["note"] == mark(delivery) or memo["id"] == delivery.document_id)


def outcome(delivery: Delivery, verdict: Verdict, reason: str) -> Outcome:
    return Outcome(delivery_id=delivery.delivery_id, verdict=verdict, reason=reason)


def created(delivery: Delivery, result: Memo) -> Outcome:
    document = Document(document_id=result["id"], reference=result["name"])
    return Outcome(delivery_id=delivery.delivery_id, verdict=Verdict.CREATED, document=document)


def sighting(delivery: Delivery, kind: SightingKind, memos: Sequence[Memo]) -> Sighting:
    found = tuple(Document(document_id=each["id"], reference=each["name"]) for each in memos)
    return Sighting(delivery_id=delivery.delivery_id, kind=kind, documents=found, reason=f"it is {kind}")


def listed(memo: Memo) -> ListedDocument:
    is_marked = memo["note"].startswith("hub:")
    return ListedDocument(
        document_id=memo["id"],
        reference=memo["name"],
        delivery_id=memo["note"].removeprefix("hub:") if is_marked else None,
        rma_id=memo["name"].removeprefix("RMA ") if is_marked else None,
        is_void=memo["state"] == "void",
    )

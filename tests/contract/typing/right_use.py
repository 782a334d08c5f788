"""The public types as an author of a connector uses them; mypy, not pytest, reads this.

``make check`` reads it beside the hub's sources, and tests/integration/kit beside the hub's wheel.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, assert_type

from pydantic import BaseModel, SecretStr

from hub import hookspecs
from hub.errors import AuthError, HubError, InDoubtError, RetriableError
from hub.hookspecs import (
    Connection,
    ConnectorSchema,
    Delivery,
    HttpReply,
    OpenDocument,
    QuotaWindow,
    hookimpl,
)
from hub.mapping.values import Worked, read_value, work_out
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
from hub.rma import Item, Money
from hub.sandbox import Fault, SandboxSpec
from hub.settings import ConnectionSettings, RemoteUrl

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class Credentials(BaseModel):
    api_key: SecretStr


class Settings(ConnectionSettings):
    base_url: RemoteUrl = "https://erp.example"


@hookimpl
def config_schema() -> ConnectorSchema:
    return ConnectorSchema(
        name="typed",
        title="Typed",
        credentials=Credentials,
        settings=Settings,
        mapping=BaseModel,
        contract_version=1,
        account_fields=("base_url",),
        quota=(QuotaWindow(calls=1, per=timedelta(seconds=1)),),
    )


@hookimpl
async def connect(connection: Connection) -> ConnectReport:
    session = await connection.http.request("POST", "https://erp.example/login", is_reply_secret=True)
    connection.http.hide(session.body.decode())
    reply = await connection.http.request("GET", "https://erp.example", query="a=1")
    assert_type(reply, HttpReply)
    assert_type(connection.now(), datetime)
    if reply.status == 401:
        raise AuthError("get account: refused", kind="unauthorized")
    if reply.status == 429:
        raise RetriableError("get account: busy", retry_after=timedelta(seconds=1))
    return ConnectReport(permissions=())


@hookimpl
async def prepare(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Prepared | Rejected]:
    return [_prepare(delivery) for delivery in deliveries]


def _prepare(delivery: Delivery) -> Prepared | Rejected:
    assert_type(delivery.items, tuple[Item, ...])
    assert_type(delivery.items[0].paid.shop, Money)
    assert_type(work_out(read_value("rma_id"), delivery), Worked)
    if delivery.items[0].sku is None:
        return Rejected(delivery_id=delivery.delivery_id, reason="no SKU")
    return Prepared(delivery_id=delivery.delivery_id, reference="A", request="{}")


@hookimpl
async def on_rma_approved(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    if not deliveries:
        raise InDoubtError("create: nothing was sent", timed_out=False)
    document = Document(document_id="1", reference="A")
    return [Outcome(delivery_id=deliveries[0].delivery_id, verdict=Verdict.CREATED, document=document)]


@hookimpl
async def find_documents(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Sighting]:
    return [Sighting(delivery_id=each.delivery_id, kind=SightingKind.ABSENT) for each in deliveries]


@hookimpl
async def poll_validations(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
) -> ValidationPage:
    receipt = Receipt(
        document_id="1",
        reference="A",
        verdict=ReceiptVerdict.PROCESS,
        reason="goods came",
        is_complete=True,
        received_at=None,
        lines=(ReceiptLine(sku="SKU-001", expected=Decimal(1), received=None),),
        seen_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    return ValidationPage(receipts=(receipt,), cursor=cursor or "", more=False)


# Each hook has the type of its specification.
specified: Callable[[Connection], Awaitable[ConnectReport]] = hookspecs.connect
implemented: Callable[[Connection], Awaitable[ConnectReport]] = connect
listed: Callable[[Connection, Sequence[Delivery]], Awaitable[Sequence[Outcome]]] = on_rma_approved


def told(error: HubError) -> tuple[str, str, str, int]:
    return error.what, error.why, error.fix, error.exit_code


def ordered(spec: SandboxSpec, now: Callable[[], datetime]) -> None:
    sandbox = spec.make(7, now)
    sandbox.inject(Fault(name="hang", times=None))
    sandbox.receive("1", {"SKU-001": Decimal(1)}, is_complete=False)

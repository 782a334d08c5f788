"""What an author may get wrong, and mypy must say. Each line expects its error, or it is one itself.

Strict mypy warns of a ``type: ignore`` that ignores nothing, so that a type which lets a slip pass fails.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from hub.errors import AuthError, RetriableError
from hub.hookspecs import Connection, ConnectorSchema, Delivery, QuotaWindow, hookimpl
from hub.outcomes import ConnectReport, Document, Outcome, Prepared, ReceiptLine, Verdict
from hub.rma import Money

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

# A field is missing, misspelt, or given by its place.
Prepared(delivery_id="d", reference="A")  # type: ignore[call-arg]
Outcome(delivery_id="d", verdict=Verdict.CREATED, documents=())  # type: ignore[call-arg]
Document("1", "A")  # type: ignore[call-arg]
ConnectorSchema(name="acme", title="Acme")  # type: ignore[call-arg]

# A value is of another kind.
Outcome(delivery_id="d", verdict="created")  # type: ignore[arg-type]
Money(amount=10.0, currency="EUR")  # type: ignore[arg-type]
ReceiptLine(sku="A", expected=Decimal(1), received=1.0)  # type: ignore[arg-type]
QuotaWindow(calls=1, per=60)  # type: ignore[arg-type]
RetriableError("busy", retry_after=30)  # type: ignore[arg-type]
AuthError("refused", kind="expired")  # type: ignore[arg-type]


# A hook is not async, lacks an argument, or forgets to wait.
@hookimpl
def connect(connection: Connection) -> ConnectReport:
    return ConnectReport(permissions=())


@hookimpl
async def on_rma_approved(deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    return []


connects: Callable[[Connection], Awaitable[ConnectReport]] = connect  # type: ignore[assignment]
sends: Callable[[Connection, Sequence[Delivery]], Awaitable[Sequence[Outcome]]] = on_rma_approved  # type: ignore[assignment]


async def forgets_to_wait(connection: Connection) -> int:
    return int(connection.http.request("GET", "https://erp.example").status)  # type: ignore[attr-defined]


# What is given to a connector is not its own to change, and may be absent.
def changes(delivery: Delivery, now: datetime) -> str:
    delivery.approved_at = now  # type: ignore[misc]
    return delivery.prepared.request  # type: ignore[union-attr]

"""A connector that conforms and does nothing; the broken ones beside it each differ in one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from hub.hookspecs import ConnectorSchema, hookimpl
from hub.outcomes import ConnectReport, Prepared, ValidationPage
from hub.settings import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.hookspecs import Connection, Delivery, OpenDocument
    from hub.outcomes import Outcome, Sighting


class Nothing(BaseModel):
    account: str = ""


SCHEMA = ConnectorSchema(
    name="good",
    title="Good",
    credentials=Nothing,
    settings=ConnectionSettings,
    mapping=Nothing,
    contract_version=1,
    account_fields=("account",),
)


@hookimpl
def config_schema() -> ConnectorSchema:
    return SCHEMA


@hookimpl
async def connect(connection: Connection) -> ConnectReport:
    raise RuntimeError(f"{connection} is a mystery")


@hookimpl
async def prepare(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Prepared]:
    # One answer too few.
    return [
        Prepared(delivery_id=each.delivery_id, reference=str(connection), request="{}")
        for each in deliveries[1:]
    ]


@hookimpl
async def on_rma_approved(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    raise NotImplementedError(connection, deliveries)


@hookimpl
async def find_documents(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Sighting]:
    raise NotImplementedError(connection, deliveries)


@hookimpl
async def poll_validations(
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
) -> ValidationPage:
    raise NotImplementedError(connection, cursor, open_documents)

"""The calls the hub makes to ReturnGO, one at a time. Waiting and retrying are not its business.

What an answer says is gone through for the platform's secrets as it comes in, and once more as an error.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hub.platform.returngo import wire
from hub.platform.returngo.failures import raise_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.hookspecs import Connection, HttpReply
    from hub.inbound.event import IncomingEvent
    from hub.redaction import Redactor

_NOT_FOUND = 404


class Client:
    """ReturnGO for one connection."""

    def __init__(self, connection: Connection, redactor: Redactor) -> None:
        self._http = connection.http
        self._redactor = redactor
        self._base = connection.settings.base_url
        self._headers = {
            "x-api-key": connection.credentials.api_key.get_secret_value(),
            "x-shop-name": connection.settings.shop_name,
            "Accept": "application/json",
        }

    async def list_page(
        self, *, since: datetime | None = None, cursor: str | None = None, rows: int | None = None
    ) -> wire.ListPage:
        """One page of the RMAs that changed since a time, oldest change first."""
        query = wire.list_query(since=since, cursor=cursor, rows=rows)
        with self._redactor.guard():
            reply = await self._http.request("GET", f"{self._base}/rmas", query=query, headers=self._headers)
            raise_for_status(reply, "list RMAs", is_write=False)
            return wire.read_list(reply.body)

    async def get(self, rma_id: str) -> IncomingEvent | None:
        """One RMA as it is now; None when ReturnGO has none of that number.

        Raises:
            EventError: what came cannot be taken in.
        """
        url = self._base + wire.rma_path(rma_id)
        with self._redactor.guard():
            reply = await self._http.request("GET", url, headers=self._headers)
            if reply.status == _NOT_FOUND:
                return None
            raise_for_status(reply, f"get RMA {rma_id}", is_write=False)
            return wire.read_rma(reply.body, rma_id)

    async def comment(self, rma_id: str, body: Mapping[str, str]) -> None:
        """Writes a comment into an RMA's timeline."""
        await self._write("POST", f"{wire.rma_path(rma_id)}/comment", body, f"comment RMA {rma_id}")

    async def set_shipment(self, shipment_id: str, body: Mapping[str, Any]) -> None:
        """Changes a shipment's status; its other members are sent as they are."""
        await self._write("PUT", wire.shipment_path(shipment_id), body, f"set shipment {shipment_id}")

    async def _write(self, method: str, path: str, body: Mapping[str, Any], operation: str) -> None:
        with self._redactor.guard():
            reply: HttpReply = await self._http.request(
                method,
                self._base + path,
                headers={**self._headers, "Content-Type": "application/json"},
                body=json.dumps(body, ensure_ascii=False).encode(),
                is_write=True,
            )
            raise_for_status(reply, operation, is_write=True)

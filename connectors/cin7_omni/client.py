"""The calls the connector makes, over the hub's HTTP session. Waiting and retrying are the hub's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.cin7_omni import wire
from hub.errors import RetriableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.cin7_omni.wire import RecordResult
    from hub.hookspecs import Connection

_MOST_PAGES = 40


class Client:
    """Cin7 Omni for one connection."""

    def __init__(self, connection: Connection) -> None:
        self._http = connection.http
        self._base = f"{connection.settings.base_url}/v1"
        self._headers = {
            "Authorization": wire.authorization(
                connection.credentials.username, connection.credentials.api_key.get_secret_value()
            ),
            "Accept": "application/json",
        }

    async def list_page(
        self, resource: str, *, where: str = "", order: str = "", page: int = 1, rows: int = wire.MAX_BATCH
    ) -> list[dict[str, Any]]:
        """One page of a list."""
        query = wire.list_query(where=where, order=order, page=page, rows=rows)
        reply = await self._http.request(
            "GET", f"{self._base}/{resource}", query=query, headers=self._headers
        )
        return wire.read_list(reply, f"list {resource}")

    async def list_all(self, resource: str, where: str) -> list[dict[str, Any]]:
        """All pages of a list: there is no total, a short page is the last.

        Raises:
            RetriableError: the list does not end; half of it must not pass for the whole.
        """
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            rows = await self.list_page(resource, where=where, page=page)
            found += rows
            if len(rows) < wire.MAX_BATCH:
                return found
        raise RetriableError(
            f"list {resource}: Cin7 Omni gave more than {_MOST_PAGES} pages",
            why="so many records under so few names cannot be told apart",
            fix="look at these records in Cin7 Omni",
        )

    async def get(self, resource: str, row_id: int) -> dict[str, Any] | None:
        """One record by id; None when there is none."""
        url = f"{self._base}/{resource}/{row_id}"
        reply = await self._http.request("GET", url, headers=self._headers)
        return wire.read_one(reply, f"get {resource}/{row_id}")

    async def create_notes(self, requests: Sequence[str], references: Sequence[str]) -> list[RecordResult]:
        """Creates credit notes from their frozen texts, in one call; one result for each, in order."""
        reply = await self._http.request(
            "POST",
            f"{self._base}/CreditNotes",
            headers={**self._headers, "Content-Type": "application/json"},
            body=wire.batch_body(requests),
            is_write=True,
        )
        return wire.read_results(reply, references, "create CreditNotes")

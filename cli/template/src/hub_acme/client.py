"""The calls to Acme, over the hub's session. Waiting and retrying are the hub's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import RetriableError

from hub_acme import wire
from hub_acme.models import Account, Memo, MemoList, ResultList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.hookspecs import Connection

    from hub_acme.models import Result

MOST_PAGES = 40


class Client:
    """Acme for one connection."""

    def __init__(self, connection: Connection) -> None:
        self._http = connection.http
        self._base = connection.settings.base_url
        self._headers = {"Authorization": f"Bearer {connection.credentials.api_key.get_secret_value()}"}

    async def account(self) -> Account:
        """What the API key may do."""
        reply = await self._http.request("GET", f"{self._base}/account", headers=self._headers)
        return wire.read(reply, "get account", Account)

    async def memos(self, filters: Sequence[tuple[str, str]]) -> list[Memo]:
        """One page of memos: by ``modified_at`` and ``id``, or by ``id`` alone with ``created_from``."""
        reply = await self._http.request(
            "GET", f"{self._base}/memos", query=wire.query(filters), headers=self._headers
        )
        return wire.read(reply, "list memos", MemoList).memos

    async def all_memos(self, filters: Sequence[tuple[str, str]]) -> list[Memo]:
        """Every page. One that is edited meanwhile comes again, at the end; none is skipped.

        Raises:
            RetriableError: the list does not end; half of it must not pass for the whole.
        """
        found: dict[int, Memo] = {}
        behind: list[tuple[str, str]] = []
        for _ in range(MOST_PAGES):
            page = await self.memos([*filters, *behind])
            found.update((memo.id, memo) for memo in page)
            if len(page) < wire.PAGE:
                return list(found.values())
            behind = [("modified_from", page[-1].modified_at.isoformat()), ("after_id", str(page[-1].id))]
        raise RetriableError(
            f"list memos: it did not end after {MOST_PAGES} pages",
            why="so many under so few names cannot be told apart",
        )

    async def create(self, requests: Sequence[str]) -> list[Result]:
        """Creates memos from their frozen texts, in one call."""
        reply = await self._http.request(
            "POST",
            f"{self._base}/memos",
            headers={**self._headers, "Content-Type": "application/json"},
            body=wire.batch(requests),
            is_write=True,
        )
        return wire.read(reply, "create memos", ResultList, is_write=True).results

"""The calls of one hook call, over the hub's HTTP session. Each hook call signs in anew.

A connector keeps no state, so a session lives as long as the hook call: one more call for each. That an idle
session ends after a time nobody has told us is no matter then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from connectors.peoplevox_stub import wire
from hub.errors import RetriableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.peoplevox_stub.wire import Answer
    from hub.hookspecs import Connection

Rows = list[dict[str, str]]
_MOST_PAGES = 20


class Client:
    """Peoplevox, signed in."""

    def __init__(self, connection: Connection, session_id: str) -> None:
        self._connection = connection
        self._session_id = session_id

    async def header(self, template: str) -> list[str]:
        """The columns that a save template takes."""
        answer = await self._call("GetSaveTemplate", {"TemplateName": template})
        return [name.strip() for name in answer.detail.strip().split(",")]

    async def save(self, template: str, rows: str) -> None:
        """Writes rows. ``Action`` 0, add or change, is our guess."""
        arguments = {"TemplateName": template, "CsvData": rows, "Action": "0"}
        await self._call("SaveData", arguments, is_write=True)

    async def page(
        self, report: str, clause: str, *, order: str, page: int = 1, rows: int = wire.MOST_ROWS
    ) -> tuple[Rows, int | None]:
        """One page of a report, and how many rows the whole has."""
        arguments = {"TemplateName": report, "PageNo": str(page), "ItemsPerPage": str(rows)}
        arguments |= {"SearchClause": clause, "Columns": "", "OrderBy": f"[{order}]"}
        answer = await self._call("GetReportData", arguments)
        return wire.read_rows(answer.detail, f"GetReportData {report}"), answer.total

    async def report(self, report: str, clause: str, *, order: str) -> Rows:
        """All pages of a report.

        Raises:
            RetriableError: it changed while it was read, or does not end; a part must not pass for all.
        """
        found: Rows = []
        for number in range(1, _MOST_PAGES + 1):
            rows, total = await self.page(report, clause, order=order, page=number)
            found += rows
            if len(rows) < wire.MOST_ROWS:
                if total not in {None, len(found)}:
                    break
                return found
        raise RetriableError(f"GetReportData {report}: peoplevox's rows do not add up to its TotalCount")

    async def _call(self, action: str, arguments: Mapping[str, str], *, is_write: bool = False) -> Answer:
        signed = {"ClientId": self._connection.credentials.client_id, "SessionId": self._session_id}
        reply = await self._connection.http.request(
            "POST",
            address(self._connection),
            headers=wire.headers(action),
            body=wire.envelope(action, arguments, signed),
            is_write=is_write,
        )
        return wire.read_answer(reply, f"{action} {arguments['TemplateName']}", is_write=is_write)


def address(connection: Connection) -> str:
    """Where the service of one account is."""
    account = quote(connection.credentials.client_id, safe="")
    return f"{connection.settings.base_url}/{account}/Resources/IntegrationServicev4.asmx"


async def sign_in(connection: Connection) -> Client:
    """Asks for a session. One call.

    Raises:
        AuthError: the credentials are refused.
        RetriableError: Peoplevox cannot be reached now.
    """
    given = connection.credentials
    body = wire.authenticate(given.client_id, given.username, given.password.get_secret_value())
    reply = await connection.http.request(
        "POST", address(connection), headers=wire.headers("Authenticate"), body=body, is_reply_secret=True
    )
    session_id = wire.read_session(reply)
    connection.http.hide(session_id)
    return Client(connection, session_id)

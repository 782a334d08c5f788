"""`hub poll`: one polling cycle now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, say, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Connection


def poll(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A connection; all when left out.")
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Ask the ERP now what the warehouse has received."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.dispatch.http import client_session
        from hub.merchant import connections, stores

        owner = await stores.get(store)
        rows = [await connections.get(owner, name)] if name else await connections.every(owner)
        async with client_session() as http:
            return [await _poll_one(hub, http, row) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["error"]:
                say(f"{row['connection']}: {row['error']}")
                continue
            learnt = f"news for {', '.join(row['rmas'])}" if row["rmas"] else "no news for any RMA"
            out(f"{row['connection']}: {learnt} (changed documents read: {row['documents']})")
        if not rows:
            say("there are no connections to poll")

    def code(rows: list[dict[str, Any]]) -> int:
        codes = [row["exit_code"] for row in rows if row["exit_code"]]
        if not codes:
            return 0
        return codes[0] if len(codes) == len(rows) else 8

    with_hub(work, show, as_json=as_json, code=code)


async def _poll_one(hub: Hub, http: Any, row: Connection) -> dict[str, Any]:
    from hub.dispatch.work import poll_now
    from hub.errors import HubError

    found: dict[str, Any] = {
        "connection": row.name,
        "documents": 0,
        "rmas": [],
        "error": None,
        "exit_code": 0,
    }
    try:
        report = await poll_now(hub, http, row.id, owner=f"poll {os.getpid()}")
    except HubError as error:
        return {**found, "error": str(error), "exit_code": error.exit_code}
    return {**found, "documents": report.documents, "rmas": list(report.rmas)}

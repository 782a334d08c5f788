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
        str | None, typer.Argument(metavar="NAME", help="A platform or a connection; all when left out.")
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Ask now: the platforms what was approved, the ERPs what the warehouse has received."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.dispatch.http import client_session
        from hub.merchant import connections, platforms, stores

        owner = await stores.get(store)
        if name is None:
            rows = [*await platforms.every(owner), *await connections.every(owner)]
        else:
            rows = [await platforms.find(owner, name) or await connections.get(owner, name)]
        async with client_session(allowed=hub.environment.egress_allow) as http:
            return [await _poll_one(hub, http, row) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["error"]:
                say(f"{row['connection']}: {row['error']}")
                continue
            learnt = f"news for {', '.join(row['rmas'])}" if row["rmas"] else "no news for any RMA"
            noun = "documents" if row["role"] == "erp" else "RMAs"
            out(f"{row['connection']}: {learnt} (changed {noun} read: {row['documents']})")
        if not rows:
            say("there are no connections to poll")

    def code(rows: list[dict[str, Any]]) -> int:
        codes = [row["exit_code"] for row in rows if row["exit_code"]]
        if not codes:
            return 0
        return codes[0] if len(codes) == len(rows) else 8

    with_hub(work, show, as_json=as_json, code=code)


async def _poll_one(hub: Hub, http: Any, row: Connection) -> dict[str, Any]:
    from hub.dispatch import work as erp
    from hub.errors import HubError
    from hub.platform.returngo import work as returngo
    from hub.store.models import Role

    found: dict[str, Any] = {
        "connection": row.name,
        "role": row.role.value,
        "documents": 0,
        "rmas": [],
        "error": None,
        "exit_code": 0,
    }
    owner = f"poll {os.getpid()}"
    try:
        if row.role is Role.PLATFORM:
            read = await returngo.poll_now(hub, http, row.id, owner=owner)
            return {**found, "documents": read.read, "rmas": sorted(read.news)}
        report = await erp.poll_now(hub, http, row.id, owner=owner)
    except HubError as error:
        return {**found, "error": str(error), "exit_code": error.exit_code}
    return {**found, "documents": report.documents, "rmas": list(report.rmas)}

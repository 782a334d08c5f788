"""`hub reconcile`: what should exist against what does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, read_time, say, with_hub

if TYPE_CHECKING:
    from hub.core import Hub


def reconcile(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connection's name.")],
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="From when on, like 2026-03-01; 30 days back when left out."),
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Compare what the hub holds with what the ERP holds, in both directions.

    Reads only. Each finding comes with what to do. Exit code 1 when there is one.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.dispatch.http import client_session
        from hub.merchant import connections, reconcile, stores
        from hub.merchant.rmas import shown_time

        begin = read_time(since) if since else None
        row = await connections.get(await stores.get(store), name)
        owner = f"reconcile {os.getpid()}"
        async with client_session(allowed=hub.environment.egress_allow) as http:
            came = await reconcile.reconcile(hub, http, row, since=begin, owner=owner)
        return {
            "connection": row.name,
            "since": shown_time(came.since),
            "list_calls": came.pages,
            "documents": came.documents,
            "deliveries": came.deliveries,
            "findings": [
                {
                    "kind": each.kind.value,
                    "rma_id": each.rma_id,
                    "delivery": each.delivery_id,
                    "documents": list(each.documents),
                    "text": each.text,
                    "fix": each.fix,
                }
                for each in came.findings
            ],
        }

    def show(result: dict[str, Any]) -> None:
        for each in result["findings"]:
            out(f"{each['kind']}: {each['text']}")
            out(f"  to mend it: {each['fix']}")
        compared = f"{result['deliveries']} deliveries and {result['documents']} documents compared"
        say(f"{compared}, from {result['since']} on: findings {len(result['findings'])}")

    with_hub(work, show, as_json=as_json, code=lambda result: 1 if result["findings"] else 0)

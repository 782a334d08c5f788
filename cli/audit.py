"""`hub audit`: who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, Limit, out, say, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.people import AuditEntry


def audit(
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only from then on, UTC."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what was done to this: its name or id.")
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", metavar="NAME", help="Only what belongs to this store.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show who changed what, from where, before and after; newest first."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from datetime import UTC

        from hub.access import audit as entries
        from hub.merchant import stores

        rows = await entries.every(
            store=(await stores.get(store)).id if store else None,
            since=since.replace(tzinfo=UTC) if since else None,
            target=target,
            limit=limit,
        )
        return [_shown(row) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            where = f" from {row['address']}" if row["address"] else ""
            out(f"{row['at']}  {row['actor']} ({row['source']}{where})  {row['action']}  {row['target']}")
            for name in ("before", "after"):
                if row[name]:
                    told = ", ".join(f"{key}={value}" for key, value in row[name].items())
                    out(f"    {name}: {told}")
        if not rows:
            say("nobody changed anything here")

    with_hub(work, show, as_json=as_json)


def _shown(row: AuditEntry) -> dict[str, Any]:
    import json

    from hub.merchant.rmas import shown_time

    return {
        "at": shown_time(row.at),
        "actor": row.actor,
        "source": row.source.value,
        "address": row.address or None,
        "action": row.action,
        "target": row.target,
        "store": row.store.name if row.store else None,
        "before": json.loads(row.before) if row.before else None,
        "after": json.loads(row.after) if row.after else None,
    }

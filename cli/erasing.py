"""`hub rmas erase`: a customer's personal data goes, and what prevents a second credit stays."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, say, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Rma


def erase(
    rma_ids: Annotated[
        list[str] | None, typer.Argument(metavar="RMA_ID", help="The platform's RMA numbers.")
    ] = None,
    order: Annotated[
        str | None, typer.Option(metavar="NAME", help="All RMAs of this order, like #1001.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="All RMAs whose documents hold this address.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Erase the personal data of a customer's RMAs, for good; it says how many first and asks.

    Names, addresses and texts go from documents, requests, stories and the request log. Numbers, references,
    amounts and states stay: the same RMA arriving again is known, and nothing is credited twice. What is
    still to be sent is refused. Backups keep what they hold: delete those that are older, or erase again
    after a restore.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import erasing, stores

        owner = await stores.get(store)
        rows = await erasing.find(owner, rma_ids or (), order=order, email=email)
        if not yes:
            _confirm(rows)
        done = await erasing.erase(hub, owner, rows)
        return {
            "rma_ids": list(done.rma_ids),
            "calls": done.calls,
            "is_log_emptied": done.is_log_emptied,
        }

    def show(result: dict[str, Any]) -> None:
        out(f"Erased: {', '.join(result['rma_ids'])}, and the bodies of {result['calls']} calls.")
        if not result["is_log_emptied"]:
            say("note: SQLite's log was in use and may hold old pages; run this again for a quiet moment")

    with_hub(work, show, as_json=as_json)


def _confirm(rows: list[Rma]) -> None:
    from hub.errors import UsageError

    say(f"{len(rows)} RMAs: {', '.join(row.rma_id for row in rows)}")
    if not sys.stdin.isatty():
        raise UsageError(
            f"erase the personal data of {len(rows)} RMAs",
            why="there is no terminal to ask on",
            fix="add --yes if you mean all",
        )
    typer.confirm(f"Erase the personal data of these {len(rows)} RMAs for good?", abort=True, err=True)

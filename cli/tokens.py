"""`hub tokens`: how programs get in."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, say, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.people import ApiToken

app = typer.Typer(help="API tokens: how programs get in.", no_args_is_help=True)


class ScopeName(StrEnum):
    """`hub.access.principal.Scope`, without importing it for `--help`."""

    READ = "read"
    WRITE = "write"
    METRICS = "metrics"


Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")]


@app.command(epilog="Example: hub tokens add warehouse --scope read --scope write")
def add(
    name: Name,
    scope: Annotated[list[ScopeName], typer.Option("--scope", help="What it may do; repeat for more.")],
    store: StoreName = "default",
    all_stores: Annotated[bool, typer.Option("--all-stores", help="It sees every store.")] = False,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=3650, help="It ends after so many days.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token, and print it, this once."""

    async def work(hub: Hub) -> dict[str, Any]:
        from datetime import timedelta

        from hub.access import api_tokens
        from hub.access.principal import Scope
        from hub.merchant import stores

        owner = None if all_stores else await stores.get(store)
        ends = hub.clock.now() + timedelta(days=days) if days else None
        scopes = [Scope(each.value) for each in scope]
        row, token = await api_tokens.add(hub.clock, name, scopes, store=owner, expires_at=ends)
        row.store = owner
        return {**_listed(row), "token": token}

    def show(row: dict[str, Any]) -> None:
        out(row["token"])
        say("Keep it now: it is not shown again. Send it as `Authorization: Bearer TOKEN`.")

    with_hub(work, show, as_json=as_json)


@app.command("list", epilog="Example: hub tokens list --json")
def list_(as_json: Json = False) -> None:
    """List the tokens, what each may do, and when it was last used."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.access import api_tokens

        return [_listed(row) for row in await api_tokens.every()]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["name"],
                " ".join(row["scopes"]),
                row["store"] or "all",
                row["last_used_at"],
                row["expires_at"],
            ]
            for row in rows
        ]
        head = ["NAME", "SCOPES", "STORE", "LAST USED", "ENDS"]
        table(lines, head, empty="no tokens yet: make one with `hub tokens add NAME --scope read`")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub tokens revoke warehouse")
def revoke(name: Name, as_json: Json = False) -> None:
    """End a token, at once."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.access import api_tokens

        return _listed(await api_tokens.revoke(hub.clock, name))

    with_hub(work, lambda row: out(f"Token {row['name']!r} opens nothing any more."), as_json=as_json)


def _listed(row: ApiToken) -> dict[str, Any]:
    from hub.merchant.rmas import shown_time

    return {
        "name": row.name,
        "scopes": row.scopes.split(),
        "store": row.store.name if row.store else None,
        "created_at": shown_time(row.created_at),
        "last_used_at": shown_time(row.last_used_at),
        "expires_at": shown_time(row.expires_at),
    }

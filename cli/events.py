"""`hub events`: who may send events over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, say, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import EventSecret

app = typer.Typer(help="Events over HTTP: POST /v1/events of `hub serve`.", no_args_is_help=True)
secrets = typer.Typer(help="Secrets that sign events. Each tells a store.", no_args_is_help=True)
app.add_typer(secrets, name="secrets")


@secrets.command(epilog="Example: hub events secrets add platform --store outlet")
def add(
    name: Annotated[
        str | None, typer.Argument(help="What to call it; secret-1, secret-2… when left out.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(metavar="@FILE|-|env:VAR", help="A secret that the sender made, whsec_…"),
    ] = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Add a secret, and print a new one, this once.

    Whoever holds it can send events for the store. Several count at the same time: to change one, add the
    new one, give it to the sender, then remove the old one.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.secrets import read_secret
        from hub.merchant import event_secrets, stores

        given = None if secret is None else read_secret(secret)
        row, text = await event_secrets.add(hub, await stores.get(store), name=name, text=given)
        # What the sender made is known to whoever gave it, and need not be shown again.
        return {**_shown(row), "secret": text if given is None else None}

    def show(row: dict[str, Any]) -> None:
        if row["secret"]:
            out(row["secret"])
        say(f"Events signed with {row['name']!r} are taken for store {row['store']}.")
        if row["secret"]:
            say("Give the secret to the sender now: it is not shown again.")

    with_hub(work, show, as_json=as_json)


@secrets.command("list", epilog="Example: hub events secrets list --json")
def list_(store: StoreName = "default", as_json: Json = False) -> None:
    """List the secrets that count, without what they are."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.merchant import event_secrets, stores

        return [_shown(row) for row in await event_secrets.every(await stores.get(store))]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [[row["name"], row["created_at"], row["last_used_at"]] for row in rows]
        table(lines, ["NAME", "CREATED", "LAST USED"], empty="no secrets yet: run `hub events secrets add`")

    with_hub(work, show, as_json=as_json)


@secrets.command(epilog="Example: hub events secrets remove platform --store outlet")
def remove(name: str, store: StoreName = "default", as_json: Json = False) -> None:
    """Remove a secret: the next event that it signs is refused. What it brought stays."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import event_secrets, stores

        its_store = await stores.get(store)
        await event_secrets.remove(hub, its_store, name)
        return {"name": name, "store": its_store.name}

    def show(row: dict[str, Any]) -> None:
        out(f"Secret {row['name']!r} is removed: events that it signs are refused from now on.")

    with_hub(work, show, as_json=as_json)


def _shown(row: EventSecret) -> dict[str, Any]:
    from hub.merchant.rmas import shown_time

    return {
        "name": row.name,
        "store": row.store.name,
        "created_at": shown_time(row.created_at),
        "last_used_at": shown_time(row.last_used_at),
    }

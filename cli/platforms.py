"""`hub platforms`: where returns come from and where their updates go."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.connections import Secret, Set
from cli.running import Json, StoreName, facts, out, pairs_of, spelled, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.store.models import Connection

app = typer.Typer(help="Platforms: where returns come from and where their updates go.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The platform's name.")]


@app.command(
    epilog="Example: hub platforms add returngo --name shop --set shop_name=shop.example.com "
    "--secret api_key=@key.txt"
)
def add(
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="returngo.")],
    name: Annotated[str, typer.Option("--name", help="What you call it.")],
    values: Set = None,
    secrets: Secret = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Keep it without trying it.")] = False,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Connect a shop on a returns platform, and check it. One that fails the check is not kept.

    From now on its approvals are found by polling. Returns approved before now are not credited, unless
    `--set credit_from=2026-03-01` says otherwise.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.secrets import gather
        from hub.merchant import platforms, stores
        from hub.platform.returngo.config import SCHEMA

        platforms.checked_platform(platform)
        given = {**pairs_of(values or [], "--set"), **gather(SCHEMA, values or [], secrets or [])}
        row = await platforms.add(hub, await stores.get(store), name, given, should_check=not no_check)
        return _shown(hub, row)

    def show(row: dict[str, Any]) -> None:
        out(f"Platform {row['name']!r} ({row['title']}) is kept.")
        out(f"Returns approved before {row['settings']['credit_from']} are not credited.")
        _print_hint(row)

    with_hub(work, show, as_json=as_json)


@app.command("list", epilog="Example: hub platforms list --json")
def list_(store: StoreName = "default", as_json: Json = False) -> None:
    """List the platforms and how they are: what is to be read from them, and what they are to be told."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.merchant import platforms, shown, stores

        rows = await platforms.every(await stores.get(store))
        return [shown.platform_listed(await platforms.health(hub, row)) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["name"],
                row["platform"],
                row["health"],
                row["to_read"],
                row["to_tell"],
                row["polled_at"],
                row["last_error"],
            ]
            for row in rows
        ]
        head = ["NAME", "PLATFORM", "HEALTH", "TO READ", "TO TELL", "LAST POLL", "LAST ERROR"]
        table(lines, head, empty="no platforms yet: add one with `hub platforms add returngo --name NAME`")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub platforms show shop")
def show(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Show a platform; secrets stay hidden."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import platforms, shown, stores

        row = await platforms.get(await stores.get(store), name)
        return {**shown.platform_listed(await platforms.health(hub, row)), **_shown(hub, row)}

    def print_it(row: dict[str, Any]) -> None:
        plain = (
            "health",
            "to_read",
            "refused",
            "to_tell",
            "not_told",
            "polled_at",
            "next_poll_at",
            "last_error",
        )
        facts(
            [
                ("name", row["name"]),
                ("platform", f"{row['platform']} ({row['title']})"),
                *[(each.replace("_", " "), row[each] or None) for each in plain],
                ("paused because", row["pause_reason"] or None),
                *row["credentials"].items(),
                *[(key, spelled(value)) for key, value in row["settings"].items()],
            ]
        )
        for rma_id, reason in row["refused"].items():
            out(f"not taken in: {rma_id}: {reason}")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub platforms check shop")
def check(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Try a platform with one call, and show the address for its webhooks. Writes nothing there."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import platforms, stores

        row = await platforms.get(await stores.get(store), name)
        await platforms.check(hub, row)
        return _shown(hub, row)

    def print_it(row: dict[str, Any]) -> None:
        out(f"{row['title']} accepts the API key for {row['settings']['shop_name']}.")
        _print_hint(row)

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub platforms edit shop --set comment=off")
def edit(
    name: Name,
    values: Set = None,
    secrets: Secret = None,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Change settings or credentials; what is not given stays."""

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.secrets import read_secrets
        from hub.errors import UsageError
        from hub.merchant import platforms, stores
        from hub.platform.returngo.config import SCHEMA

        row = await platforms.get(await stores.get(store), name)
        given = {**pairs_of(values or [], "--set"), **read_secrets(SCHEMA, values or [], secrets or [])}
        if not given:
            raise UsageError(
                f"change platform {name!r}: nothing was given", fix="add --set KEY=VALUE or --secret KEY=-"
            )
        await platforms.edit(hub, row, given)
        return _shown(hub, row)

    def print_it(row: dict[str, Any]) -> None:
        name = shlex.quote(row["name"])
        out(f"Platform {row['name']!r} is changed. Try it with `hub platforms check {name}`.")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub platforms pause shop")
def pause(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Stop reading from it and telling it; what comes meanwhile waits."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import connections, platforms, stores

        row = await platforms.get(await stores.get(store), name)
        await connections.pause(row, "a person paused it")
        return {"name": row.name, "is_paused": True}

    with_hub(work, lambda row: out(f"Platform {row['name']!r} is paused."), as_json=as_json)


@app.command(epilog="Example: hub platforms resume shop")
def resume(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Go on with what has piled up."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import connections, platforms, stores

        row = await platforms.get(await stores.get(store), name)
        await connections.resume(row)
        return {"name": row.name, "is_paused": False}

    with_hub(work, lambda row: out(f"Platform {row['name']!r} goes on."), as_json=as_json)


@app.command(epilog="Example: hub platforms remove old")
def remove(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Remove a platform and destroy its credentials. Its returns stay on record."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import platforms, stores

        row = await platforms.get(await stores.get(store), name)
        return {"name": row.name, "not_told": await platforms.remove(hub, row)}

    def print_it(row: dict[str, Any]) -> None:
        out(f"Platform {row['name']!r} is removed. Updates it is not told of any more: {row['not_told']}.")

    with_hub(work, print_it, as_json=as_json)


def _shown(hub: Hub, row: Connection) -> dict[str, Any]:
    from hub.merchant import platforms, shown

    return {**shown.platform(hub, row), "webhook_path": platforms.hint_path(hub, row)}


def _print_hint(row: dict[str, Any]) -> None:
    out("For faster news, give this address to its webhooks, behind your hub's own public address:")
    out(f"  {row['webhook_path']}")

"""`hub connections`: credentials and settings for an ERP."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, facts, out, pairs_of, say, spelled, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub

app = typer.Typer(help="Connections: one set of credentials and settings for an ERP.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting or a credential.")
]
Secret = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="KEY=@FILE|-|env:VAR",
        help="A secret, from a file, standard input or a variable; asked for on a terminal when not given.",
    ),
]


@app.command(
    epilog="Example: hub connections add cin7_omni --name main --set username=shop --secret api_key=@key.txt"
)
def add(
    connector: Annotated[str, typer.Argument(metavar="CONNECTOR", help="See `hub connectors list`.")],
    name: Annotated[str, typer.Option("--name", help="What you call it.")],
    values: Set = None,
    secrets: Secret = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Keep it without trying it.")] = False,
    allow_same_account: Annotated[
        bool, typer.Option("--allow-same-account", help="Allow a second connection to one account.")
    ] = False,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Add a connection and check it against the ERP. One that fails the check is not kept."""

    async def work(hub: Hub) -> dict[str, Any]:
        from cli.secrets import gather
        from hub.merchant import connections, shown, stores

        schema = hub.registry.get(connector).schema
        given = {**pairs_of(values or [], "--set"), **gather(schema, values or [], secrets or [])}
        added = await connections.add(
            hub,
            await stores.get(store),
            connector,
            name,
            given,
            should_check=not no_check,
            is_second_allowed=allow_same_account,
        )
        return {
            **shown.connection(hub, added.row),
            "notes": list(added.notes),
            "check": shown.report(added.report),
        }

    def show(row: dict[str, Any]) -> None:
        for note in row["notes"]:
            say(f"note: {note}")
        out(f"Connection {row['name']!r} to {row['title']} is kept.")
        _print_report(row["check"], row["location_noun"])
        name = shlex.quote(row["name"])
        out(f"Next: point a return method at it, `hub methods set METHOD --connection {name}`.")

    with_hub(work, show, as_json=as_json)


@app.command("list", epilog="Example: hub connections list --json")
def list_(store: StoreName = "default", as_json: Json = False) -> None:
    """List the connections and how they are: what waits, since when, and how long ago they were polled."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        from hub.merchant import connections, health, shown, stores

        rows = await connections.every(await stores.get(store))
        return [shown.connection_listed(row, await health.health(hub, row)) for row in rows]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [
                row["name"],
                row["connector"],
                row["health"],
                _age(row["oldest_unsent_age_s"]),
                _age(row["last_poll_age_s"]),
                row["last_success_at"],
                row["last_error"],
            ]
            for row in rows
        ]
        table(
            lines,
            ["NAME", "CONNECTOR", "HEALTH", "OLDEST UNSENT", "LAST POLL", "LAST SUCCESS", "LAST ERROR"],
            empty="no connections yet: add one with `hub connections add CONNECTOR --name NAME`",
        )
        for row in rows:
            if row["disabled_reason"]:
                out(f"{row['name']} waits: {row['disabled_reason']}")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub connections show main")
def show(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Show a connection; secrets stay hidden."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import connections, shown, stores

        return shown.connection(hub, await connections.get(await stores.get(store), name))

    def print_it(row: dict[str, Any]) -> None:
        facts(
            [
                ("name", row["name"]),
                ("connector", f"{row['connector']} ({row['title']})"),
                ("health", row["health"]),
                ("paused because", row["pause_reason"] or None),
                ("last success", row["last_success_at"]),
                ("last error", row["last_error"]),
                ("last poll", row["polled_at"]),
                ("next poll", row["next_poll_at"]),
                ("worked on by", row["claimed_by"]),
                *[(key, value) for key, value in row["credentials"].items()],
                *[(key, spelled(value)) for key, value in row["settings"].items()],
            ]
        )

        if row["is_paused"]:
            out(f"Once its cause is mended: hub connections resume {row['name']}")

    with_hub(work, print_it, as_json=as_json)


@app.command(epilog="Example: hub connections check main")
def check(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Try a connection against its ERP. Writes nothing.

    Shows the permissions its credentials have, and the ids of the places where stock comes back.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import connections, shown, stores

        row = await connections.get(await stores.get(store), name)
        noun = hub.registry.get(row.connector).schema.location_noun
        return {**(shown.report(await connections.check(hub, row)) or {}), "location_noun": noun}

    def show(report: dict[str, Any]) -> None:
        _print_report(report, report["location_noun"])

    with_hub(work, show, as_json=as_json, code=lambda report: 4 if report["missing"] else 0)


@app.command(epilog="Example: hub connections edit main --secret api_key=-")
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
        from hub.merchant import connections, shown, stores

        row = await connections.get(await stores.get(store), name)
        schema = hub.registry.get(row.connector).schema
        given = {**pairs_of(values or [], "--set"), **read_secrets(schema, values or [], secrets or [])}
        if not given:
            raise UsageError(
                f"change connection {name!r}: nothing was given", fix="add --set KEY=VALUE or --secret KEY=-"
            )
        await connections.edit(hub, row, given)
        return shown.connection(hub, row)

    def show(row: dict[str, Any]) -> None:
        name = shlex.quote(row["name"])
        out(f"Connection {row['name']!r} is changed. Try it with `hub connections check {name}`.")
        if row["is_paused"]:
            out(f"It is paused ({row['pause_reason']}): `hub connections resume {name}`.")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub connections pause main")
def pause(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Stop sending and polling; returns that come meanwhile wait."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import connections, stores

        row = await connections.get(await stores.get(store), name)
        await connections.pause(row, "a person paused it")
        return {"name": row.name, "is_paused": True}

    with_hub(work, lambda row: out(f"Connection {row['name']!r} is paused."), as_json=as_json)


@app.command(epilog="Example: hub connections resume main")
def resume(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Go on with what has piled up."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.merchant import connections, stores

        row = await connections.get(await stores.get(store), name)
        return {"name": row.name, "is_paused": False, "waiting": await connections.resume(row)}

    def show(row: dict[str, Any]) -> None:
        out(f"Connection {row['name']!r} goes on; deliveries that wait for it: {row['waiting']}.")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub connections remove old")
def remove(name: Name, store: StoreName = "default", as_json: Json = False) -> None:
    """Remove a connection and destroy its credentials.

    What it delivered stays on record; return methods that point at it become Do not update.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.merchant import connections, stores

        row = await connections.get(await stores.get(store), name)
        return {"name": row.name, "methods": await connections.remove(hub, row)}

    def show(row: dict[str, Any]) -> None:
        out(f"Connection {row['name']!r} is removed. Return methods set to Do not update: {row['methods']}.")

    with_hub(work, show, as_json=as_json)


def _age(seconds: int | None) -> str | None:
    from datetime import timedelta

    from hub.merchant.health import spelled

    return None if seconds is None else f"{spelled(timedelta(seconds=seconds))} ago"


_STATES = {
    "granted": "granted",
    "missing": "MISSING",
    "unprovable": "cannot be tried without writing: see that they are ticked",
}


def _print_report(report: dict[str, Any] | None, location_noun: str) -> None:
    if report is None:
        out("It was not checked.")
        return
    for state, words in _STATES.items():
        by_action: dict[str, list[str]] = {}
        for each in report["permissions"]:
            if each["state"] == state:
                by_action.setdefault(each["action"], []).append(each["resource"])
        for action, resources in by_action.items():
            out(f"  {action} {', '.join(resources)}: {words}")
    for advice in dict.fromkeys(p["advice"] for p in report["permissions"] if p["state"] == "missing"):
        out(f"  to mend it: {advice}")
    if report["locations"]:
        listed = ", ".join(f"{each['id']} {each['name']}" for each in report["locations"])
        out(f"{location_noun} ids: {listed}")
    for warning in report["warnings"]:
        say(f"warning: {warning}")

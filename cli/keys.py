"""`hub keys`: the key that seals every stored secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cli.running import Json, out, say, table, with_hub

if TYPE_CHECKING:
    from hub.core import Hub

app = typer.Typer(help="Keys: what seals every stored secret.", no_args_is_help=True)


@app.command(epilog="Example: hub keys rotate")
def rotate(as_json: Json = False) -> None:
    """Make a new key and seal every stored secret with it, also while `hub serve` runs.

    The old key stays in the key file below the new one, since older backups need it. When it is broken off,
    run it again: it goes on where it was.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from dataclasses import asdict

        from hub.access import keys

        return asdict(await keys.rotate(hub.environment))

    def show(row: dict[str, Any]) -> None:
        made = "A new key" if row["is_new_key"] else "An earlier change is finished: the key"
        out(f"{made} {row['key_id']} seals everything now. Secrets sealed anew: {row['resealed']}.")
        if row["is_new_key"]:
            out("Keep a copy of the key file: without it the stored secrets cannot be read.")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub keys verify --json")
def verify(as_json: Json = False) -> None:
    """Open every stored secret, and say which key seals how many."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.access import keys

        found = await keys.verify(hub.sealer)
        known = hub.sealer.key_ids
        return {
            "is_whole": not found.problems,
            "keys": [
                {"key_id": name, "seals": name == found.current, "is_known": name in known, "secrets": number}
                for name, number in found.sealed.items()
            ],
            "problems": list(found.problems),
        }

    def show(row: dict[str, Any]) -> None:
        states = {True: "seals", False: "only opens"}
        lines = [
            [each["key_id"], states[each["seals"]] if each["is_known"] else "MISSING", each["secrets"]]
            for each in row["keys"]
        ]
        table(lines, ["KEY", "STATE", "SECRETS"], empty="no keys")
        for problem in row["problems"]:
            say(f"problem: {problem}")
        if row["is_whole"]:
            out("Every stored secret opens.")

    with_hub(work, show, as_json=as_json, code=lambda row: 0 if row["is_whole"] else 3)

"""`hub users`: who may sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, StoreName, out, say, table, with_hub

if TYPE_CHECKING:
    from hub.access.users import NewLink
    from hub.core import Hub
    from hub.store.people import User

app = typer.Typer(help="Users: who may sign in to the pages.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@app.command(epilog="Example: hub users add ada --store outlet")
def add(
    name: Name,
    admin: Annotated[
        bool, typer.Option("--admin", help="They see every store, and change users and the hub itself.")
    ] = False,
    store: StoreName = "default",
    as_json: Json = False,
) -> None:
    """Add somebody, and print the link with which they choose a password.

    A merchant sees the one store of --store, and nothing of others.
    """

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.access import users
        from hub.merchant import stores

        owner = None if admin else await stores.get(store)
        link = await users.add(hub.clock, name, store=owner)
        return {**_listed(await users.get(link.user.name)), "link": shown_link(link)}

    with_hub(work, lambda row: print_link(row["name"], row["link"]), as_json=as_json)


@app.command("list", epilog="Example: hub users list --json")
def list_(as_json: Json = False) -> None:
    """List the users."""

    async def work(_: Hub) -> list[dict[str, Any]]:
        from hub.access import users

        return [_listed(user) for user in await users.every()]

    def show(rows: list[dict[str, Any]]) -> None:
        lines = [
            [row["name"], "all" if row["is_admin"] else row["store"], row["state"], row["last_sign_in_at"]]
            for row in rows
        ]
        table(lines, ["NAME", "STORES", "STATE", "LAST SIGN-IN"], empty="no users yet: run `hub init`")

    with_hub(work, show, as_json=as_json)


@app.command(epilog="Example: hub users link ada")
def link(name: Name, as_json: Json = False) -> None:
    """Print a new link for somebody who lost their password; earlier links end, the password stays."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.access import users

        made = await users.link(hub.clock, await users.get(name))
        return {"name": made.user.name, "link": shown_link(made)}

    with_hub(work, lambda row: print_link(row["name"], row["link"]), as_json=as_json)


@app.command(epilog="Example: hub users disable ada")
def disable(name: Name, as_json: Json = False) -> None:
    """Keep somebody out, at once and everywhere, until `hub users enable`."""

    async def work(hub: Hub) -> dict[str, Any]:
        from hub.access import users

        await users.disable(hub.clock, await users.get(name))
        return _listed(await users.get(name))

    with_hub(work, lambda row: out(f"{row['name']} is signed out and kept out."), as_json=as_json)


@app.command(epilog="Example: hub users enable ada")
def enable(name: Name, as_json: Json = False) -> None:
    """Let somebody in again, with the password they had."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.access import users

        await users.enable(await users.get(name))
        return _listed(await users.get(name))

    with_hub(work, lambda row: out(f"{row['name']} may sign in again."), as_json=as_json)


@app.command(epilog="Example: hub users remove ada")
def remove(name: Name, as_json: Json = False) -> None:
    """Forget somebody. What they did stays in the audit log."""

    async def work(_: Hub) -> dict[str, Any]:
        from hub.access import users

        user = await users.get(name)
        await users.remove(user)
        return {"name": user.name}

    with_hub(work, lambda row: out(f"{row['name']} is forgotten."), as_json=as_json)


def shown_link(link: NewLink) -> dict[str, Any]:
    """A link as ``--json`` gives it."""
    from hub.merchant.rmas import shown_time

    return {"path": link.path, "expires_at": shown_time(link.expires_at)}


def print_link(name: str, link: dict[str, Any]) -> None:
    """Prints a link where `hub serve` listens unless told otherwise."""
    out(f"http://127.0.0.1:8080{link['path']}")
    say(f"With this link {name} chooses a password, once, until {link['expires_at']}.")
    say("If `hub serve` has another address, put that before /welcome.")


def _listed(user: User) -> dict[str, Any]:
    from hub.merchant.rmas import shown_time

    state = "disabled" if user.disabled_at else "ready" if user.password_hash else "invited"
    return {
        "name": user.name,
        "is_admin": user.is_admin,
        "store": user.store.name if user.store else None,
        "state": state,
        "created_at": shown_time(user.created_at),
        "last_sign_in_at": shown_time(user.last_sign_in_at),
    }

"""`hub init`, `hub serve`, `hub demo`: starting the hub."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, facts, finish, out, say, with_hub
from cli.users import print_link, shown_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.access.users import NewLink
    from hub.core import Hub


def add_to(app: typer.Typer) -> None:
    """Hangs the commands on the main one."""
    app.command("init", epilog="Example: HUB_HOME=./data hub init")(init)
    app.command("serve", epilog="Example: hub serve --port 9000")(serve)
    app.command("demo", epilog="Example: hub demo --keep")(demo)


def init(as_json: Json = False) -> None:
    """Make the data folder, the secret key and the database. Safe to repeat.

    Until somebody is an administrator, it prints a link with which the first one chooses a password; each
    time a new one, and the one before ends.
    """

    def work() -> dict[str, Any]:
        from hub.access import keys
        from hub.access.users import first_administrator
        from hub.core import open_hub
        from hub.environment import Environment
        from hub.errors import ConfigError
        from hub.merchant.stores import ensure_default
        from hub.store.modes import close_to_others

        environment = Environment.load()
        is_new_key = environment.write_key()

        async def migrated() -> NewLink | None:
            async with open_hub(environment, should_migrate=True) as hub:
                if is_new_key and (await keys.verify(hub.sealer)).problems:
                    environment.key_file.unlink()
                    raise ConfigError(
                        "make a secret key: this database holds secrets that another key sealed",
                        why=f"there was none in {environment.key_file}",
                        fix="copy secret.key from the hub's other machine or from its backup to that place; "
                        "if it is lost, put a key of your own there (`openssl rand -base64 32`) and enter "
                        "the secrets again",
                    )
                await ensure_default(hub.clock)
                return await first_administrator(hub.clock)

        link = asyncio.run(migrated())
        access = close_to_others(environment)
        return {
            "home": str(environment.home),
            "database": str(environment.database_file) if environment.is_sqlite else "postgres",
            "key_file": str(environment.key_file),
            "is_new_key": is_new_key,
            "closed_to_others": [str(path) for path in access.closed],
            "open_to_others": [str(path) for path in access.left_open],
            "sign_in_link": shown_link(link) if link else None,
        }

    def show(result: dict[str, Any]) -> None:
        facts([("data folder", result["home"]), ("database", result["database"])])
        if result["is_new_key"]:
            out(f"A new secret key is in {result['key_file']}. Keep a copy: without it the stored")
            out("credentials cannot be read.")
        _say_who_reads(result["closed_to_others"], result["open_to_others"])
        if result["sign_in_link"]:
            print_link("the first administrator", result["sign_in_link"])
        out("Ready. Next: `hub serve`, and in another terminal `hub connections add --help`.")

    finish(work, show, as_json=as_json)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.")] = 8080,
    as_json: Json = False,
) -> None:
    """Run the hub: it sends, polls and answers.

    Prints one line when it is ready. Stops with Ctrl-C or SIGTERM, and finishes what is under way first.
    """

    async def work(hub: Hub) -> None:
        from hub.merchant.stores import ensure_default
        from hub.store.modes import close_to_others
        from hub.web.server import serve as run_server

        _say_who_reads([str(path) for path in close_to_others(hub.environment).closed], [])
        await ensure_default(hub.clock)
        await run_server(hub, host, port, lambda url: _ready(hub, url, as_json=as_json))

    with_hub(work, lambda _: None, as_json=False, should_migrate=True)


def _say_who_reads(closed: Sequence[str], left_open: Sequence[str]) -> None:
    for path in closed:
        say(f"Every user of this machine could read {path}. Now its owner alone can.")
    for path in left_open:
        say(f"Every user of this machine can read {path}. If that is not meant: chmod o= {shlex.quote(path)}")


def _ready(hub: Hub, url: str, *, as_json: bool) -> None:
    from cli.running import print_json

    where = hub.environment.database_file if hub.environment.is_sqlite else "postgres"
    if not hub.environment.is_sqlite:
        say("on PostgreSQL `hub worker` sends and polls: start one beside this, or several")
    if as_json:
        print_json({"url": url, "database": str(where)})
    else:
        out(f"hub is ready on {url}, database {where}")


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the data folder for a look around.")] = False,
) -> None:
    """Show the main job against sandboxes, as a transcript. Needs nothing running.

    Every line is printed by a real command against a real `hub serve` and a sandbox of Cin7 Omni, over HTTP.
    """
    from cli.demo import play

    finish(lambda: play(keep=keep), lambda _: None, as_json=False)

"""`hub backup` and `hub restore`: a copy of the database, and the way back to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.running import Json, finish, out, say, with_hub

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.environment import Environment


def add_to(app: typer.Typer) -> None:
    """Hangs the commands on the main one."""
    app.command("backup", epilog="Example: hub backup hub-2026-03-01.db")(backup)
    app.command("restore", epilog="Example: hub restore hub-2026-03-01.db")(restore)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist.")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Write the secret key to FILE.key as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy the database to one file, also while `hub serve` runs.

    The copy is checked before it gets its name. The secret key is not in it; whoever has both can read the
    stored credentials, so keep them apart. On PostgreSQL it says what to run instead.
    """

    def work() -> dict[str, Any]:
        from hub.environment import Environment
        from hub.store.backup import back_up, copy_key

        environment = Environment.load()
        key = file.with_name(f"{file.name}.key")
        # The key first: a backup that is there was asked for in full.
        if with_key and environment.is_sqlite:
            copy_key(environment, key)
        try:
            made = back_up(environment, file)
        except BaseException:
            if with_key and environment.is_sqlite:
                key.unlink(missing_ok=True)
            raise
        return {
            "file": str(made.file),
            "size_bytes": made.size_bytes,
            "rmas": made.rmas,
            "key_file": str(key) if with_key else None,
        }

    def show(result: dict[str, Any]) -> None:
        out(f"{result['file']}: {result['rmas']} RMAs, {result['size_bytes']} bytes, checked and whole.")
        if result["key_file"]:
            out(f"The secret key is in {result['key_file']}. Keep it apart from the backup.")
        else:
            out("The secret key is not in it: keep a copy of that as well, somewhere else.")

    finish(work, show, as_json=as_json)


def restore(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A file that `hub backup` wrote.")
    ] = None,
    was_restored: Annotated[
        bool,
        typer.Option(
            "--was-restored", help="The database was put back by other means: begin a new epoch only."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the database. Stop `hub serve` first.

    The replaced database is kept beside it. A new epoch begins: what was sent since the backup is looked for
    in the ERP before anything is sent again. After a restore with PostgreSQL's tools, or of a whole disk,
    run it with --was-restored and without a file.
    """
    if (file is None) == (not was_restored):
        from cli.running import fail
        from hub.errors import UsageError

        error = UsageError(
            "restore the hub: give either a file or --was-restored",
            fix="run `hub restore FILE`; or `hub restore --was-restored` when the database is back already",
        )
        fail(error, as_json=as_json)
    if file is None:
        with_hub(_declared, _show, as_json=as_json)
        return
    finish(lambda: asyncio.run(_restored(file)), _show, as_json=as_json, code=_code)


async def _declared(hub: Hub) -> dict[str, Any]:
    from hub.access import audit
    from hub.store import epochs
    from hub.store.database import in_transaction

    async with in_transaction():
        reason = "a person said that the database was restored"
        epoch = await epochs.begin(hub.clock, reason)
        await audit.record("database.restored", epoch.key, store=None, after={"reason": reason})
    return {"file": None, "replaced": None, "epoch": epoch.key, "reason": reason, "problems": []}


async def _restored(file: Path) -> dict[str, Any]:
    from filelock import Timeout

    from hub.clock import Clock
    from hub.engine.embedded import engine_lock
    from hub.environment import Environment
    from hub.errors import ConflictError
    from hub.store.backup import put_back
    from hub.store.modes import make_folder

    environment = Environment.load()
    environment.read_keys()
    if not environment.is_sqlite:
        put_back(environment, file, Clock().now())  # which says what to do instead
    make_folder(environment.database_file.parent)
    try:
        with engine_lock(environment):
            aside = put_back(environment, file, Clock().now())
            return await _opened(environment, file, aside)
    except Timeout:
        raise ConflictError(
            "restore the hub: its engine is running",
            why=f"a process works on {environment.database_file}",
            fix="stop `hub serve`, then run this again",
        ) from None


async def _opened(environment: Environment, file: Path, aside: Path | None) -> dict[str, Any]:
    """Brings what was put back up to date and begins its epoch."""
    from hub.access import audit
    from hub.access.keys import verify
    from hub.core import open_hub
    from hub.store import epochs
    from hub.store.database import in_transaction

    reason = f"the database was restored from {file.name}"
    async with open_hub(environment, should_migrate=True) as hub:
        async with in_transaction():
            epoch = await epochs.begin(hub.clock, reason)
            await audit.record("database.restored", epoch.key, store=None, after={"file": file.name})
        await epochs.move_mark(environment.database_file, await epochs.last_attempt())
        problems = list((await verify(hub.sealer)).problems)
    return {
        "file": str(file),
        "replaced": str(aside) if aside else None,
        "epoch": epoch.key,
        "reason": reason,
        "problems": problems,
    }


def _code(result: dict[str, Any]) -> int:
    return 8 if result["problems"] else 0


def _show(result: dict[str, Any]) -> None:
    if result["file"]:
        out(f"{result['file']} is the hub's database now.")
    if result["replaced"]:
        out(f"The one before is {result['replaced']}: delete it once all is well.")
    out("A new epoch has begun: before anything is sent, the hub looks for it in the ERP.")
    for problem in result["problems"]:
        say(f"problem: {problem}")
    if result["problems"]:
        say("put the key that the backup was made with into the key file, below the present one")
    out("Next: start `hub serve`, run `hub doctor`, then `hub reconcile NAME` for each connection.")
    out("Events that programs sent since the backup must be sent again; a platform's returns are read again.")
    out("Whoever was erased since must be erased again: the database has forgotten that too.")

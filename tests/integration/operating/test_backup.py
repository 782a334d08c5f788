"""`hub backup` while the hub runs, and `hub restore`: the way back, without a second note."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hub.environment import Environment
from hub.store.database import open_database
from hub.store.epochs import current
from hub.store.mark import mark_of
from tests.integration.crash.scene import open_scene
from tests.support import documents
from tests.support.migrated import put_database, run_beside
from tests.support.processes import Finished, Home

if TYPE_CHECKING:
    from pathlib import Path

RETURNS = {each: documents.rma(each, order_name=f"#{each}") for each in ("901", "902", "903")}
SERVE = ("serve", "--port", "0")


def home_of(folder: Path) -> Home:
    """A hub's data folder with a key and an empty database."""
    environment = Environment(home=folder)
    environment.write_key()
    put_database(environment)
    home = Home(folder)
    home.ok("init")
    return home


def restored(home: Home, file: Path, code: int = 0) -> dict[str, Any]:
    done = home.run("restore", str(file), "--json")
    assert done.code == code, done.err
    found: dict[str, Any] = done.json
    return found


def all_of(file: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()


async def test_a_backup_of_a_running_hub_brings_every_return_back_and_makes_no_second_note(
    tmp_path: Path,
) -> None:
    folder, backup = tmp_path / "home", tmp_path / "hub-backup.db"
    async with open_scene(folder, has_unique_references=False) as scene:
        home = Home(folder, HUB_EGRESS_ALLOW="127.0.0.0/8")
        await scene.accept(RETURNS["901"])
        serving = scene.commands.start(*SERVE)
        await scene.until(scene.is_sent)
        assert (await beside(home, "backup", str(backup))).code == 0
        await scene.accept(RETURNS["902"])
        await scene.until(lambda: len(scene.sandbox.documents()) == 2)
        await scene.until(scene.is_sent)

        refused = await beside(home, "restore", str(backup))
        assert refused.code == 6
        assert "its engine is running" in refused.err
        await serving.kill()
        done = await beside(home, "restore", str(backup), "--json")
        assert done.code == 0, done.err
        assert scene.rows("SELECT rma_id FROM rma") == [("901",)]
        assert all_of(folder / done.json["replaced"], "SELECT rma_id FROM rma") == [("901",), ("902",)]

        await scene.accept(RETURNS["902"], RETURNS["903"])
        serving = scene.commands.start(*SERVE)
        await scene.until(scene.is_sent)
        await serving.kill()
        scene.check_one_each(*RETURNS)
        assert scene.rows("SELECT reason FROM epoch") == [("the database was restored from hub-backup.db",)]


async def beside(home: Home, *arguments: str) -> Finished:
    """Runs a command in a thread of its own: this one's event loop runs already."""
    return await asyncio.to_thread(home.run, *arguments)


def test_a_backup_is_one_file_for_its_owner_and_without_the_key(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    home.ok("rmas", "submit", str(documents.write(tmp_path, RETURNS["901"])))
    (tmp_path / "kept").mkdir()
    file = tmp_path / "kept" / "hub.db"
    made = home.ok("backup", str(file))
    assert made == {
        "file": str(file),
        "size_bytes": file.stat().st_size,
        "rmas": 1,
        "key_file": None,
    }
    assert [each.name for each in file.parent.iterdir()] == ["hub.db"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = (home.folder / "secret.key").read_bytes().strip()
    assert key not in file.read_bytes()
    assert base64.b64decode(key) not in file.read_bytes()

    again = home.run("backup", str(file))
    assert again.code == 6
    assert "is there already" in again.err
    other = tmp_path / "kept" / "other.db"
    home.ok("backup", str(other), "--with-key")
    copied = other.with_name("other.db.key")
    assert copied.read_bytes().strip() == key
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600


def test_restoring_keeps_the_replaced_database_and_its_mark_begins_no_second_epoch(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    home.ok("backup", str(tmp_path / "b.db"))
    home.ok("rmas", "submit", str(documents.write(tmp_path, RETURNS["901"])))
    result = restored(home, tmp_path / "b.db")
    assert home.count("rma") == 0
    assert all_of(tmp_path / result["replaced"], "SELECT rma_id FROM rma") == [("901",)]
    mark = json.loads(mark_of(home.folder / "hub.db").read_text())
    assert (mark["epoch"], mark["attempt"]) == (result["epoch"], 0)
    assert home.ok("audit")[0]["action"] == "database.restored"
    assert stat.S_IMODE((home.folder / "hub.db").stat().st_mode) == 0o600
    assert restored(home, tmp_path / "b.db")["replaced"] != result["replaced"]


def test_a_restore_needs_no_database_before_it(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    home.ok("rmas", "submit", str(documents.write(tmp_path, RETURNS["901"])))
    home.ok("backup", str(tmp_path / "b.db"), "--with-key")
    fresh = Home(tmp_path / "fresh")
    refused = fresh.run("restore", str(tmp_path / "b.db"))
    assert refused.code == 3
    assert "there is no secret key" in refused.err
    fresh.folder.mkdir()
    (fresh.folder / "secret.key").write_bytes((tmp_path / "b.db.key").read_bytes())
    assert restored(fresh, tmp_path / "b.db")["replaced"] is None
    assert fresh.shown("901")["rma_id"] == "901"


def test_a_restore_with_another_key_says_so(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    home.ok("events", "secrets", "add", "shop")
    home.ok("backup", str(tmp_path / "b.db"))
    other = home_of(tmp_path / "other")
    result = restored(other, tmp_path / "b.db", code=8)
    assert len(result["problems"]) == 1
    assert result["problems"][0].startswith("event_secret/")


def spoil(file: Path, what: str) -> None:
    match what:
        case "text":
            file.write_text("a letter")
        case "another":
            file.unlink()
            with closing(sqlite3.connect(file)) as other:
                other.execute("CREATE TABLE rma (id INTEGER)")
        case "torn" | "one page":
            pages = 20 if what == "torn" else 1
            content = bytearray(file.read_bytes())
            content[-4096 * pages :] = b"\x5a" * 4096 * pages
            file.write_bytes(content)
        case "newer":
            row = "('hub', '9999_x', '')"
            with closing(sqlite3.connect(file)) as other, other:
                other.execute(f"INSERT INTO tortoise_migrations (app, name, applied_at) VALUES {row}")  # noqa: S608
        case _:
            file.unlink()


def test_what_cannot_be_restored_changes_nothing(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    home.ok("rmas", "submit", str(documents.write(tmp_path, RETURNS["901"])))
    file, whole = tmp_path / "b.db", tmp_path / "whole.db"
    home.ok("backup", str(whole))

    def refused(code: int, message: str) -> None:
        done = home.run("restore", str(file))
        assert (done.code, message in done.err) == (code, True), done.err

    for what, code, message in (
        ("text", 3, "not the database of a hub"),
        ("another", 3, "not the database of a hub"),
        ("torn", 3, "damaged"),
        ("one page", 3, "damaged"),
        ("newer", 3, "newer than this hub"),
        ("missing", 5, "no such file"),
    ):
        shutil.copyfile(whole, file)
        spoil(file, what)
        refused(code, message)
    shutil.copyfile(whole, file)
    with closing(sqlite3.connect(home.folder / "hub.db")) as holder:
        holder.execute("SELECT * FROM rma").fetchall()
        refused(6, "its database is in use")
    assert home.shown("901")["rma_id"] == "901"
    left = {each.name for each in home.folder.iterdir()}
    assert left <= {"hub.db", "hub.db-wal", "hub.db-shm", "hub.db.mark", "hub.db.engine.lock", "secret.key"}


def test_a_database_that_is_damaged_can_be_replaced(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    home.ok("backup", str(tmp_path / "b.db"))
    (home.folder / "hub.db").write_bytes(b"\x5a" * 8192)
    refused = home.run("backup", str(tmp_path / "c.db"))
    assert refused.code == 3
    assert not (tmp_path / "c.db").exists()
    result = restored(home, tmp_path / "b.db")
    assert (tmp_path / result["replaced"]).read_bytes() == b"\x5a" * 8192
    assert home.ok("rmas", "list") == []


def test_on_postgresql_it_says_what_to_run_and_takes_a_persons_word(
    tmp_path: Path, migrated_postgres: str
) -> None:
    home = home_of(tmp_path / "home")
    remote = Home(home.folder, HUB_DATABASE_URL=migrated_postgres)
    for arguments, tool in ((("backup", "x.db"), "pg_dump"), (("restore", "x.db"), "pg_restore")):
        refused = remote.run(*arguments)
        assert refused.code == 3
        assert tool in refused.err
    said = remote.ok("restore", "--was-restored")

    async def reason() -> str:
        async with open_database(Environment(database_url=migrated_postgres)):
            epoch = await current()
            assert epoch is not None
            assert epoch.key == said["epoch"]
            return epoch.reason

    assert run_beside(reason()) == "a person said that the database was restored"


def test_a_restore_wants_a_file_or_a_persons_word(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    assert home.run("restore").code == 2
    assert home.run("restore", "x.db", "--was-restored").code == 2

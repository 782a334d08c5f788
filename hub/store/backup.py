"""Copying a hub's SQLite file while the hub runs, and putting such a copy back.

SQLite's own online backup is used (https://www.sqlite.org/backup.html): a copy of the file alone would lack
what is still in its write-ahead log, or hold half of a commit.
"""

from __future__ import annotations

import os
import pkgutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import ConfigError, ConflictError, NotFoundError
from hub.store import migrations
from hub.store.mark import mark_of
from hub.store.modes import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from hub.environment import Environment

LOCK_WAIT_S = 3.0
"""How long a restore waits for a command that has the database open."""
_IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PG_DUMP = 'pg_dump --format=custom --file=FILE "$HUB_DATABASE_URL"'
_PG_RESTORE = 'pg_restore --clean --if-exists --single-transaction --dbname="$HUB_DATABASE_URL" FILE'


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """A copy that was looked through and found whole.

    Attributes:
        file: where it is.
        size_bytes: its size.
        rmas: how many RMAs it holds.
    """

    file: Path
    size_bytes: int
    rmas: int


def back_up(environment: Environment, target: Path) -> Backup:
    """Copies the database as it is at one moment; whoever writes meanwhile is not held up.

    The copy is one file, readable for its owner only, on the disk when this returns. It holds no key: what
    is sealed in it stays sealed.

    Raises:
        ConfigError: the hub is on PostgreSQL, or the copy cannot be written or is damaged.
        ConflictError: the file is there already.
    """
    if not environment.is_sqlite:
        raise ConfigError(
            "back up the hub: it is on PostgreSQL, which has its own tools",
            fix=f"run `{_PG_DUMP}` while the hub runs; it takes the database as it is at one moment",
        )
    _need(environment.database_file, "back up the hub", "run `hub init`, or set HUB_HOME")
    _refuse_existing(target)
    with _errors(f"write the backup {target}"):
        rmas = _copy(environment.database_file, target, mode="rw")
        return Backup(file=target, size_bytes=target.stat().st_size, rmas=rmas)


def copy_key(environment: Environment, target: Path) -> None:
    """Copies the key file, readable for its owner only.

    Raises:
        ConfigError: the key is in ``HUB_SECRET_KEY`` and in no file, or it cannot be copied.
        ConflictError: the file is there already.
    """
    if environment.secret_key is not None:
        raise ConfigError(
            "copy the key: it is in HUB_SECRET_KEY, not in a file",
            fix="leave --with-key out, and keep the value of that variable where you keep secrets",
        )
    environment.read_keys()
    _refuse_existing(target)
    with _errors(f"copy the key to {target}"):
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(environment.key_file.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        _keep_names(target.parent)


def put_back(environment: Environment, source: Path, now: datetime) -> Path | None:
    """Puts a copy in the place of the database. The caller holds the engine's lock.

    It takes the mark away, so that a hub that is started before the caller has begun an epoch begins one.

    Args:
        environment: whose database is replaced.
        source: a copy that :func:`back_up` made, or any whole file of a hub; it is left as it is.
        now: for the name of what is replaced.

    Returns:
        Where the replaced database is kept; None when there was none.

    Raises:
        NotFoundError: there is no such file.
        ConfigError: the hub is on PostgreSQL; the file is no hub's, damaged, or newer than this code; or it
            cannot be written. Nothing was changed.
        ConflictError: a process has the database open. Nothing was changed.
    """
    if not environment.is_sqlite:
        raise ConfigError(
            "restore the hub: it is on PostgreSQL, which has its own tools",
            fix=f"stop every `hub serve` and `hub worker`, run `{_PG_RESTORE}`, then "
            "`hub restore --was-restored`",
        )
    if not source.is_file():
        raise NotFoundError(f"restore {source}: there is no such file", fix="check its name")
    database = environment.database_file
    beside = database.with_name(f"{database.name}.restoring")
    with _errors(f"restore {source}"):
        _check(source)
        make_folder(database.parent)
        beside.unlink(missing_ok=True)
        _copy(source, beside, mode="ro")
        try:
            aside = _set_aside(database, now) if database.exists() else None
            mark_of(database).unlink(missing_ok=True)
            # A log left without its database would be played into the one that takes its place.
            for suffix in ("-wal", "-shm"):
                database.with_name(f"{database.name}{suffix}").unlink(missing_ok=True)
            beside.replace(database)
        finally:
            beside.unlink(missing_ok=True)
        _keep_names(database.parent)
    return aside


def _need(file: Path, what: str, fix: str) -> None:
    if not file.exists():
        raise ConfigError(f"{what}: there is no database yet", why=f"{file} does not exist", fix=fix)


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise ConflictError(
            f"write {target}: it is there already", fix="give another name; a backup is never written over"
        )


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(
            what,
            why=error.strerror or str(error) if isinstance(error, OSError) else str(error),
            fix="check the names, that the folder may be written to, and that its disk has room",
        ) from error


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=LOCK_WAIT_S
    )


def _copy(source: Path, target: Path, *, mode: str) -> int:
    """Copies a database under a name that it gets only once it is whole, and gives its number of RMAs."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(_open(source, mode)) as read, closing(_open(part, "rw")) as written:
            read.backup(written)
            # One file, without a log beside it, is what people copy.
            written.execute("PRAGMA journal_mode=DELETE")
            _check_whole(written, source)
            (rmas,) = written.execute("SELECT count(*) FROM rma").fetchone()
        handle = os.open(part, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _keep_names(target.parent)
    return int(rmas)


def _check_whole(database: sqlite3.Connection, source: Path) -> None:
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise _damaged(source, found)


def _damaged(source: Path, why: str) -> ConfigError:
    fix = "look at the disk, and restore the latest backup that is whole"
    return ConfigError(f"copy {source}: the database is damaged", why=why, fix=fix)


def _check(source: Path) -> None:
    """Refuses what is no database of a hub, or one of a newer hub."""
    with closing(_open(source, "ro")) as database:
        try:
            rows = database.execute("SELECT name FROM tortoise_migrations WHERE app = 'hub'").fetchall()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
                raise _damaged(source, str(error)) from error
            raise ConfigError(
                f"restore {source}: it is not the database of a hub",
                why=str(error),
                fix="give a file that `hub backup` wrote",
            ) from error
    known = {each.name for each in pkgutil.iter_modules(migrations.__path__)}
    if newer := sorted({name for (name,) in rows} - known):
        raise ConfigError(
            f"restore {source}: it is newer than this hub",
            why=f"it has the migration {newer[-1]}, which this version does not know",
            fix="install the version of the hub that made it, or a later one",
        )


def _set_aside(database: Path, now: datetime) -> Path:
    """Gives the present database a second name, under which it stays; one file where that is possible."""
    aside = database.with_name(f"{database.name}.replaced-{now:%Y%m%dT%H%M%S.%fZ}")
    with closing(_open(database, "rw")) as old:
        try:
            # Only granted when nobody else has it open; it also empties its log into it.
            old.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in _IN_USE:
                raise ConflictError(
                    "restore the hub: its database is in use",
                    why=f"a process has {database} open",
                    fix="stop `hub serve` and every other `hub` command, then run this again",
                ) from error
            # Too damaged to be opened, which may be why it is restored: its log stays beside it.
    os.link(database, aside)
    for suffix in ("-wal", "-shm"):
        log = database.with_name(f"{database.name}{suffix}")
        if log.exists():
            os.link(log, aside.with_name(f"{aside.name}{suffix}"))
    return aside


def _keep_names(folder: Path) -> None:
    """A new name is on the disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

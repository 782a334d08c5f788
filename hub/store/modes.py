"""Who on this machine may read the hub's files: the user that runs it, and whom an administrator let in.

The database holds customers' names and addresses. What the hub makes is for its own user only, whatever the
umask. What an earlier version made under the usual umask is open to everybody, and closed by ``hub init`` and
``hub serve``.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.environment import Environment

FOLDER, FILE = 0o700, 0o600
OTHERS = stat.S_IRWXO
"""A group that may read where others may not was let in on purpose: nobody's umask makes that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """What :func:`close_to_others` did.

    Attributes:
        closed: files and folders that every user of the machine could read until now.
        left_open: those that they still can: they belong to another user, or hold more than the hub's files.
    """

    closed: Sequence[Path]
    left_open: Sequence[Path]


def make_folder(folder: Path) -> None:
    """Makes a folder that only this user may look into; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)


def make_database(file: Path) -> None:
    """Makes an empty file for a SQLite database, unless it is there; SQLite gives its logs the same mode.

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, FILE))


def close_to_others(environment: Environment) -> Closed:
    """Takes a SQLite database away from everybody but its owner, where every user may read it.

    With what lies beside it and begins with its name: logs, mark, locks, and what a restore has replaced. Its
    folder is closed when there is nothing in it but that and the key. A key that others can read is told and
    left: the hub makes none so, and whoever did may run the hub as one of those others.
    """
    closed, left_open = [], []
    for path in _readable(environment):
        is_folder = path.is_dir()
        try:
            if path == environment.key_file or (is_folder and not _is_ours_alone(environment, path)):
                left_open.append(path)
                continue
            path.chmod(FOLDER if is_folder else FILE)
            closed.append(path)
        except OSError:
            left_open.append(path)
    return Closed(closed=closed, left_open=left_open)


def _readable(environment: Environment) -> Iterator[Path]:
    """What of the hub's every user of the machine may read: files before their folder."""
    for path in _ours(environment):
        if path.exists() and path.stat().st_mode & OTHERS:
            yield path


def _ours(environment: Environment) -> Iterator[Path]:
    if environment.secret_key is None:
        yield environment.key_file
    if environment.is_sqlite and environment.database_file.parent.is_dir():
        database = environment.database_file
        beside = (each for each in database.parent.iterdir() if each.name.startswith(database.name))
        yield from sorted(each for each in beside if each.is_file())
        yield database.parent


def _is_ours_alone(environment: Environment, folder: Path) -> bool:
    names = (environment.database_file.name, environment.key_file.name)
    # Whoever made a folder sticky shares it.
    is_shared = folder.stat().st_mode & stat.S_ISVTX
    return not is_shared and all(each.name.startswith(names) for each in folder.iterdir())

"""The mark beside a SQLite file: how far its attempts had come, so that a rollback of the file is noticed.

A database that was restored from a backup has forgotten the documents made since, and nothing in it can
tell. The mark stands in a file of its own, ``hub.db.mark``, that a copy of ``hub.db`` does not bring back.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from hub.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_LENGTH = 200
"""Always so many bytes, written over in place: a full disk has no say in it."""
_WRITING_NS = 1_000_000_000
"""The most that lies between a mark's own time stamp and its file's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What the mark says.

    Attributes:
        epoch: key of the epoch the attempt was made in; empty before the first declared one.
        attempt: highest id of an attempt that may have reached an ERP; 0 before the first.
        stamped_ns: when it was written, by the file system's clock. A copy of the file was changed later
            (``st_ctime``, which no copying tool can set), and proves nothing.
    """

    epoch: str
    attempt: int
    stamped_ns: int

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Reads a mark; None when there is none, or what is there is a copy or cannot be understood.

        Raises:
            ConfigError: the file is there and may not be read.
        """
        try:
            found = json.loads(file.read_text(encoding="ascii"))
            mark = cls(
                epoch=str(found["epoch"]), attempt=int(found["attempt"]), stamped_ns=int(found["stamped_ns"])
            )
            changed_ns = file.stat().st_ctime_ns
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        except OSError as error:
            raise _error("read", file, error) from error
        return mark if abs(changed_ns - mark.stamped_ns) <= _WRITING_NS else None


def mark_of(database_file: Path) -> Path:
    """Where the mark of a SQLite file is."""
    return database_file.with_name(f"{database_file.name}.mark")


def mark_new(database_file: Path) -> None:
    """Gives a database its mark before it exists: one that is found without a mark may be an old copy.

    Raises:
        ConfigError: the mark cannot be written.
    """
    file = mark_of(database_file)
    if not database_file.exists() and not file.exists():
        write_mark(file, epoch="", attempt=0)


def write_mark(file: Path, *, epoch: str, attempt: int) -> None:
    """Writes a mark; it is on the disk when this returns.

    Raises:
        ConfigError: it cannot be written; then nothing may be sent.
    """
    try:
        is_new = not file.exists()
        handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.utime(handle)  # asks the file system for its time
            mark = Mark(epoch=epoch, attempt=attempt, stamped_ns=os.fstat(handle).st_ctime_ns)
            os.pwrite(handle, f"{json.dumps(asdict(mark)):<{_LENGTH - 1}}\n".encode("ascii"), 0)
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            _keep_name(file.parent)
    except OSError as error:
        raise _error("write", file, error) from error


def _keep_name(folder: Path) -> None:
    """A new file's name is on the disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _error(verb: str, file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{verb} {file}",
        why=error.strerror or str(error),
        fix="make the data folder readable and writable for the user that runs the hub, and give it room; "
        "nothing is sent meanwhile",
    )

"""A PostgreSQL that answers in German. The one from the wheel has no translations; Debian's has."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = "/usr/lib/postgresql"
TRANSLATIONS = Path("/usr/share/locale/de/LC_MESSAGES")
# No German locale need be there: gettext goes by this, unless the locale is plain C.
IN_GERMAN = {"LANGUAGE": "de", "LC_ALL": "C.UTF-8"}


def _programs() -> Path | None:
    """Those of the newest version that is installed and can speak German."""
    installed = [each for each in Path(PROGRAMS).glob("*/bin") if (each / "initdb").exists()]
    able = [each for each in installed if (TRANSLATIONS / f"postgres-{each.parent.name}.mo").exists()]
    return max(able, key=lambda each: int(each.parent.name), default=None)


NEEDS_GERMAN = pytest.mark.skipif(
    _programs() is None, reason="no PostgreSQL with German messages here: apt-get install postgresql"
)


@contextmanager
def german_postgres() -> Iterator[PostgresServer]:
    """A running server of our own, for the block."""
    programs = _programs()
    assert programs is not None
    # A server refuses to run as root; the package brings a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="hub-pg-de-") as folder:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = Path(folder) / "data"

        def run(program: str, *arguments: str) -> None:
            subprocess.run(  # noqa: S603 - our own arguments
                [programs / program, "-D", data, *arguments],
                check=True,
                cwd=folder,
                env={"PATH": os.environ["PATH"], **IN_GERMAN},
                user=user,
                stdout=subprocess.DEVNULL,
            )

        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield PostgresServer(url=f"postgresql://postgres:@/postgres?host={folder}")
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")

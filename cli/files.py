"""Reading the files that commands are given."""

from __future__ import annotations

import sys
from pathlib import Path

from hub.errors import ConfigError, EventError


def read_file(file: str, most: int) -> bytes:
    """Reads a file, or standard input for ``-``.

    Raises:
        ConfigError: it cannot be read. EventError: it has more than ``most`` bytes.
    """
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(most + 1)
            size = len(raw)
        else:
            path = Path(file)
            size = path.stat().st_size
            raw = path.read_bytes() if size <= most else b""
    except OSError as error:
        raise ConfigError(f"read {file}", why=error.strerror or str(error), fix="check the name") from error
    if size > most:
        raise EventError(
            f"read {file}",
            why=f"it has more than the {most:,} bytes that are read",
            fix="give one document at a time; many RMAs go into `hub rmas import`, one on each line",
            status=413,
        )
    return raw

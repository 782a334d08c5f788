"""Seconds of CPU that processes have used, as Linux counts them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """What a process and its children have used so far, also those that have ended; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return 0.0
    # utime, stime and, for ended children, cutime and cstime: fields 14 to 17 of proc(5).
    return sum(map(int, fields[11:15])) / _TICKS + sum(cpu_s(int(child)) for child in children)


def postmaster(url: str) -> int:
    """The process of a PostgreSQL on this machine whose socket is in its data folder, as those of tests."""
    (folder,) = parse_qs(urlsplit(url).query)["host"]
    return int((Path(folder) / "postmaster.pid").read_text(encoding="utf-8").split()[0])

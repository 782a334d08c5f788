"""A figure, what it is measured against in the same run, and where and with what both were taken."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("aiohttp", "tortoise-orm", "procrastinate", "asyncpg", "pydantic", "pluggy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        what: what was measured, with its circumstances: "accept, 32 connections".
        value: the figure.
        unit: of the value and of what is beside it: "events/s", "ms", "calls".
        beside: name of the floor or the peer; empty where there is none.
        beside_value: its figure in the same run; None where there is none.
        target: what is asked, in words; empty where nothing is.
        is_met: whether it holds; None where nothing is asked.
        note: what limits it, or how it was taken; may be empty.
    """

    what: str
    value: float
    unit: str
    beside: str = ""
    beside_value: float | None = None
    target: str = ""
    is_met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of what is beside it."""
        return self.value / self.beside_value if self.beside_value else None


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of all lies; the nearest one that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def circumstances() -> dict[str, object]:
    """Hardware and versions. Nothing that names the machine or a path on it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in PACKAGES},
        "durability": "SQLite: WAL, synchronous=FULL. PostgreSQL: fsync=on, synchronous_commit=on",
    }


def _commit() -> str:
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")


def write(name: str, figures: Sequence[Figure], where: dict[str, object]) -> Path:
    """Writes figures as JSON into ``benchmarks/results`` and gives the file."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    lines = [asdict(each) | {"ratio": each.ratio} for each in figures]
    file.write_text(json.dumps({"where": where, "figures": lines}, indent=1) + "\n", encoding="utf-8")
    return file


def show(figures: Sequence[Figure]) -> None:
    """Prints the table."""
    table = Table("what", "figure", "beside it, in this run", "ratio", "target", "met")
    for each in figures:
        beside = f"{each.beside}: {_number(each.beside_value)}" if each.beside_value is not None else ""
        ratio = f"{each.ratio:.2f}" if each.ratio is not None else ""
        met = {True: "yes", False: "NO", None: ""}[each.is_met]
        table.add_row(each.what, f"{_number(each.value)} {each.unit}", beside, ratio, each.target, met)
    Console(width=None if os.isatty(1) else 150).print(table)
    for each in figures:
        if each.note:
            print(f"- {each.what}: {each.note}")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004

"""Signed events accepted a second over HTTP, durable before 202, beside a handler that only inserts."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, percentile
from benchmarks.sender import send
from hub.inbound.signature import parse_secret
from tests.support.processes import Home, HubProcess, SandboxProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = (1, 8, 32, 128)
SECONDS = 4.0
WARM_UP_S = 1.0
SHARE = 0.5
P99_MS = 25.0
P99_AT = 32
NOTE = (
    "five items in an event of 7 kB on average; the connection is paused, so that accepting is all that is "
    "measured; sender, hub and floor share this machine's cores"
)


@contextmanager
def floor(folder: Path) -> Iterator[str]:
    """The floor as a process, for the block; gives its address."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "benchmarks.floor", str(folder / "floor.db")],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield next(iter(process.stdout or ())).strip()
        finally:
            process.kill()


def prepare(home: Home) -> str:
    """Points a hub's return methods at a paused connection; gives a secret that signs its events."""
    if not home.ok("methods", "list"):
        if "main" not in {each["name"] for each in home.ok("connections", "list")}:
            with SandboxProcess(home) as sandbox:
                home.add_connection(sandbox)
        home.add_methods()
    home.ok("connections", "pause", "main")
    secret: str = home.ok("events", "secrets", "add")["secret"]
    return secret


async def run() -> list[Figure]:
    """Measures both at each number of connections, one after the other."""
    folder = Path(tempfile.mkdtemp(prefix="returns-hub-bench-"))
    try:
        home = Home(folder / "home")
        # Commands run in this process and want an event loop of their own.
        await asyncio.to_thread(home.ok, "init")
        secret = await asyncio.to_thread(prepare, home)
        with HubProcess(home) as hub, floor(folder) as floor_url:
            return [
                figure
                for connections in CONNECTIONS
                for figure in await measure(hub.url, floor_url, secret, connections)
            ]
    finally:
        shutil.rmtree(folder)


async def measure(url: str, floor_url: str, secret: str, connections: int) -> list[Figure]:
    """The two figures of one number of connections."""
    key = parse_secret(secret)
    took = {}
    for name, address in (("floor", floor_url), ("hub", url)):
        await send(address, key, first=fresh(), connections=connections, seconds=WARM_UP_S)
        took[name] = await send(address, key, first=fresh(), connections=connections, seconds=SECONDS)
    ours, beside = took["hub"], took["floor"]
    p50, p99 = percentile(ours.took, 0.5), percentile(ours.took, 0.99)
    noun = "connection" if connections == 1 else "connections"
    return [
        Figure(
            what=f"accept, {connections} {noun}",
            value=ours.per_second,
            unit="events/s",
            beside="bare insert",
            beside_value=beside.per_second,
            target=f"≥ {SHARE:g} of it",
            is_met=ours.per_second >= SHARE * beside.per_second,
            note=NOTE if connections == 1 else "",
        ),
        Figure(
            what=f"accept, {connections} {noun}, p99 (p50 {p50:.1f})",
            value=p99,
            unit="ms",
            beside="bare insert",
            beside_value=percentile(beside.took, 0.99),
            target=f"≤ {P99_MS:g} ms" if connections == P99_AT else "",
            is_met=p99 <= P99_MS if connections == P99_AT else None,
        ),
    ]


def fresh() -> int:
    """A number that no RMA of this run has, with room after it."""
    return secrets.randbelow(10**12) * 10**6

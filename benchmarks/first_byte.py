"""From the answer 202 to the first byte of the call to the ERP about that return, on an idle `hub serve`.

One signed event at a time, over HTTP, into SQLite. The clock is this process's: it sends the events, and
every call to the ERP passes through a relay here that notes when its first byte came.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.figures import Figure, percentile
from benchmarks.sender import read_accepted, signed
from connectors.cin7_omni.sandbox import Cin7Sandbox
from hub.core import open_hub
from hub.environment import Environment
from hub.inbound.signature import parse_secret
from hub.mapping.exact_json import write_json
from hub.merchant import connections, event_secrets, methods, stores
from hub.registry import Registry
from hub.rma import MethodType
from hub.testing.serving import SandboxServer
from tests.support import documents
from tests.support.forked import QUICK, Commands
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EVENTS = 150
WARM_UP = 10
PAUSE_S = 0.05
P50_MS = 10.0
P99_MS = 50.0
FIRST = 100_000
METHOD = "UPS label"
SETTINGS = {"look_up_orders": "off", "check_double_credit": "off", "poll_interval_s": "3600"}


async def run() -> list[Figure]:
    """Measures it."""
    with tempfile.TemporaryDirectory(prefix="returns-hub-bench-") as folder:
        home = Path(folder)
        async with SandboxServer(Cin7Sandbox(quota=())) as sandbox, Relay(sandbox.url).listening() as relay:
            secret = await _prepared(home, relay.url)
            commands = Commands(home=home)
            serving = commands.start("serve", "--port", "0")
            try:
                await until(lambda: " is ready on " in _printed(commands))
                url = _printed(commands).partition(" is ready on ")[2].partition(",")[0]
                took = await measure(url, parse_secret(secret), relay)
            finally:
                serving.process.kill()
                serving.process.join()
    p50, p99 = percentile(took, 0.5), percentile(took, 0.99)
    note = f"{EVENTS} events, one at a time, {PAUSE_S * 1000:g} ms of quiet before each; no look-ups first"
    return [
        Figure(
            what="202 to the first byte to the ERP, p50",
            value=p50,
            unit="ms",
            target=f"≤ {P50_MS:g} ms",
            is_met=p50 <= P50_MS,
            note=note,
        ),
        Figure(
            what="202 to the first byte to the ERP, p99",
            value=p99,
            unit="ms",
            target=f"≤ {P99_MS:g} ms",
            is_met=p99 <= P99_MS,
        ),
    ]


async def _prepared(home: Path, erp_url: str) -> str:
    """A hub with one connection, whose connector has a quota that never fills; gives the events' secret."""
    environment = Environment(home=home)
    environment.write_key()
    async with open_hub(environment, should_migrate=True, registry=Registry([QUICK])) as hub:
        await stores.ensure_default(hub.clock)
        store = await stores.get()
        values = {"username": "sandbox", "api_key": "sandbox-key", "base_url": f"{erp_url}/api", **SETTINGS}
        added = await connections.add(hub, store, QUICK.name, "main", values, should_check=False)
        method = await methods.add(store, METHOD, MethodType.PREPAID_LABEL)
        await methods.point_at(method, added.row, None)
        _, secret = await event_secrets.add(hub, store, name="benchmark")
    return secret


def _printed(commands: Commands) -> str:
    return commands.output.read_text(encoding="utf-8") if commands.output.exists() else ""


async def measure(url: str, key: bytes, relay: Relay) -> list[float]:
    """Milliseconds from each answer to the first byte of the call; without the first few."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    took = []
    for number in range(FIRST, FIRST + WARM_UP + EVENTS):
        await asyncio.sleep(PAUSE_S)
        relay.expect()
        writer.write(signed(address.netloc, key, f"msg_{number}", _event(number)))
        await read_accepted(reader)
        answered = time.perf_counter()
        took.append((await relay.first_byte() - answered) * 1000)
        await relay.is_over()
    writer.close()
    return took[WARM_UP:]


def _event(number: int) -> bytes:
    document = documents.rma(str(number), order_name=f"#{number}")
    return write_json({"type": "rma.approved", "data": {"rma": document}}).encode()


class Relay:
    """Passes calls on to the ERP and notes when the first byte of one came. One call at a time."""

    def __init__(self, to: str) -> None:
        self._to = urlsplit(to)
        self._came: asyncio.Future[float] = asyncio.Future()
        self._over = asyncio.Event()
        self.url = ""

    def expect(self) -> None:
        """The next call counts."""
        self._came = asyncio.get_running_loop().create_future()
        self._over.clear()

    async def first_byte(self) -> float:
        """When it came."""
        return await asyncio.wait_for(self._came, 10)

    async def is_over(self) -> None:
        """Waits until the call has its answer."""
        await asyncio.wait_for(self._over.wait(), 10)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Relay]:
        """For the block."""
        async with await asyncio.start_server(self._pass_on, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun = await reader.read(2**16)
        if begun and not self._came.done():
            self._came.set_result(time.perf_counter())
        to_reader, to_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        to_writer.write(begun)
        await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))
        self._over.set()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(2**16):
        writer.write(some)
    writer.close()

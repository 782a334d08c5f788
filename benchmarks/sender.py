"""A sender of signed events that costs little itself: kept-alive sockets, and no client library.

The same sender drives the hub and its floor, so that what it costs weighs on both alike.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hub.inbound.signature import sign

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parents[1] / "tests" / "samples" / "many.jsonl"


@dataclass(kw_only=True, slots=True)
class Load:
    """What a run of so many connections came to.

    Attributes:
        seconds: how long it took.
        took: of each request, from its first byte out to the whole answer in, in milliseconds.
    """

    seconds: float = 0.0
    took: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests answered a second."""
        return len(self.took) / self.seconds


class Requests:
    """Requests without end, each with an RMA of its own; the sample documents in turn.

    Args:
        host: for the header.
        key: signs.
        first: number of the first RMA.
    """

    def __init__(self, host: str, key: bytes, first: int) -> None:
        self._host, self._key, self._number = host, key, first
        self._bodies = list(_bodies())

    def take(self) -> bytes:
        """The next one, signed now."""
        self._number += 1
        before, after = self._bodies[self._number % len(self._bodies)]
        body = before + str(self._number).encode() + after
        return signed(self._host, self._key, f"msg_{self._number}", body)


def signed(host: str, key: bytes, message_id: str, body: bytes) -> bytes:
    """A request with an event, signed now."""
    timestamp = int(datetime.now(UTC).timestamp())
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"webhook-id: {message_id}\r\nwebhook-timestamp: {timestamp}\r\n"
        f"webhook-signature: {sign(key, message_id, timestamp, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _bodies() -> Iterator[tuple[bytes, bytes]]:
    """Each sample in its envelope, cut where the RMA's number stands."""
    for line in SAMPLES.read_bytes().splitlines():
        before, _, rest = line.partition(b'"rmaId": "')
        number, _, after = rest.partition(b'"')
        if not number.isdigit():
            raise ValueError("a sample without a number")
        yield b'{"type": "rma.approved", "data": {"rma": ' + before + b'"rmaId": "', b'"' + after + b"}}"


async def read_accepted(reader: asyncio.StreamReader) -> None:
    """Reads the whole answer.

    Raises:
        RuntimeError: it is not 202.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 202"):
        raise RuntimeError(f"not accepted: {head.decode()}{body.decode()}")


async def send(url: str, key: bytes, *, first: int, connections: int, seconds: float) -> Load:
    """Sends over so many connections at once, each as soon as it has its answer.

    Raises:
        RuntimeError: an answer was not 202.
    """
    address = urlsplit(url)
    requests = Requests(address.netloc, key, first)
    load = Load()
    began = time.perf_counter()
    end = began + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while (start := time.perf_counter()) < end:
            writer.write(requests.take())
            await read_accepted(reader)
            load.took.append((time.perf_counter() - start) * 1000)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one())
    load.seconds = time.perf_counter() - began
    return load

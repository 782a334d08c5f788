"""Strangers who hold connections of a hub on this machine: silent, slow, deaf and noisy ones.

A process of its own, so that what it costs is not measured as the hub's: ``python -m tests.chaos.crowd PORT
COUNT SECONDS``. It holds COUNT connections for so long, opens each again when the hub closes it, every two
seconds at most, and goes nowhere but to 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HOST = "127.0.0.1"
DRIP_S = 1.0
OFTEN_S = 0.5
AGAIN_S = 2.0
LARGE = 5_000_000
DEAF_S = 40.0
DEAF_ASKS = 24
"""Times 80 kB: more than the kernel keeps for a reader who reads nothing."""
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _post(path: str, length: int, kind: str, *more: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Content-Type: {kind}", f"Content-Length: {length}"]
    return "\r\n".join([*head, *more, "", ""]).encode()


def _as_if_signed() -> tuple[str, ...]:
    return ("webhook-id: msg_1", f"webhook-timestamp: {time.time():.0f}", "webhook-signature: v1,AAAA")


async def _drip(line: Line, sent: bytes, drop: bytes) -> None:
    line[1].write(sent)
    while True:
        line[1].write(drop)
        await line[1].drain()
        await asyncio.sleep(DRIP_S)


async def silent(line: Line) -> None:
    """Says nothing."""
    await line[0].read()


async def half_a_head(line: Line) -> None:
    """Begins a request, and says no more."""
    line[1].write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\n")
    await line[0].read()


async def dripping_head(line: Line) -> None:
    """Sends a head for ever, a little at a time."""
    await _drip(line, b"GET / HTTP/1.1\r\nX: ", b"x")


async def dripping_event(line: Line) -> None:
    """Sends an event that looks signed, a byte a second."""
    await _drip(line, _post("/v1/events", LARGE, "application/json", *_as_if_signed()), b" ")


async def dripping_form(line: Line) -> None:
    """Signs in, a byte a second."""
    await _drip(line, _post("/login", LARGE, "application/x-www-form-urlencoded"), b"a")


async def dripping_hint(line: Line) -> None:
    """Sends a webhook to an address that nobody has."""
    await _drip(line, _post("/v1/hooks/returngo/guessed", 1000, "application/json"), b" ")


async def idle(line: Line) -> None:
    """Asks once, and keeps the connection."""
    line[1].write(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    await line[0].read()


async def deaf(line: Line) -> None:
    """Asks for a lot, and reads nothing of it."""
    line[1].write(f"GET /openapi.json HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() * DEAF_ASKS)
    await line[1].drain()
    line[1].transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it
    await asyncio.sleep(DEAF_S)  # nobody who reads nothing notices that the other side has hung up


async def noisy(line: Line) -> None:
    """Sends what is no HTTP."""
    line[1].write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
    await line[0].read()


async def wrong(line: Line) -> None:
    """Sends whole events that look signed, twice a second."""
    while True:
        line[1].write(_post("/v1/events", 2, "application/json", *_as_if_signed()) + b"{}")
        await line[1].drain()
        if not await line[0].read(4096):
            return
        await asyncio.sleep(OFTEN_S)


KINDS: tuple[Callable[[Line], Awaitable[None]], ...] = (
    silent,
    half_a_head,
    dripping_head,
    dripping_event,
    dripping_event,
    dripping_form,
    dripping_hint,
    idle,
    deaf,
    noisy,
    wrong,
)


async def _hold(port: int, kind: Callable[[Line], Awaitable[None]], opened: Counter[str]) -> None:
    while True:
        began = time.monotonic()
        line_socket = socket.socket()
        line_socket.setblocking(False)
        if kind is deaf:
            line_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        writer = None
        with suppress(OSError):
            await asyncio.get_running_loop().sock_connect(line_socket, (HOST, port))
            reader, writer = await asyncio.open_connection(sock=line_socket)
            opened[kind.__name__] += 1
            await kind((reader, writer))
        if writer is not None:
            writer.close()
        line_socket.close()
        await asyncio.sleep(max(0.0, began + AGAIN_S - time.monotonic()))


async def main(port: int, count: int, seconds: float) -> None:
    """Holds the connections, and prints how many were opened of each kind."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    opened = Counter[str]()
    tasks = [asyncio.create_task(_hold(port, KINDS[each % len(KINDS)], opened)) for each in range(count)]
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for each in done:
        each.result()
    print(json.dumps(opened))  # noqa: T201 - its result


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

"""A stand-in of Cin7 Omni for thousands of accounts, and simulated time that several processes share.

The sandbox keeps every note and checks every rule; this one computes its answers from the clock, so that it
costs little beside the hub. Notes of account ``k`` are numbered from ``k`` millions; each of the first ones
is received at its own moment, evenly over time.
"""

from __future__ import annotations

import asyncio
import base64
import json
import mmap
import re
import struct
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from hub.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = 1_000_000
"""Notes of one account are numbered from its number times this."""
SKUS = ("SKU-001", "SKU-002")
START = datetime(2026, 3, 2, tzinfo=UTC)
PAGE = 250
_STATE = struct.Struct("ddd")


class SharedTime:
    """Time that runs at a speed of our choice, the same in every process that opens the file."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(_STATE.pack(time.monotonic(), START.timestamp(), 1.0))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _STATE.size)
        self.clock = Clock(now=self.now, sleep=self.sleep)

    def now(self) -> datetime:
        """The simulated time."""
        began, start, speed = _STATE.unpack_from(self._map)
        return datetime.fromtimestamp(start + (time.monotonic() - began) * speed, UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleeps simulated seconds."""
        await asyncio.sleep(seconds / self.speed)

    @property
    def speed(self) -> float:
        """Simulated seconds in one of the wall's."""
        speed: float = _STATE.unpack_from(self._map)[2]
        return speed

    def run_at(self, speed: float) -> None:
        """Goes on from the present at another speed."""
        _STATE.pack_into(self._map, 0, time.monotonic(), self.now().timestamp(), speed)


@dataclass(kw_only=True)
class Erp:
    """All accounts.

    Attributes:
        now: the simulated time.
        changes_per_s: of one account: how often a note of its ledger is received.
        notes: how many notes each account began with.
        calls: answered so far, by kind.
        made: account → number, reference, marker and time of the notes made meanwhile.
    """

    now: Any
    changes_per_s: float
    notes: int
    calls: dict[str, int] = field(default_factory=dict)
    made: dict[int, list[tuple[int, str, str, datetime]]] = field(default_factory=dict)

    def answer(self, method: str, target: str, account: int, body: bytes) -> Any:
        """The JSON of one call."""
        parts = urlsplit(target)
        where = parse_qs(parts.query).get("where", [""])[0]
        if parts.path == "/stats":
            return self.calls
        if method == "POST":
            self._count("create")
            return [self._make(account, index, each) for index, each in enumerate(json.loads(body))]
        if since := re.fullmatch(r"ModifiedDate>='([^']+)'", where):
            self._count("poll")
            return self._modified(account, datetime.fromisoformat(since[1]))[:PAGE]
        if ids := re.fullmatch(r"id IN \(([\d,]+)\)", where):
            self._count("read again")
            return [self._note(int(each)) for each in ids[1].split(",")]
        self._count("look up")
        return []

    def _count(self, kind: str) -> None:
        self.calls[kind] = self.calls.get(kind, 0) + 1

    def _make(self, account: int, index: int, record: dict[str, Any]) -> dict[str, Any]:
        made = self.made.setdefault(account, [])
        number = account * ACCOUNT + self.notes + len(made) + 1
        made.append((number, record["reference"], record["internalComments"], self.now()))
        return {"index": index, "success": True, "id": number, "code": record["reference"], "errors": []}

    def received_at(self, number: int) -> datetime:
        """When the goods of a note that was there from the start arrive."""
        account, position = divmod(number, ACCOUNT)
        phase = (account * 0.618034) % 1
        return START + timedelta(seconds=int((position - 1 + phase) / self.changes_per_s))

    def _modified(self, account: int, since: datetime) -> list[dict[str, Any]]:
        first = max(0, int((since - START).total_seconds() * self.changes_per_s) - 2)
        found = []
        for position in range(first + 1, self.notes + 1):
            number = account * ACCOUNT + position
            at = self.received_at(number)
            if at > self.now():
                break
            if at >= since:
                found.append((at, self._note(number)))
        for number, reference, marker, at in self.made.get(account, []):
            if at >= since:
                found.append((at, _row(number, reference, marker, at, None)))
        return [row for _, row in sorted(found, key=lambda each: (each[0], each[1]["id"]))]

    def _note(self, number: int) -> dict[str, Any]:
        at = self.received_at(number)
        received = at if at <= self.now() else None
        marker = f"[hub:{number:016x} rma:{number}]"
        return _row(number, f"RMA {number}", marker, received or START - timedelta(days=3), received)


def _row(
    number: int, reference: str, marker: str, modified_at: datetime, received_at: datetime | None
) -> dict[str, Any]:
    moved = -1 if received_at else 0
    return {
        "id": number,
        "reference": reference,
        "salesReference": f"#{number}",
        "status": "APPROVED",
        "internalComments": marker,
        "createdDate": _date(START - timedelta(days=3)),
        "modifiedDate": _date(modified_at),
        "completedDate": _date(received_at) if received_at else None,
        "lineItems": [{"code": sku, "qty": -1, "qtyShipped": moved} for sku in SKUS],
    }


def _date(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class _Wire(asyncio.Protocol):
    """HTTP as far as the hub's client needs it: one call, one answer, and it hangs up."""

    def __init__(self, erp: Erp) -> None:
        self._erp = erp
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        who = re.search(rb"(?i)authorization: *basic *(\S+)", head)
        account = int(base64.b64decode(who[1]).split(b":")[0]) if who else 0
        answer = json.dumps(self._erp.answer(method, target, account, body)).encode()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer)
        )
        self._transport.close()


def serve(time_file: Path, notes: int, changes_per_s: float, ready: Any) -> None:
    """Serves for ever in a process of its own; puts its port into ``ready``."""

    async def run() -> None:
        erp = Erp(now=SharedTime(time_file).now, changes_per_s=changes_per_s, notes=notes)
        server = await asyncio.get_running_loop().create_server(lambda: _Wire(erp), "127.0.0.1", 0)
        ready.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())

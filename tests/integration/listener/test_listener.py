"""Connections: each has its time, there are only so many, and those that are furthest behind give way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from hub.web import body, listener, peer
from hub.web.tally import WHOLE
from tests.integration.listener.place import HOST, LARGE, WITHIN_S, open_place
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 100
SOON_S = 0.2


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LOOK_S", 0.02)
    monkeypatch.setattr(listener, "PATIENCE_S", 0.0)


async def test_a_connection_without_a_whole_head_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "HEAD_WITHIN_S", SOON_S)
    async with open_place(MANY) as place:
        kept, silent, half, dripping = [await place.connect() for _ in range(4)]
        kept.ask("/")
        assert await kept.status() == 200
        half.say(b"GET / HTTP/1.1\r\nHost: x\r\n")

        async def drip() -> None:
            while True:
                dripping.say(b"G")
                await asyncio.sleep(0.01)

        task = asyncio.create_task(drip())
        for each in (silent, half, dripping):
            await each.ended()
        task.cancel()
        # One that has asked may rest for longer.
        kept.ask("/")
        assert await kept.status() == 200


async def test_an_answer_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "TAKEN_WITHIN_S", SOON_S)
    async with open_place(MANY) as place:
        deaf = await place.connect()
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it
        deaf.ask("/large")
        await until(lambda: len(place.server.connections) == 1)
        await until(lambda: not place.server.connections)


async def test_an_answer_that_is_taken_fast_enough_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "LEAST_BYTES_PER_S", 1000)
    async with open_place(MANY) as place:
        slow, deaf = await place.connect(), await place.connect()
        for each in (slow, deaf):
            each.writer.transport.pause_reading()  # type: ignore[attr-defined]
            each.ask("/large")
        await until(lambda: len(place.server.connections) == 2)
        await asyncio.to_thread(_take, slow.writer.get_extra_info("socket"), len(LARGE) // 4)
        monkeypatch.setattr(peer, "TAKEN_WITHIN_S", SOON_S)
        await until(lambda: len(place.server.connections) == 1)
        await asyncio.to_thread(_take, slow.writer.get_extra_info("socket"), len(LARGE) // 4 * 3)


def _take(line: Any, number: int) -> None:
    """Takes so many bytes that came over a paused connection, beside asyncio."""
    with line.dup() as other:
        other.settimeout(WITHIN_S)
        while number > 0:
            came = other.recv(min(number, 65536))
            assert came, "the hub has ended the connection"
            number -= len(came)


async def test_a_newcomer_takes_the_place_of_who_is_furthest_behind() -> None:
    async with open_place(2) as place:
        first, second = await place.connect(), await place.connect()
        await until(lambda: len(place.server.connections) == 2)
        third = await place.connect()
        third.ask("/")
        assert await third.status() == 200
        await first.ended()
        second.ask("/")
        assert await second.status() == 200


async def test_whoever_has_proved_who_they_are_gives_way_last() -> None:
    async with open_place(2) as place:
        known = await place.connect()
        known.ask("/known")
        assert await known.status() == 200
        stranger = await place.connect()
        await until(lambda: len(place.server.connections) == 2)
        third = await place.connect()
        third.ask("/")
        assert await third.status() == 200
        await stranger.ended()
        known.ask("/")
        assert await known.status() == 200


async def test_whoever_waits_for_the_hub_is_never_ended_and_newcomers_wait_outside() -> None:
    async with open_place(2) as place:
        lines = [await place.connect() for _ in range(2)]
        for each in lines:
            each.ask("/busy")
        await until(lambda: place.busy == 2)
        third = await place.connect()
        third.ask("/")
        await until(lambda: "connections had to wait outside" in place.tally.told())
        place.free.set()
        for each in (*lines, third):
            assert await each.status() == 200


async def test_what_has_come_and_is_not_read_yet_is_not_held_against_its_sender() -> None:
    async with open_place(2) as place:
        first, second = await place.connect(), await place.connect()
        await until(lambda: len(place.server.connections) == 2)
        # Both the request and the newcomer are there before the hub looks at either.
        with first.writer.get_extra_info("socket").dup() as line, socket.socket() as third:
            third.connect((HOST, place.port))
            line.send(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert await first.status() == 200
            await second.ended()


async def test_a_body_that_comes_too_slowly_is_refused_and_a_fast_one_has_more_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body, "FIRST_S", SOON_S)
    monkeypatch.setattr(body, "LEAST_BYTES_PER_S", 1000)
    async with open_place(MANY) as place:
        fast, slow = await place.connect(), await place.connect()
        fast.ask("/body", b"x" * 20_000, length=20_001)
        slow.ask("/body", b"x" * 10, length=20_001)
        assert await slow.status() == 408
        fast.say(b"x")
        assert await fast.status() == 200


async def test_no_body_takes_for_ever_however_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "READ_WITHIN_S", SOON_S)
    monkeypatch.setattr(body, "FIRST_S", SOON_S)
    async with open_place(MANY) as place:
        line = await place.connect()
        line.ask("/body", b"x" * 1_000_000, length=9_000_000)
        assert await line.status() == 408


async def test_the_bytes_of_strangers_are_bounded_and_the_slowest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "MOST_HELD", 150_000)
    async with open_place(MANY) as place:
        slowest, slow, known, fast = [await place.connect() for _ in range(4)]
        slowest.ask("/body", b"x" * 10_000, length=70_000)
        await until(lambda: place.listener.holding > 10_000)
        slow.ask("/body", b"x" * 60_000, length=70_000)
        await until(lambda: place.listener.holding > 70_000)
        # Who is known counts for nothing here.
        known.ask("/known", length=70_000)
        await until(lambda: place.known == 1)
        known.say(b"x" * 69_999)
        fast.ask("/body", b"x" * 65_000, length=70_000)
        await until(lambda: place.listener.holding > 135_000)
        fast.say(b"x" * 5_000)
        assert await fast.status() == 200
        # That one has gone, and there is room for another.
        fast.ask("/body", b"x" * 84_000, length=85_000)
        await slowest.ended()
        for each, rest in ((fast, 1_000), (slow, 10_000), (known, 1)):
            each.say(b"x" * rest)
            assert await each.status() == 200
        assert place.listener.holding == 0


async def test_what_is_no_request_fills_no_log() -> None:
    with capture_logs() as lines:
        async with open_place(MANY) as place:
            for _ in range(30):
                line = await place.connect()
                line.say(b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n")
                assert await line.status() == 400
            assert lines == []
            place.tally.flush()
    (line_of_log,) = lines
    assert line_of_log["BadHttpMessage"] == 30


@pytest.mark.parametrize("path", ["/body", "/form"])
async def test_what_breaks_off_is_no_trouble_of_the_database_and_fills_no_log(path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n"
    with capture_logs() as lines:
        async with open_place(MANY) as place:
            for _ in range(3 * WHOLE):
                line = await place.connect()
                line.say(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nname".encode())
                # From here on the hub waits for the rest.
                assert await line.reader.readuntil(b"\r\n\r\n")
                line.writer.transport.abort()
            await until(lambda: place.tally.suppressed == 2 * WHOLE)
            place.tally.flush()
    assert {each["event"] for each in lines[:-1]} == {"request refused"}
    assert {each["status"] for each in lines[:-1]} == {400}
    assert len(lines) == WHOLE + 1


@pytest.fixture
def no_descriptor() -> Iterator[Any]:
    """Leaves the process no further descriptor while the test says so."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    taken: list[int] = []

    def leave(*, any_left: bool) -> None:
        if any_left:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            while taken:
                os.close(taken.pop())
            return
        highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))

    yield leave
    leave(any_left=True)


async def test_without_a_descriptor_the_listener_waits_and_fills_no_log(no_descriptor: Any) -> None:
    broken: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: broken.append(told))
    with capture_logs() as lines:
        async with open_place(MANY) as place:
            outside = socket.socket()
            outside.setblocking(False)
            no_descriptor(any_left=False)
            await asyncio.get_running_loop().sock_connect(outside, (HOST, place.port))
            await until(lambda: "connections had to wait outside" in place.tally.told())
            no_descriptor(any_left=True)
            line = await place.connect(outside)
            line.ask("/")
            assert await line.status() == 200
    assert (broken, lines) == ([], [])

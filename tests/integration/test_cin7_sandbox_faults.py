"""Each fault of the Cin7 stand-in, over real HTTP: what the client sees, and what was applied."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from connectors.cin7_omni.sandbox import Cin7Sandbox
from connectors.cin7_omni.sandbox.faults import FAULTS
from connectors.cin7_omni.sandbox.json_text import dump
from hub.errors import ConfigError
from hub.hookspecs import QuotaWindow
from hub.sandbox import Fault
from tests.integration.cin7_calls import Answer, Cin7Calls, HandClock, note, serve_cin7
from tests.support.times import set_loop_forward
from tests.support.waiting import LONGEST_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError)
LONG_S = 100.0
"""How long a fault lasts that the test ends: longer than the test takes, so that it never ends by itself."""


@pytest.fixture
async def cin7() -> AsyncIterator[Cin7Calls]:
    async with serve_cin7() as calls:
        yield calls


async def post(cin7: Cin7Calls, *references: str, **options: Any) -> Answer:
    body = dump([note(reference) for reference in references])
    return await cin7.call("POST", "/v1/CreditNotes", data=body, **options)


def held(cin7: Cin7Calls) -> list[str]:
    return [document["reference"] for document in cin7.sandbox.documents()]


async def test_every_fault_is_described_in_one_sentence(cin7: Cin7Calls) -> None:
    assert dict(cin7.sandbox.faults) == dict(FAULTS)
    assert all(text.endswith(".") and text.count(". ") == 0 for text in FAULTS.values())


@pytest.mark.parametrize(
    ("name", "applied"),
    [
        ("drop_before_write", []),
        ("drop_after_write", ["A", "B", "C"]),
        ("apply_partly_then_drop", ["A", "B"]),
    ],
)
async def test_dropped_write_is_applied_as_far_as_its_name_says(
    cin7: Cin7Calls, name: str, applied: list[str]
) -> None:
    cin7.sandbox.inject(Fault(name=name))
    with pytest.raises(BROKEN):
        await post(cin7, "A", "B", "C")
    assert held(cin7) == applied
    (call,) = cin7.sandbox.calls()
    assert (call["method"], call["status"], call["fault"]) == ("POST", None, name)
    assert (await post(cin7, "D")).status == 200


async def test_late_write_is_absent_after_the_drop_and_there_a_little_later(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="apply_late_after_drop", seconds=LONG_S))
    with pytest.raises(BROKEN):
        await post(cin7, "A")
    assert held(cin7) == []
    set_loop_forward(LONG_S)
    await until(lambda: held(cin7) == ["A"])


async def test_late_write_is_there_before_what_is_slow_is_answered_when_the_faults_are_cleared(
    cin7: Cin7Calls,
) -> None:
    for fault in ("slow", "apply_late_after_drop"):
        cin7.sandbox.inject(Fault(name=fault, seconds=LONG_S))
    reading = asyncio.create_task(cin7.get("Branches"))
    await until(lambda: bool(cin7.sandbox.calls()))
    with pytest.raises(BROKEN):
        await post(cin7, "A")
    assert held(cin7) == []
    cin7.sandbox.clear_faults()
    await reading
    assert held(cin7) == ["A"]


async def test_drops_leave_reads_alone_unless_told_otherwise(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="drop_after_write"))
    assert await cin7.get("CreditNotes") == []
    # Twice: aiohttp's client repeats a GET by itself when its connection breaks.
    cin7.sandbox.inject(Fault(name="drop_before_write", on="get", times=2))
    with pytest.raises(BROKEN):
        await cin7.get("CreditNotes")
    with pytest.raises(BROKEN):
        await post(cin7, "A")


@pytest.mark.parametrize(
    ("name", "status", "start"),
    [
        ("server_error_html", 500, "<!DOCTYPE html>"),
        ("unavailable", 503, '"Service temporarily unavailable.'),
        ("unauthorized", 401, '"Unauthorized access"'),
        ("forbidden", 403, '"Access is forbidden"'),
        ("too_many_requests", 429, '"Rate limit exceeded.'),
    ],
)
async def test_refusal_answers_its_status_and_applies_nothing(
    cin7: Cin7Calls, name: str, status: int, start: str
) -> None:
    cin7.sandbox.inject(Fault(name=name))
    answer = await post(cin7, "A")
    assert (answer.status, answer.text.startswith(start)) == (status, True)
    assert held(cin7) == []
    assert cin7.sandbox.calls()[-1]["status"] == status
    assert (await post(cin7, "A")).status == 200


async def test_too_many_requests_says_how_long_to_wait(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="too_many_requests"))
    cin7.sandbox.inject(Fault(name="too_many_requests", seconds=90))
    waits = [(await post(cin7, "A")).headers["Retry-After"] for _ in range(2)]
    assert waits == ["1", "90"]


async def test_cut_off_body_promises_more_than_it_sends(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="cut_off_body"))
    async with cin7.http.post(f"{cin7.base}/v1/CreditNotes", data=dump([note("A")])) as reply:
        assert (reply.status, int(reply.headers["Content-Length"]) > 0) == (200, True)
        with pytest.raises(aiohttp.ClientPayloadError):
            await reply.read()
    assert held(cin7) == ["A"]


async def test_empty_200_applies_and_says_nothing(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="empty_200"))
    answer = await post(cin7, "A")
    assert (answer.status, answer.text, held(cin7)) == (200, "", ["A"])


async def test_hang_never_answers_and_the_server_still_stops_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A server that waited for the hanging call would wait that long.
    monkeypatch.setattr("hub.testing.serving._SECONDS_TO_SHUT_DOWN", 10 * LONGEST_S)
    async with asyncio.timeout(LONGEST_S), serve_cin7() as cin7:
        cin7.sandbox.inject(Fault(name="hang", times=2))
        impatient = asyncio.create_task(post(cin7, "A", timeout=aiohttp.ClientTimeout(total=30)))
        await until(lambda: len(cin7.sandbox.calls()) == 1)
        set_loop_forward(31)
        with pytest.raises(TimeoutError):
            await impatient
        waiting = asyncio.create_task(post(cin7, "B"))
        await until(lambda: len(cin7.sandbox.calls()) == 2)
        assert held(cin7) == []
    with pytest.raises((aiohttp.ClientError, asyncio.CancelledError, RuntimeError)):
        await waiting


async def test_hang_with_seconds_ends_in_a_broken_connection(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="hang", seconds=0.05))
    with pytest.raises(BROKEN):
        await post(cin7, "A")


async def test_slow_answer_comes_late_and_is_whole(cin7: Cin7Calls) -> None:
    waiting = await slowly(cin7)
    await cin7.get("Branches")
    assert not waiting.done()
    set_loop_forward(LONG_S)
    assert (await waiting).json[0]["success"]


async def test_slow_answer_comes_when_the_faults_are_cleared(cin7: Cin7Calls) -> None:
    waiting = await slowly(cin7)
    cin7.sandbox.clear_faults()
    assert (await waiting).json[0]["success"]


async def slowly(cin7: Cin7Calls) -> asyncio.Task[Answer]:
    """A write that the sandbox has applied and not answered yet."""
    cin7.sandbox.inject(Fault(name="slow", seconds=LONG_S))
    waiting = asyncio.create_task(post(cin7, "A"))
    await until(lambda: held(cin7) == ["A"])
    return waiting


async def test_allowed_duplicate_is_made_even_on_a_call_that_is_dropped(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="allow_duplicate_references", times=None))
    cin7.sandbox.inject(Fault(name="drop_after_write"))
    with pytest.raises(BROKEN):
        await post(cin7, "A")
    assert (await post(cin7, "A")).json[0]["success"]
    assert held(cin7) == ["A", "A"]
    cin7.sandbox.clear_faults()
    assert not (await post(cin7, "A")).json[0]["success"]


async def test_results_come_in_the_wrong_order(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="wrong_order"))
    results = (await post(cin7, "A", "B", "C")).json
    assert [(result["index"], result["code"]) for result in results] == [(2, "C"), (1, "B"), (0, "A")]


async def test_one_result_is_missing_though_all_was_applied(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="missing_result"))
    assert len((await post(cin7, "A", "B", "C")).json) == 2
    assert held(cin7) == ["A", "B", "C"]


async def test_refused_connection_is_really_refused_and_comes_back(cin7: Cin7Calls) -> None:
    async with aiohttp.ClientSession() as keeping_alive:
        async with keeping_alive.get(f"{cin7.base}/v1/Branches") as reply:
            assert reply.status == 401
        cin7.sandbox.inject(Fault(name="refuse", seconds=LONG_S))
        for _ in range(2):
            with pytest.raises(aiohttp.ClientConnectorError):
                await keeping_alive.get(f"{cin7.base}/v1/Branches")
    assert len(cin7.sandbox.calls()) == 1
    set_loop_forward(LONG_S)
    await until(lambda: is_open(cin7))


async def is_open(cin7: Cin7Calls) -> bool:
    try:
        return (await post(cin7, "A")).status == 200
    except aiohttp.ClientConnectorError:
        return False


async def test_clearing_faults_opens_a_closed_socket(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="refuse", seconds=LONG_S))
    cin7.sandbox.inject(Fault(name="unavailable", times=None))
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(cin7, "A")
    cin7.sandbox.clear_faults()
    assert (await post(cin7, "A")).status == 200


async def test_refuse_ordered_again_before_the_socket_serves_refuses(cin7: Cin7Calls) -> None:
    for _ in range(2):
        cin7.sandbox.inject(Fault(name="refuse", seconds=LONG_S))
        cin7.sandbox.clear_faults()
    cin7.sandbox.inject(Fault(name="refuse", seconds=LONG_S))
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(cin7, "A")
    cin7.sandbox.clear_faults()
    assert (await post(cin7, "A")).status == 200


async def test_refuse_can_be_ordered_over_http_and_answers_first(cin7: Cin7Calls) -> None:
    ordered = await cin7.control("POST", "faults", {"name": "refuse", "seconds": str(LONG_S)})
    assert ordered.status == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(cin7, "A")
    set_loop_forward(LONG_S)
    await until(lambda: is_open(cin7))


async def test_fault_hits_as_often_and_where_it_was_ordered(cin7: Cin7Calls) -> None:
    cin7.sandbox.inject(Fault(name="unavailable", times=2, on="Branches"))
    cin7.sandbox.inject(Fault(name="forbidden", on="post"))
    assert (await cin7.call("GET", "/v1/CreditNotes")).status == 200
    statuses = [(await cin7.call("GET", "/v1/branches")).status for _ in range(3)]
    statuses += [(await post(cin7, "A")).status for _ in range(2)]
    assert statuses == [503, 503, 200, 403, 200]


async def test_chance_is_drawn_from_the_seed() -> None:
    patterns = []
    for _ in range(2):
        async with serve_cin7() as cin7:
            cin7.sandbox.inject(Fault(name="unavailable", times=None, chance=0.5))
            patterns.append([(await cin7.call("GET", "/v1/Branches")).status for _ in range(20)])
    assert patterns[0] == patterns[1]
    assert set(patterns[0]) == {200, 503}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(name="explode"),
        Fault(name="unavailable", on="Nothing"),
        Fault(name="missing_result", on="GET"),
        Fault(name="wrong_order", on="Branches"),
        Fault(name="refuse", on="POST"),
        Fault(name="refuse", times=None),
    ],
)
async def test_fault_that_could_never_hit_is_refused(cin7: Cin7Calls, fault: Fault) -> None:
    with pytest.raises(ConfigError) as caught:
        cin7.sandbox.inject(fault)
    assert caught.value.fix


def test_refuse_needs_someone_to_close_the_socket() -> None:
    with pytest.raises(ConfigError, match="close the socket"):
        Cin7Sandbox(1, HandClock()).inject(Fault(name="refuse"))


async def test_call_beyond_the_quota_uses_no_fault_up() -> None:
    window = QuotaWindow(calls=1, per=timedelta(seconds=1))
    async with serve_cin7(quota=[window]) as cin7:
        assert (await cin7.call("GET", "/v1/Branches")).status == 200
        cin7.sandbox.inject(Fault(name="unavailable"))
        assert (await cin7.call("GET", "/v1/Branches")).status == 429
        cin7.clock.move(seconds=2)
        assert (await cin7.call("GET", "/v1/Branches")).status == 503

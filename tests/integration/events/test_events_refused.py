"""Requests that are refused: each with a problem document that says what to do, and no row in any table."""

from __future__ import annotations

import asyncio
import gzip
import io
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict

from hub.inbound.event import MAX_BYTES
from hub.inbound.signature import new_secret
from hub.store.database import client
from hub.store.models import Delivery, Event
from hub.web import body, events
from tests.integration.events.door import body_of, signed
from tests.support.documents import rma
from tests.support.waiting import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest

    from tests.integration.events.door import Answer, Door

BODY = body_of(rma("901"))
Headers = dict[str, str]


def changed(**changes: str) -> Callable[[Headers], Any]:
    return lambda headers: {**headers, **{name.replace("_", "-"): text for name, text in changes.items()}}


def without(name: str) -> Callable[[Headers], Any]:
    return lambda headers: {each: text for each, text in headers.items() if each != name}


def twice(name: str) -> Callable[[Headers], Any]:
    return lambda headers: CIMultiDict([*headers.items(), (name, headers[name])])


def signature(change: Callable[[str], str]) -> Callable[[Headers], Any]:
    return lambda headers: {**headers, "webhook-signature": change(headers["webhook-signature"])}


TRICKS: dict[str, Callable[[Headers], Any]] = {
    "no id": without("webhook-id"),
    "no timestamp": without("webhook-timestamp"),
    "no signature": without("webhook-signature"),
    "empty id": changed(webhook_id=""),
    "empty timestamp": changed(webhook_timestamp=""),
    "empty signature": changed(webhook_signature=""),
    "another id": changed(webhook_id="msg_2"),
    "an id with a blank": changed(webhook_id="msg 1"),
    "an id that is not ASCII": changed(webhook_id="msg_é"),
    "an endless id": changed(webhook_id="m" * 4000),
    "a timestamp with a fraction": changed(webhook_timestamp="1772359200.5"),
    "a timestamp that is not ASCII": changed(webhook_timestamp="١٢"),
    "a signature that is not ASCII": changed(webhook_signature="v1,é"),
    "another scheme": signature(lambda text: text.replace("v1,", "v1a,")),
    "a cut signature": signature(lambda text: text[:-4]),
    "a swollen signature": signature(lambda text: f"v1, {text.replace('v1,', '')}"),
    "many signatures": signature(lambda text: " ".join(["v1,AAAA"] * 100 + [text])),
    "two ids": twice("webhook-id"),
    "two timestamps": twice("webhook-timestamp"),
    "two signatures in two headers": twice("webhook-signature"),
}


async def refused(door: Door, status: int, body: Any, headers: Any) -> Answer:
    before = door.rows()
    answer = await door.post(body, headers)
    assert answer.is_problem(status), (answer.status, answer.body)
    assert answer.body["fix"] or status == 405
    assert door.rows() == before
    assert door.rings == []
    return answer


async def test_what_is_not_signed_as_it_should_be_is_refused(door: Door) -> None:
    """In one test, since a hub takes longer to open than to refuse."""
    headers = signed(door.secret, BODY, at=door.time.now())
    before, known = door.rows(), headers["webhook-signature"]
    for name, trick in TRICKS.items():
        answer = await door.post(BODY, trick(headers))
        assert answer.is_problem(401), (name, answer.status, answer.body)
        assert answer.body["fix"], name
        assert known not in str(answer.body), name
        assert door.rows() == before, name
    assert (await door.post(BODY, headers)).status == 202


async def test_an_event_of_another_time_is_refused(door: Door) -> None:
    for away in (timedelta(minutes=-6), timedelta(minutes=6)):
        await refused(door, 401, BODY, signed(door.secret, BODY, at=door.time.now() + away))


async def test_a_captured_request_is_refused_later_and_stores_nothing_before(door: Door) -> None:
    headers = signed(door.secret, BODY, at=door.time.now())
    assert (await door.post(BODY, headers)).body["duplicate"] is False
    before = door.rows()
    assert (await door.post(BODY, headers)).body["duplicate"] is True
    door.time.set_forward(timedelta(minutes=6))
    assert (await door.post(BODY, headers)).is_problem(401)
    assert door.rows() == before


async def test_a_stranger_and_altered_bytes_are_refused(door: Door) -> None:
    await refused(door, 401, BODY, signed(new_secret(), BODY, at=door.time.now()))
    headers = signed(door.secret, BODY, at=door.time.now())
    for altered in (BODY + b" ", BODY.replace(b"901", b"902"), BODY[:-1], b""):
        await refused(door, 401, altered, headers)


async def test_what_is_not_json_or_not_an_rma_is_refused_after_its_signature(door: Door) -> None:
    for raw, status in ((b"{", 400), (b"", 400), (b'{"a": 1, "a": 2}', 400), (b"[]", 422), (b"{}", 422)):
        await refused(door, status, raw, signed(door.secret, raw, at=door.time.now()))
        await refused(door, 401, raw, signed(new_secret(), raw, at=door.time.now()))
    raw = b'{"rmaSummary": {"status": "Approved"}, "items": [{"paidPrice": {"amount": "x"}}]}'
    answer = await refused(door, 422, raw, signed(door.secret, raw, at=door.time.now()))
    assert len(answer.body["problems"]) > 1


async def test_another_content_type_is_refused(door: Door) -> None:
    headers = without("Content-Type")(signed(door.secret, BODY, at=door.time.now()))
    await refused(door, 415, BODY, headers)
    for kind in ("", "text/plain", "application/x-www-form-urlencoded"):
        await refused(door, 415, BODY, {**headers, "Content-Type": kind})


async def test_a_packed_body_is_refused_since_its_bytes_are_not_those_that_were_signed(door: Door) -> None:
    headers = signed(door.secret, BODY, at=door.time.now())
    await refused(door, 415, gzip.compress(BODY), {**headers, "Content-Encoding": "gzip"})


async def chunks(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b" " * 65536


async def test_too_much_is_refused_with_a_length_and_without_one(door: Door) -> None:
    headers = signed(door.secret, b"", at=door.time.now())
    await refused(door, 413, io.BytesIO(b" " * (MAX_BYTES + 1)), headers)
    await refused(door, 413, chunks(MAX_BYTES // 65536 + 1), headers)


async def test_a_body_in_chunks_without_a_length_is_taken(door: Door) -> None:
    async def halves() -> AsyncIterator[bytes]:
        yield BODY[:50]
        yield BODY[50:]

    answer = await door.post(halves(), signed(door.secret, BODY, at=door.time.now()))
    assert answer.status == 202


async def test_a_body_that_does_not_come_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "FIRST_S", 0.1)  # the rest never comes, however long it waits
    is_over = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield BODY[:50]
        await is_over.wait()

    async with asyncio.timeout(LONGEST_S):
        await refused(door, 408, stuck(), signed(door.secret, BODY, at=door.time.now()))
    is_over.set()


async def test_other_methods_and_paths_are_problems_too(door: Door) -> None:
    async with door.http.get(door.url) as answer:
        assert (answer.status, answer.content_type) == (405, "application/problem+json")
        assert answer.headers["Allow"] == "POST"


async def test_more_than_are_worked_on_at_once_are_told_to_come_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_UNDER_WAY", 2)
    answers = await asyncio.gather(*(door.send(rma(str(900 + each)), f"msg_{each}") for each in range(8)))
    turned_away = [each for each in answers if each.status == 429]
    assert turned_away
    assert all(each.is_problem(429) and int(each.headers["Retry-After"]) >= 1 for each in turned_away)
    taken = [each for each in answers if each.status == 202]
    assert len(taken) + len(turned_away) == 8
    assert await Event.all().count() == len(taken)
    # Their places are free again.
    assert (await door.send(rma("999"), "msg_9")).status == 202


async def test_a_database_that_takes_no_writes_is_told_and_keeps_nothing_half(door: Door) -> None:
    before = door.rows()
    _, rows = await client().execute_query("PRAGMA page_count")
    for broken, mended in (
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
        (f"PRAGMA max_page_count = {rows[0][0]}", "PRAGMA max_page_count = 1000000"),
    ):
        await client().execute_query(broken)
        large = rma("901", note="x" * 100_000)
        answer = await door.send(large)
        assert answer.is_problem(503)
        assert int(answer.headers["Retry-After"]) >= 1
        assert "PRAGMA" not in str(answer.body)
        assert door.rows() == before
        await client().execute_query(mended)
    assert (await door.send(large)).body["duplicate"] is False


async def test_a_locked_database_is_told_in_time_and_the_next_try_is_stored_once(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "ANSWER_WITHIN_S", 0.3)
    file = door.hub.environment.database_file
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(LONGEST_S):
            answers = await asyncio.gather(*(door.send(rma(each), f"msg_{each}") for each in ("901", "902")))
        assert [each.is_problem(503) for each in answers] == [True, True]
        assert door.rows()["event"] == 0
        other.execute("COMMIT")
    monkeypatch.undo()
    for each in ("901", "902"):
        assert (await door.send(rma(each), f"msg_{each}")).status == 202
    assert (await Event.all().count(), await Delivery.all().count()) == (2, 2)

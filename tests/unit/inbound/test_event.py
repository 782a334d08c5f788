from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import EventError
from hub.inbound.event import MAX_BYTES, read_event
from hub.inbound.strict_json import canonical, load

SAMPLES = Path(__file__).parents[2] / "samples"


def enveloped(rma: object, **more: object) -> bytes:
    return canonical({"type": "rma.approved", "timestamp": None, "data": {"rma": rma}} | more).encode()


def refusal(raw: bytes, **options: int) -> EventError:
    with pytest.raises(EventError) as caught:
        read_event(raw, **options)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_a_bare_document(path: Path) -> None:
    event = read_event(path.read_bytes())
    assert (event.type, event.timestamp) == (None, None)
    assert event.rma.rma_id == event.document["rmaSummary"]["rmaId"]
    assert event.rma.document is event.document
    assert load(event.text.encode()) == event.document
    assert event.digest == hashlib.sha256(event.text.encode()).hexdigest()


def test_an_envelope_says_its_type_and_time(document: dict[str, Any]) -> None:
    event = read_event(enveloped(document, timestamp="2026-03-01T10:30:00+01:00"))
    assert event.type == "rma.approved"
    assert event.timestamp == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert event.rma.rma_id == "41501000"


def test_the_digest_is_that_of_the_document_whatever_is_around_it(document: dict[str, Any]) -> None:
    bare = canonical(document).encode()
    turned = dict(reversed(document.items()))
    spaced = json.dumps(turned, indent=3, default=float).encode()
    digests = {
        read_event(raw).digest
        for raw in (bare, b"\xef\xbb\xbf" + bare, spaced, enveloped(turned, type="x.y"))
    }
    assert len(digests) == 1
    document["items"][0]["sku"] += "1"
    assert read_event(canonical(document).encode()).digest not in digests


@pytest.mark.parametrize("kind", ["rma.created", "RMA_STATUS_UPDATED", "whatever"])
def test_any_event_type_is_taken_since_the_state_decides(document: dict[str, Any], kind: str) -> None:
    assert read_event(enveloped(document, type=kind)).type == kind


@pytest.mark.parametrize("stamp", [1772361000, "2026-03-01T10:30:00Z", "2026-03-01T10:30:00"])
def test_a_timestamp_is_iso_8601_or_unix_seconds(document: dict[str, Any], stamp: object) -> None:
    read = read_event(enveloped(document, timestamp=stamp))
    assert read.timestamp == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("stamp", ["now", True, [], 10**30, -(10**30)])
def test_an_unreadable_timestamp_is_a_problem(document: dict[str, Any], stamp: object) -> None:
    error = refusal(enveloped(document, timestamp=stamp))
    assert (error.status, error.problems[0].split(":")[0]) == (422, "timestamp")


@pytest.mark.parametrize("kind", [5, {}, "x" * 101, "a\nb"])
def test_an_unreadable_type_is_a_problem(document: dict[str, Any], kind: object) -> None:
    error = refusal(enveloped(document, type=kind))
    assert (error.status, error.problems[0].split(":")[0]) == (422, "type")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"[]", "it is a list, not an object"),
        (b"3", "it is a single value, not an object"),
        (b"null", "it is null, not an object"),
        (b"{}", "neither 'rmaSummary' nor 'data', but no keys at all"),
        (b'{"eventName": "RMA_STATUS_UPDATED", "rmaId": "1"}', "the keys 'eventName', 'rmaId'"),
        (b'{"data": {"order": 1}}', "its 'data' has no 'rma', but the keys 'order'"),
        (b'{"data": []}', "its 'data' has no 'rma', but is a list"),
        (b'{"data": {"rma": {"id": 1}}}', "its 'data.rma' has no 'rmaSummary', but the keys 'id'"),
        (b'{"data": {"rma": "x"}}', "its 'data.rma' has no 'rmaSummary', but is a single value"),
        (canonical({f"key{n}": 1 for n in range(30)}).encode(), "and 20 more"),
    ],
)
def test_what_is_not_an_rma_is_refused_with_what_it_is(raw: bytes, says: str) -> None:
    error = refusal(raw)
    assert error.status == 422
    assert says in str(error)
    assert "rmaSummary" in error.fix


def test_a_body_that_is_too_large_is_refused_unread(document: dict[str, Any]) -> None:
    assert refusal(b"x" * (MAX_BYTES + 1)).status == 413
    raw = canonical(document).encode()
    assert refusal(raw, max_bytes=len(raw) - 1).status == 413
    assert read_event(raw, max_bytes=len(raw)).rma.rma_id == "41501000"


def test_an_unreadable_body_is_400_and_a_wrong_document_422(document: dict[str, Any]) -> None:
    assert refusal(b"{").status == 400
    assert refusal(b'{"rmaSummary": {}, "rmaSummary": {}}').status == 400
    document["items"][0]["paidPrice"]["amount"] = -1
    error = refusal(enveloped(document))
    assert error.status == 422
    assert error.problems == ("items[0].paidPrice.amount: is negative (-1)",)


@given(st.sampled_from([b"", b'{"rmaSummary":', b'{"data":{"rma":']), st.binary(max_size=60))
def test_arbitrary_bytes_give_nothing_but_an_event_error(start: bytes, raw: bytes) -> None:
    assert str(refusal(start + raw))

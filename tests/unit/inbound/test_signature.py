"""Signatures by Standard Webhooks 1.0: its vector, its own library, and everything that is no signature."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import ConfigError, EventError
from hub.inbound.signature import MAX_SIGNATURES, new_secret, parse_secret, sign, verify

# From the reference implementation's tests: libraries/go/webhook_symmetric_test.go of
# https://github.com/standard-webhooks/standard-webhooks. Public, and signs nothing of ours.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_TIME = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

NOW = datetime.fromtimestamp(VECTOR_TIME, UTC)
KEY = parse_secret(VECTOR_SECRET)
OTHER = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="


def verified(**changes: object) -> str:
    told = {
        "candidates": {"ours": KEY},
        "message_id": VECTOR_ID,
        "timestamp": str(VECTOR_TIME),
        "signatures": VECTOR,
        "body": VECTOR_BODY,
        "now": NOW,
    }
    return verify(**{**told, **changes})  # type: ignore[arg-type]


def refused(**changes: object) -> str:
    with pytest.raises(EventError) as caught:
        verified(**changes)
    assert caught.value.status == 401
    assert caught.value.fix
    assert VECTOR not in str(caught.value)
    return caught.value.why


def test_the_specifications_vector_is_signed_and_verified() -> None:
    assert sign(KEY, VECTOR_ID, VECTOR_TIME, VECTOR_BODY) == VECTOR
    assert verified() == "ours"


def test_their_library_verifies_ours() -> None:
    secret, now = new_secret(), datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": sign(parse_secret(secret), "msg_1", int(now.timestamp()), b'{"a": "\xc3\xa9"}'),
    }
    assert standardwebhooks.Webhook(secret).verify(b'{"a": "\xc3\xa9"}', headers) == {"a": "é"}


def test_their_library_signs_for_us() -> None:
    secret = new_secret()
    signatures = standardwebhooks.Webhook(secret).sign(VECTOR_ID, NOW, '{"a": "é"}')
    body = '{"a": "é"}'.encode()
    assert verified(candidates={"new": parse_secret(secret)}, signatures=signatures, body=body) == "new"


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_secret_of_24_to_64_bytes_is_read(size: int) -> None:
    assert parse_secret("whsec_" + base64.b64encode(bytes(size)).decode()) == bytes(size)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        VECTOR_SECRET.removeprefix("whsec_"),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        VECTOR_SECRET + "!",
        VECTOR_SECRET[:-1],
        "whsec_é" + VECTOR_SECRET,
        "whsk_" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_anything_else_is_no_secret_and_is_not_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_secret(text)
    shown = f"{caught.value} {caught.value.fix}"
    assert not text.removeprefix("whsec_") or text not in shown


def test_new_secrets_differ_and_can_be_read() -> None:
    one, two = new_secret(), new_secret()
    assert one != two
    assert len(parse_secret(one)) == 32


@pytest.mark.parametrize(
    "signatures",
    [
        f"{OTHER} {VECTOR}",
        f"v2,abc v1a,def {OTHER} {VECTOR} {OTHER}",
        f" {VECTOR} ",
        f"v1,é {VECTOR}",
    ],
)
def test_one_fitting_signature_among_several_is_enough(signatures: str) -> None:
    assert verified(signatures=signatures) == "ours"


def test_whichever_secret_fits_is_named() -> None:
    candidates = {"old": bytes(24), "ours": KEY, "other": bytes(32)}
    assert verified(candidates=candidates) == "ours"


@pytest.mark.parametrize(
    "signatures",
    [
        "",
        " ",
        "v1",
        "v1,",
        OTHER,
        VECTOR[:-1],
        VECTOR + "=",
        VECTOR.replace("v1,", "v2,"),
        VECTOR.replace("v1,", "v1a,"),
        VECTOR.replace("v1,", "V1,"),
        VECTOR.removeprefix("v1,"),
        VECTOR.replace(" ", "\t").replace("v1,", "v1, "),
        f"{OTHER},{VECTOR}",
        VECTOR + "\udcff",
        "v1,é",
        " ".join([VECTOR] * (MAX_SIGNATURES + 1)),
    ],
)
def test_no_fitting_signature_is_refused(signatures: str) -> None:
    assert "signature" in refused(signatures=signatures)


def test_without_any_secret_everything_is_refused() -> None:
    assert "no signature fits" in refused(candidates={})


@pytest.mark.parametrize("message_id", ["", " ", "a b", "é", "a\udcff", "a\x00", "a" * 201])
def test_an_id_that_cannot_be_one_is_refused(message_id: str) -> None:
    timestamp = str(VECTOR_TIME)
    assert "webhook-id" in refused(message_id=message_id, timestamp=timestamp)


@pytest.mark.parametrize("timestamp", ["", "now", "16.0", "+16", "-1", "١٦", "1e9", "9" * 400])
def test_a_timestamp_that_is_none_is_refused(timestamp: str) -> None:
    assert "whole Unix seconds" in refused(timestamp=timestamp)


@pytest.mark.parametrize("away", [timedelta(seconds=-301), timedelta(seconds=301), timedelta(days=4000)])
def test_a_message_of_another_time_is_refused_though_its_signature_fits(away: timedelta) -> None:
    assert "more than 5 minutes" in refused(now=NOW + away)


@pytest.mark.parametrize("away", [timedelta(seconds=-300), timedelta(seconds=300)])
def test_five_minutes_either_way_are_tolerated(away: timedelta) -> None:
    assert verified(now=NOW + away) == "ours"


def test_the_timestamp_is_signed_as_it_was_sent() -> None:
    refused(timestamp=f"0{VECTOR_TIME}")


messages = st.tuples(
    # Of one length: HMAC fills a key up with zeros, so that two of zeros alone are one.
    st.binary(min_size=32, max_size=32),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200),
    st.integers(0, 99_999_999_999),
    st.binary(max_size=200),
)


@settings(max_examples=40)
@given(messages, messages)
def test_exactly_what_was_signed_is_verified(
    one: tuple[bytes, str, int, bytes], two: tuple[bytes, str, int, bytes]
) -> None:
    """Any part of another message in the place of this one's makes it refused."""
    right = _told(*one)
    assert verified(**right) == "ours"
    other = _told(*two)
    for name in ("candidates", "message_id", "timestamp", "signatures", "body"):
        if right[name] != other[name]:
            refused(**{**right, name: other[name]})


def _told(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, object]:
    return {
        "candidates": {"ours": key},
        "message_id": message_id,
        "timestamp": str(timestamp),
        "signatures": sign(key, message_id, timestamp, body),
        "body": body,
        "now": datetime.fromtimestamp(timestamp, UTC),
    }

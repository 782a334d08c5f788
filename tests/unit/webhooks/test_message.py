from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from hub.errors import AuthError, InDoubtError, RetriableError
from hub.hookspecs import HttpReply
from hub.inbound.signature import new_secret, parse_secret
from hub.webhooks.message import headers, judge, read_retry_after, write_body
from hub.webhooks.subscription import OLD_SECRET_LASTS, Body, Credentials, Secret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = {"rma_id": "900", "order_name": "#9ö", "store": "default", "connection": "main"}


def answered(status: int, **others: str) -> HttpReply:
    return HttpReply(status=status, headers={k.replace("_", "-"): v for k, v in others.items()}, body=b"")


def test_a_body_has_type_time_and_data() -> None:
    at = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    full = json.loads(write_body("rma.item.validated", at, FACTS, Body.FULL))
    assert full == {"type": "rma.item.validated", "timestamp": "2026-03-01T10:00:00.123Z", "data": FACTS}
    thin = json.loads(write_body("rma.item.validated", at, FACTS, Body.THIN))
    assert thin["data"] == {"rma_id": "900", "store": "default"}


def test_the_library_of_standard_webhooks_takes_each_of_several_signatures() -> None:
    secrets = [new_secret() for _ in range(3)]
    now = datetime.now(UTC)  # the library reads the clock and refuses what is five minutes old
    body = write_body("rma.item.validated", now, FACTS, Body.FULL)
    sent = headers("0123456789abcdef", body, [parse_secret(each) for each in secrets], now)
    for secret in secrets:
        assert Webhook(secret).verify(body, {k.lower(): v for k, v in sent.items()})


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    judge(answered(status), NOW)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *[(each, InDoubtError) for each in (100, 301, 302, 307, 308, 400, 401, 403, 404, 422, 500, 501)],
        *[(each, RetriableError) for each in (429, 502, 503, 504)],
        (410, AuthError),
    ],
)
def test_anything_else_says_how_to_go_on(status: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=str(status)):
        judge(answered(status), NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Wed, 01 Mar 2300 10:00:00 GMT", None),
        ("Mon, 01 Jan 2001 10:00:00 GMT", -1),
        ("-5", -1),
        ("soon", -1),
        ("", -1),
        ("١٢", -1),
        ("9" * 400, 999_999_999),
    ],
)
def test_retry_after_is_read_in_both_forms_and_nonsense_is_none(text: str, seconds: int | None) -> None:
    read = read_retry_after(answered(503, retry_after=text), NOW)
    if seconds is None:
        assert read is not None
        assert read > timedelta(days=1)
    else:
        assert read == (None if seconds < 0 else timedelta(seconds=seconds))


def test_an_old_secret_signs_for_a_day_and_is_then_forgotten() -> None:
    first = Credentials(secrets=(Secret(secret=new_secret(), created_at=NOW),))
    second = first.rotated(new_secret(), NOW)
    third = second.rotated(new_secret(), NOW + timedelta(hours=1))
    assert len(third.keys(NOW + timedelta(hours=2))) == 3
    assert len(third.keys(NOW + OLD_SECRET_LASTS)) == 2
    assert len(third.keys(NOW + OLD_SECRET_LASTS + timedelta(hours=1))) == 1
    later = third.rotated(new_secret(), NOW + timedelta(days=3))
    assert [each.secret for each in later.secrets[1:]] == [third.secrets[0].secret]

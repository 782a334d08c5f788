"""What goes to a subscriber and what its answer means. Pure.

After Standard Webhooks 1.0
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): the headers, the
body of type, timestamp and data, 2xx as success, 410 as the wish to get nothing more, 429, 502 and 504 as the
wish for fewer.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from hub.errors import AuthError, InDoubtError, RetriableError
from hub.inbound.signature import sign
from hub.webhooks.subscription import Body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.hookspecs import HttpReply

ID_PREFIX = "msg_"
TEST_TYPE = "hub.test"
"""Type of the message that `hub webhooks test` sends."""
_GONE = 410
_SLOW_DOWN = {429, 502, 503, 504}
_THIN = ("rma_id", "store")


def write_body(kind: str, created_at: datetime, facts: Mapping[str, Any], form: Body) -> bytes:
    """The body, the same bytes on every try."""
    data = {name: facts[name] for name in _THIN if name in facts} if form is Body.THIN else facts
    timestamp = created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {"type": kind, "timestamp": timestamp, "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def headers(key: str, body: bytes, keys: Sequence[bytes], now: datetime) -> dict[str, str]:
    """The headers of one try.

    Args:
        key: the update's own.
        body: as it goes out.
        keys: of every secret that signs now, newest first.
        now: the time of this try.
    """
    message_id, timestamp = f"{ID_PREFIX}{key}", int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "returns-hub",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in keys),
    }


def judge(reply: HttpReply, now: datetime) -> None:
    """Takes a success; anything else says how to go on.

    Raises:
        AuthError: it wants nothing more.
        RetriableError: it wants fewer, or cannot be reached behind its gateway.
        InDoubtError: it did not take this one.
    """
    status = reply.status
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return
    what = f"send: the subscriber answered {status}"
    if status == _GONE:
        raise AuthError(
            what,
            why="it is gone and wants no more messages",
            fix="remove it with `hub webhooks remove`, or `hub webhooks resume` once it is back",
            kind="forbidden",
        )
    if status in _SLOW_DOWN:
        raise RetriableError(what, retry_after=read_retry_after(reply, now))
    if 300 <= status < 400:  # noqa: PLR2004
        raise InDoubtError(
            what, why="the hub follows no redirects", fix="subscribe the address that it leads to"
        )
    raise InDoubtError(what)


def read_retry_after(reply: HttpReply, now: datetime) -> timedelta | None:
    """How long it asked us to wait, in either form that HTTP knows (RFC 9110, 10.2.3); None when it did not.

    A time that has passed, or that makes no sense, counts as none.
    """
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:  # "-0000": a time in UTC of no known place
        at = at.replace(tzinfo=UTC)
    return at - now if at > now else None

"""Standard Webhooks 1.0, symmetric: signing what we send and verifying what is sent to us.

The specification is https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
A signature is ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``. The header holds one or
several, separated by blanks, so that a sender can change its secret without a break.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from hub.errors import ConfigError, EventError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Name = TypeVar("Name")

PREFIX = "whsec_"
LEAST_BYTES = 24
MOST_BYTES = 64
NEW_BYTES = 32
TOLERANCE = timedelta(minutes=5)
"""How far a message's timestamp may lie from the clock, either way."""
MAX_ID_LENGTH = 200
MAX_SIGNATURES = 10
"""Signatures of one message that are compared; two are there while a sender changes its secret."""

_VERSION = "v1,"
# Visible ASCII without blanks: what the specification's examples use, and all that a header carries safely.
_ID = re.compile(rf"[\x21-\x7e]{{1,{MAX_ID_LENGTH}}}")
# Whole Unix seconds, as the specification has them; 11 digits reach the year 5138.
_TIMESTAMP = re.compile(r"[0-9]{1,11}")


def new_secret() -> str:
    """A new random secret, ``whsec_…`` of 32 bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_BYTES)).decode()


def parse_secret(text: str) -> bytes:
    """The key bytes of a secret.

    Args:
        text: ``whsec_`` and the base64 of 24 to 64 bytes.

    Raises:
        ConfigError: it is something else. The message does not show it.
    """
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters that are not ASCII
        key = b""
    if not text.startswith(PREFIX) or not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ConfigError(
            "read the signing secret",
            why=f"it is not {PREFIX!r} and the base64 of {LEAST_BYTES} to {MOST_BYTES} bytes",
            fix="copy it whole from where it was made, or let the hub make one",
        )
    return key


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, as it stands in ``webhook-signature``.

    Args:
        secret: key bytes, as :func:`parse_secret` gives them.
        message_id: the header ``webhook-id``.
        timestamp: the header ``webhook-timestamp``, Unix seconds.
        body: the body's bytes as they go out.
    """
    return _signature(secret, message_id, str(timestamp), body)


def verify(
    candidates: Mapping[Name, bytes],
    *,
    message_id: str,
    timestamp: str,
    signatures: str,
    body: bytes,
    now: datetime,
) -> Name:
    """Finds the secret that signed a message.

    Every secret is compared with every signature, each in constant time, so that the time it takes does not
    tell how close a guess came.

    Args:
        candidates: secrets that count, by whatever names them.
        message_id: the header ``webhook-id``; empty when it is missing, as below.
        timestamp: the header ``webhook-timestamp``.
        signatures: the header ``webhook-signature``. Schemes other than ``v1`` are passed over.
        body: the raw body.
        now: the time, aware.

    Returns:
        The name of the first secret that fits.

    Raises:
        EventError: 401, with what is wrong; never with what would have been right.
    """
    given = check_form(message_id=message_id, timestamp=timestamp, signatures=signatures, now=now)
    fitting = []
    for name, secret in candidates.items():
        expected = _signature(secret, message_id, timestamp, body)
        fitting += [name for each in given if hmac.compare_digest(each, expected)]
    if not fitting:
        raise _refusal(
            "no signature fits a secret of this hub",
            "sign the body's exact bytes with a secret that `hub events secrets` made or was given",
        )
    return fitting[0]


def check_form(*, message_id: str, timestamp: str, signatures: str, now: datetime) -> list[str]:
    """Refuses what no body could make right, before one is read. Arguments as for :func:`verify`.

    Returns:
        The signatures to compare.

    Raises:
        EventError: 401.
    """
    if not _ID.fullmatch(message_id):
        raise _refusal(
            f"webhook-id is not 1 to {MAX_ID_LENGTH} visible ASCII characters",
            "send an id that stays the same on every repetition",
        )
    if not _TIMESTAMP.fullmatch(timestamp):
        raise _refusal("webhook-timestamp is not whole Unix seconds", "send the time of this attempt")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise _refusal(
            f"webhook-timestamp is more than {TOLERANCE // timedelta(minutes=1)} minutes from our clock",
            "sign every attempt anew with its own time, and set the sender's clock",
        )
    # Not ASCII is no base64, and a comparison in constant time takes nothing else.
    given = [each for each in signatures.split(" ") if each.startswith(_VERSION) and each.isascii()]
    if not given or len(given) > MAX_SIGNATURES:
        raise _refusal(
            f"webhook-signature does not hold 1 to {MAX_SIGNATURES} v1 signatures",
            "sign with a secret that `hub events secrets` made or was given",
        )
    return given


def _signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    # An id may hold full stops: what is cut elsewhere leaves a body that begins with digits, which is no RMA.
    signed = f"{message_id}.{timestamp}.".encode() + body
    return _VERSION + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def _refusal(why: str, fix: str) -> EventError:
    return EventError("verify the event's signature", why=why, fix=fix, status=401)

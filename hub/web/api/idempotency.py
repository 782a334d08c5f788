"""``Idempotency-Key``: a request that is sent again is answered again, and carried out once.

As draft-ietf-httpapi-idempotency-key-header-07 has it: the same key with another request is 422, and while
the first one is under way 409. Only an answer that tells of success is kept. A request that was refused has
done nothing, so that its key is free again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from tortoise.exceptions import IntegrityError

from hub.errors import UsageError
from hub.store.database import in_transaction
from hub.store.people import KeptAnswer
from hub.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.clock import Clock

KEPT_FOR = timedelta(hours=48)
"""How long at least a request may be sent again."""
LONGEST = timedelta(minutes=10)
"""Whoever has not answered by then has died. What the request does is safe to do again: a name is taken only
once, and a delivery changes only as it was seen."""
COME_AGAIN = timedelta(seconds=2)
_KEY = re.compile("[!-~]{1,255}")


async def once(
    clock: Clock, who: str, key: str, request: bytes, act: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    """Carries a request out, or answers as it was answered before.

    Args:
        clock: time.
        who: the id of the token that asks: each has keys of its own, also when it is given an old one's name.
        key: the header.
        request: all that tells one request from another.
        act: carries it out.

    Raises:
        UsageError: the key cannot be used. RequestError: 409 or 422.
    """
    if not _KEY.fullmatch(key):
        raise UsageError(
            "read Idempotency-Key",
            why="a key has 1 to 255 printable ASCII characters, and no blank",
            fix="make a new UUID for each request, and send it again with the same request only",
        )
    digest = hashlib.sha256(f"{who}\n{key}".encode()).hexdigest()
    # Made with the key, which is not stored: a body may hold a secret that could else be guessed.
    asked = hmac.new(key.encode(), request, hashlib.sha256).hexdigest()
    row = await _begin(clock, digest, asked)
    if row.status is not None:
        return _again(row)
    # Whoever took longer than LONGEST has been taken for dead, and the key is another's by now.
    mine = KeptAnswer.filter(id=row.id, started_at=row.started_at, status__isnull=True)
    try:
        answer = await act()
    except Exception:
        await mine.delete()
        raise
    location = answer.headers.get(hdrs.LOCATION, "")
    await mine.update(status=answer.status, body=answer.text or "", location=location)
    return answer


async def _begin(clock: Clock, digest: str, asked: str) -> KeptAnswer:
    now = clock.now()
    try:
        async with in_transaction():
            await KeptAnswer.filter(started_at__lt=now - KEPT_FOR).delete()
            row = await KeptAnswer.filter(key=digest).select_for_update().first()
            if row is None:
                return await KeptAnswer.create(key=digest, request=asked, started_at=now)
            if row.request != asked:
                raise RequestError(
                    "use this Idempotency-Key: it came with another request before",
                    status=HTTPStatus.UNPROCESSABLE_ENTITY,
                    fix="make a new key for each request",
                )
            if row.status is None and row.started_at > now - LONGEST:
                raise _under_way()
            if row.status is None:
                row.started_at = now
                await row.save(update_fields=["started_at"])
            return row
    except IntegrityError as error:  # on PostgreSQL two may begin at one moment
        raise _under_way() from error


def _under_way() -> RequestError:
    return RequestError(
        "carry the request out: it is under way",
        status=HTTPStatus.CONFLICT,
        why="one with the same Idempotency-Key came before and has no answer yet",
        fix="send the same again after Retry-After",
        retry_after=COME_AGAIN,
    )


def _again(row: KeptAnswer) -> web.Response:
    headers = {"Idempotent-Replayed": "true"}
    if row.location:
        headers[hdrs.LOCATION] = row.location
    return web.Response(
        text=row.body, status=row.status or HTTPStatus.OK, content_type="application/json", headers=headers
    )

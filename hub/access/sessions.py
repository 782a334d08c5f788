"""Sessions: browsers in which somebody is signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import BaseORMException

from hub.access.tokens import digest, new_secret
from hub.store.people import ApiToken, Session

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from hub.store.people import User

LONGEST = timedelta(days=7)
"""Then the password is asked for again, whatever was done."""
IDLE = timedelta(hours=12)
"""The same when nothing was done for so long."""
NOTED_EVERY = timedelta(minutes=1)
"""How exactly the last use is known: a write for every page would be too dear."""

log = structlog.get_logger()


async def start(user: User, now: datetime, address: str) -> str:
    """Signs a browser in, and forgets sessions that have run out.

    Returns:
        The text for its cookie; it is stored nowhere.
    """
    await Session.filter(expires_at__lt=now).delete()
    secret = new_secret()
    await Session.create(
        user_id=user.id,
        token_hash=digest(secret),
        created_at=now,
        last_seen_at=now,
        expires_at=now + LONGEST,
        address=address,
    )
    return secret


async def find(secret: str, now: datetime) -> Session | None:
    """The session of a cookie, with its user; None when there is none, or it has run out."""
    row = await Session.get_or_none(token_hash=digest(secret)).select_related("user")
    if row is None or row.expires_at <= now or row.last_seen_at + IDLE <= now or row.user.disabled_at:
        return None
    if row.last_seen_at > now + IDLE:
        # Begun by a clock that ran far ahead and has been set back since: it would last for ever.
        return None
    if row.last_seen_at + NOTED_EVERY <= now:
        row.last_seen_at = now
        await noted(Session.filter(id=row.id).update(last_seen_at=now))
    return row


async def find_token(token: str, now: datetime) -> ApiToken | None:
    """The live API token of that text, with its use noted; None when there is none."""
    row = await ApiToken.get_or_none(token_hash=digest(token), revoked_at__isnull=True)
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    if row.last_used_at is None or row.last_used_at + NOTED_EVERY <= now:
        row.last_used_at = now
        await noted(ApiToken.filter(id=row.id).update(last_used_at=now))
    return row


async def noted(writing: Awaitable[object]) -> None:
    """Writes when something was last used; a database that takes no writes can still be read."""
    try:
        await writing
    except BaseORMException as error:
        log.warning("the last use could not be written", reason=str(error))


async def end(session: Session) -> None:
    """Signs one browser out."""
    await Session.filter(id=session.id).delete()


async def end_all(user: User) -> int:
    """Signs a user out everywhere.

    Returns:
        How many browsers that were.
    """
    return await Session.filter(user_id=user.id).delete()


async def every(user: User, now: datetime) -> list[Session]:
    """A user's live sessions, the last used first."""
    live = Session.filter(user_id=user.id, expires_at__gt=now, last_seen_at__gt=now - IDLE)
    return await live.order_by("-last_seen_at", "-id")

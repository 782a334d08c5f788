"""People who sign in: administrators, and merchants of one store."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.access import audit, sessions
from hub.access.tokens import digest, new_secret
from hub.errors import ConflictError, NotFoundError, UsageError
from hub.store.database import in_transaction, naming, setting_up
from hub.store.models import NAME_LENGTH
from hub.store.people import SignInLink, User

if TYPE_CHECKING:
    from datetime import datetime

    from hub.clock import Clock
    from hub.errors import HubError
    from hub.store.models import Store

LINK_LASTS = timedelta(hours=24)
FIRST_NAME = "admin"
"""What the first administrator is called until they choose a name of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewLink:
    """A link that was just made; its secret is shown once.

    Attributes:
        user: whose it is.
        path: where on this hub it leads.
        expires_at: until when it can be followed.
    """

    user: User
    path: str
    expires_at: datetime


async def add(clock: Clock, name: str, *, store: Store | None) -> NewLink:
    """Adds somebody, and makes the link with which they choose a password.

    Args:
        clock: time and ids.
        name: unique in this hub, compared without case.
        store: the one store they see; None makes them an administrator.

    Raises:
        ConflictError: the name is taken. UsageError: it cannot be used.
    """
    name = checked_name(name)
    async with naming():
        await check_free(name)
        user = await User.create(
            id=clock.new_id(),
            name=name,
            name_key=name.casefold(),
            is_admin=store is None,
            store_id=store.id if store else None,
            created_at=clock.now(),
        )
        await audit.record("user.added", name, store=user.store_id, after=_shown(user))
        return await _new_link(clock, user)


async def first_administrator(clock: Clock) -> NewLink | None:
    """The way in for the first administrator; None once there is one who can sign in."""
    async with setting_up():
        if await User.exists(is_admin=True, password_hash__isnull=False, disabled_at__isnull=True):
            return None
        waiting = User.filter(is_admin=True, password_hash__isnull=True, disabled_at__isnull=True)
        invited = await waiting.select_for_update(no_key=True).first()
        if invited is not None:
            return await _new_link(clock, invited)
        taken = await User.exists(name_key=FIRST_NAME)
        return await add(clock, f"{FIRST_NAME} {clock.new_id()[:4]}" if taken else FIRST_NAME, store=None)


async def link(clock: Clock, user: User) -> NewLink:
    """Makes a new link for somebody who lost their password; earlier ones end.

    Raises:
        ConflictError: the user is disabled. NotFoundError: they were removed meanwhile.
    """
    async with in_transaction():
        held = await held_user(user)
        if held.disabled_at is not None:
            raise ConflictError(
                f"make a link for {held.name!r}: they are disabled",
                fix=f"run `hub users enable {shlex.quote(held.name)}` first",
            )
        await audit.record("user.link_made", held.name, store=held.store_id)
        return await _new_link(clock, held)


async def _new_link(clock: Clock, user: User) -> NewLink:
    await SignInLink.filter(user_id=user.id).delete()
    secret, now = new_secret(), clock.now()
    expires_at = now + LINK_LASTS
    await SignInLink.create(user_id=user.id, token_hash=digest(secret), created_at=now, expires_at=expires_at)
    return NewLink(user=user, path=f"/welcome/{secret}", expires_at=expires_at)


async def get(name: str) -> User:
    """The user of that name.

    Raises:
        NotFoundError: there is none.
    """
    user = await User.get_or_none(name_key=name.strip().casefold()).select_related("store")
    if user is None:
        raise _no_user(name)
    return user


async def every() -> list[User]:
    """All users, by name."""
    return await User.all().select_related("store").order_by("name_key")


async def held_user(user: User, *, gone: HubError | None = None) -> User:
    """A user's row as it is now, locked until the caller's transaction ends.

    Args:
        user: as they were read before.
        gone: raised for somebody who was removed; None for the error that :func:`get` raises.
    """
    held = await User.filter(id=user.id).select_for_update(no_key=True).first()
    if held is None:
        raise gone or _no_user(user.name)
    return held


def _no_user(name: str) -> NotFoundError:
    return NotFoundError(f"find user {name!r}", fix="list them with `hub users list`")


async def disable(clock: Clock, user: User) -> None:
    """Keeps somebody out from this moment on; their sessions and links end.

    Raises:
        NotFoundError: they were removed meanwhile.
    """
    async with in_transaction():
        held = await held_user(user)
        await User.filter(id=held.id).update(disabled_at=clock.now())
        await SignInLink.filter(user_id=held.id).delete()
        await sessions.end_all(held)
        await audit.record("user.disabled", held.name, store=held.store_id)


async def enable(user: User) -> None:
    """Lets somebody in again, with the password they had.

    Raises:
        NotFoundError: they were removed meanwhile.
    """
    async with in_transaction():
        held = await held_user(user)
        await User.filter(id=held.id).update(disabled_at=None)
        await audit.record("user.enabled", held.name, store=held.store_id)


async def remove(user: User) -> None:
    """Forgets somebody; what they did stays in the audit log under their name.

    Raises:
        NotFoundError: they were removed meanwhile.
    """
    async with in_transaction():
        held = await held_user(user)
        await audit.record("user.removed", held.name, store=held.store_id, before=_shown(held))
        await User.filter(id=held.id).delete()


def checked_name(name: str) -> str:
    """A name without blanks around it.

    Raises:
        UsageError: nothing or too much is left, or something that cannot be printed.
    """
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise UsageError(
            "choose a name",
            why=f"a name has 1 to {NAME_LENGTH} printable characters, and this one has {len(name)}",
            fix="give another name",
        )
    return name


async def check_free(name: str) -> None:
    """Refuses a name that somebody has; within :func:`~hub.store.database.naming` it stays free.

    Raises:
        ConflictError: it is taken.
    """
    if await User.exists(name_key=name.casefold()):
        raise ConflictError(f"name a user {name!r}: there is one of that name", fix="choose another name")


def _shown(user: User) -> dict[str, Any]:
    return {"name": user.name, "is_admin": user.is_admin}

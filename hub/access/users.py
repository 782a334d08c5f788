"""People who sign in: administrators, and merchants of one store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.access import audit, sessions
from hub.access.passwords import check_choice, is_outdated
from hub.access.principal import Principal, acting
from hub.access.throttle import count_try, forgive
from hub.access.tokens import digest, new_secret
from hub.errors import AccessError, ConflictError, NotFoundError, UsageError
from hub.store.database import in_transaction, setting_up
from hub.store.models import NAME_LENGTH
from hub.store.people import SignInLink, Source, User

if TYPE_CHECKING:
    from datetime import datetime

    from hub.access.passwords import Passwords
    from hub.clock import Clock
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
    async with in_transaction():
        await _check_free(name)
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
        invited = await User.filter(
            is_admin=True, password_hash__isnull=True, disabled_at__isnull=True
        ).first()
        if invited is not None:
            return await _new_link(clock, invited)
        taken = await User.exists(name_key=FIRST_NAME)
        return await add(clock, f"{FIRST_NAME} {clock.new_id()[:4]}" if taken else FIRST_NAME, store=None)


async def link(clock: Clock, user: User) -> NewLink:
    """Makes a new link for somebody who lost their password; earlier ones end.

    Raises:
        ConflictError: the user is disabled.
    """
    if user.disabled_at is not None:
        raise ConflictError(
            f"make a link for {user.name!r}: they are disabled",
            fix=f"run `hub users enable {user.name}` first",
        )
    async with in_transaction():
        await audit.record("user.link_made", user.name, store=user.store_id)
        return await _new_link(clock, user)


async def _new_link(clock: Clock, user: User) -> NewLink:
    await SignInLink.filter(user_id=user.id).delete()
    secret, now = new_secret(), clock.now()
    expires_at = now + LINK_LASTS
    await SignInLink.create(user_id=user.id, token_hash=digest(secret), created_at=now, expires_at=expires_at)
    return NewLink(user=user, path=f"/welcome/{secret}", expires_at=expires_at)


async def invited(secret: str, now: datetime) -> User:
    """Whose link it is.

    Raises:
        NotFoundError: it was used, has run out, or never was.
    """
    row = await SignInLink.get_or_none(token_hash=digest(secret)).select_related("user")
    if row is None or row.expires_at <= now or row.user.disabled_at is not None:
        raise NotFoundError(
            "follow the link: it leads nowhere",
            why="a link works once, and for a day",
            fix="ask an administrator for a new one (`hub users link NAME`); where nobody has a password yet,"
            " `hub init` prints one",
        )
    return row.user


async def welcome(
    clock: Clock, passwords: Passwords, secret: str, *, name: str, password: str, address: str
) -> tuple[User, str]:
    """Follows a link: sets name and password, ends all other sessions, and signs the browser in.

    Returns:
        The user, and the text for the browser's cookie.

    Raises:
        NotFoundError: the link leads nowhere. UsageError: the name or the password cannot be used.
        ConflictError: the name is taken.
    """
    now = clock.now()
    user = await invited(secret, now)
    name = checked_name(name)
    check_choice(password, name)
    hashed = await passwords.hashed(password)
    async with in_transaction():
        # Whoever deletes the row has the link: two browsers at once do not both get in.
        if not await SignInLink.filter(token_hash=digest(secret)).delete():
            await invited(secret, now)
        if name.casefold() != user.name_key:
            await _check_free(name)
        before = {"name": user.name}
        user.name, user.name_key, user.password_hash = name, name.casefold(), hashed
        user.last_sign_in_at = now
        await user.save(update_fields=["name", "name_key", "password_hash", "last_sign_in_at"])
        await sessions.end_all(user)
        with acting(_principal(user, address)):
            after = {"name": user.name, "password": "set"}
            await audit.record("user.link_followed", name, store=user.store_id, before=before, after=after)
        return user, await sessions.start(user, now, address)


async def sign_in(
    clock: Clock, passwords: Passwords, *, name: str, password: str, address: str
) -> tuple[User, str]:
    """Signs a browser in. A name that is not there and a wrong password look and last the same.

    Returns:
        The user, and the text for the browser's cookie: a new one, whatever the browser brought.

    Raises:
        AccessError: 401 wrong, 429 too many tries.
    """
    now = clock.now()
    await count_try(name, address, now)
    key = name.strip().casefold()
    # What cannot be printed is nobody's name, and PostgreSQL takes no NUL.
    user = await User.get_or_none(name_key=key, disabled_at__isnull=True) if key.isprintable() else None
    if not await passwords.fits(password, user.password_hash if user else None) or user is None:
        raise AccessError(
            "sign in: the name or the password is wrong",
            fix="try again; an administrator can make a new link with `hub users link NAME`",
            status=401,
        )
    await forgive(name, address)
    if is_outdated(user.password_hash or ""):
        user.password_hash = await passwords.hashed(password)
    async with in_transaction():
        user.last_sign_in_at = now
        await user.save(update_fields=["last_sign_in_at", "password_hash"])
        with acting(_principal(user, address)):
            await audit.record("user.signed_in", user.name, store=user.store_id)
        return user, await sessions.start(user, now, address)


async def change_password(
    clock: Clock, passwords: Passwords, user: User, *, old: str, new: str, address: str
) -> str:
    """Changes a password and signs the user out everywhere else.

    Returns:
        The text for this browser's new cookie.

    Raises:
        AccessError: 401 the old one is wrong, 429 too many tries. UsageError: the new one cannot be used.
    """
    now = clock.now()
    check_choice(new, user.name)
    await count_try(user.name, address, now)
    if not await passwords.fits(old, user.password_hash):
        raise AccessError(
            "change the password: the present one is wrong", fix="type the present one again", status=401
        )
    await forgive(user.name, address)
    hashed = await passwords.hashed(new)
    async with in_transaction():
        user.password_hash = hashed
        await user.save(update_fields=["password_hash"])
        await SignInLink.filter(user_id=user.id).delete()
        await sessions.end_all(user)
        await audit.record("user.password_changed", user.name, store=user.store_id)
        return await sessions.start(user, now, address)


async def get(name: str) -> User:
    """The user of that name.

    Raises:
        NotFoundError: there is none.
    """
    user = await User.get_or_none(name_key=name.strip().casefold()).select_related("store")
    if user is None:
        raise NotFoundError(f"find user {name!r}", fix="list them with `hub users list`")
    return user


async def every() -> list[User]:
    """All users, by name."""
    return await User.all().select_related("store").order_by("name_key")


async def disable(clock: Clock, user: User) -> None:
    """Keeps somebody out from this moment on; their sessions and links end."""
    async with in_transaction():
        await User.filter(id=user.id).update(disabled_at=clock.now())
        await SignInLink.filter(user_id=user.id).delete()
        await sessions.end_all(user)
        await audit.record("user.disabled", user.name, store=user.store_id)


async def enable(user: User) -> None:
    """Lets somebody in again, with the password they had."""
    async with in_transaction():
        await User.filter(id=user.id).update(disabled_at=None)
        await audit.record("user.enabled", user.name, store=user.store_id)


async def remove(user: User) -> None:
    """Forgets somebody; what they did stays in the audit log under their name."""
    async with in_transaction():
        await audit.record("user.removed", user.name, store=user.store_id, before=_shown(user))
        await User.filter(id=user.id).delete()


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


async def _check_free(name: str) -> None:
    if await User.exists(name_key=name.casefold()):
        raise ConflictError(f"name a user {name!r}: there is one of that name", fix="choose another name")


def _principal(user: User, address: str) -> Principal:
    return Principal(
        who=user.name, source=Source.PAGE, is_admin=user.is_admin, store_id=user.store_id, address=address
    )


def _shown(user: User) -> dict[str, Any]:
    return {"name": user.name, "is_admin": user.is_admin}

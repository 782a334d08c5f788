"""Coming in with a first link or a password, and changing the password.

To make or to check the hash of a password takes a while, on purpose. Whatever was read before may be another
by then, so each function here reads the user again, locked, before it lets anybody in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.access import audit, sessions
from hub.access.passwords import check_choice
from hub.access.principal import Principal, acting
from hub.access.throttle import count_try, forgive
from hub.access.tokens import digest
from hub.access.users import check_free, checked_name, held_user
from hub.errors import AccessError, NotFoundError
from hub.store.database import in_transaction, naming
from hub.store.people import SignInLink, Source, User

if TYPE_CHECKING:
    from datetime import datetime

    from hub.access.passwords import Passwords
    from hub.clock import Clock


async def invited(secret: str, now: datetime) -> User:
    """Whose link it is.

    Raises:
        NotFoundError: it was used, has run out, or never was.
    """
    row = await SignInLink.get_or_none(token_hash=digest(secret)).select_related("user")
    if row is None or row.expires_at <= now or row.user.disabled_at is not None:
        raise _leads_nowhere()
    return row.user


def _leads_nowhere() -> NotFoundError:
    return NotFoundError(
        "follow the link: it leads nowhere",
        why="a link works once, and for a day",
        fix="ask an administrator for a new one (`hub users link NAME`); where nobody has a password yet,"
        " `hub init` prints one",
    )


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
    user = await invited(secret, clock.now())
    name = checked_name(name)
    check_choice(password, name)
    hashed = await passwords.hashed(password)
    async with naming():
        held, now = await held_user(user, gone=_leads_nowhere()), clock.now()
        # Whoever deletes the row has the link: two browsers at once do not both get in, and disabling the
        # user or making a newer link meanwhile has deleted it.
        live = SignInLink.filter(token_hash=digest(secret), user_id=held.id, expires_at__gt=now)
        if held.disabled_at is not None or not await live.delete():
            raise _leads_nowhere()
        if name.casefold() != held.name_key:
            await check_free(name)
        await User.filter(id=held.id).update(
            name=name, name_key=name.casefold(), password_hash=hashed, last_sign_in_at=now
        )
        await sessions.end_all(held)
        before, held.name = {"name": held.name}, name
        with acting(_principal(held, address)):
            after = {"name": name, "password": "set"}
            await audit.record("user.link_followed", name, store=held.store_id, before=before, after=after)
        return held, await sessions.start(held, now, address)


async def sign_in(
    clock: Clock, passwords: Passwords, *, name: str, password: str, address: str
) -> tuple[User, str]:
    """Signs a browser in. A name that is not there and a wrong password look and last the same.

    Returns:
        The user, and the text for the browser's cookie: a new one, whatever the browser brought.

    Raises:
        AccessError: 401 wrong, 429 too many tries.
    """
    await count_try(name, address, clock.now())
    key = name.strip().casefold()
    # What cannot be printed is nobody's name, and PostgreSQL takes no NUL.
    user = await User.get_or_none(name_key=key, disabled_at__isnull=True) if key.isprintable() else None
    if not await passwords.fits(password, user.password_hash if user else None) or user is None:
        raise _wrong()
    is_old = passwords.is_outdated(user.password_hash or "")
    anew = {"password_hash": await passwords.hashed(password)} if is_old else {}
    async with in_transaction():
        held, now = await _held_if_unchanged(user, _wrong()), clock.now()
        await User.filter(id=held.id).update(last_sign_in_at=now, **anew)
        await forgive(name, address)
        with acting(_principal(held, address)):
            await audit.record("user.signed_in", held.name, store=held.store_id)
        return held, await sessions.start(held, now, address)


def _wrong() -> AccessError:
    return AccessError(
        "sign in: the name or the password is wrong",
        fix="try again; an administrator can make a new link with `hub users link NAME`",
        status=401,
    )


async def change_password(
    clock: Clock, passwords: Passwords, user: User, *, old: str, new: str, address: str
) -> str:
    """Changes a password and signs the user out everywhere else.

    Returns:
        The text for this browser's new cookie.

    Raises:
        AccessError: 401 the old one is wrong, 429 too many tries. UsageError: the new one cannot be used.
    """
    check_choice(new, user.name)
    await count_try(user.name, address, clock.now())
    wrong = AccessError(
        "change the password: the present one is wrong", fix="type the present one again", status=401
    )
    if not await passwords.fits(old, user.password_hash):
        raise wrong
    hashed = await passwords.hashed(new)
    async with in_transaction():
        held = await _held_if_unchanged(user, wrong)
        await User.filter(id=held.id).update(password_hash=hashed)
        await forgive(user.name, address)
        # Before the sessions end: whoever asks acts by one of them.
        await audit.record("user.password_changed", held.name, store=held.store_id)
        await SignInLink.filter(user_id=held.id).delete()
        await sessions.end_all(held)
        return await sessions.start(held, clock.now(), address)


async def _held_if_unchanged(user: User, refusal: AccessError) -> User:
    """The row of somebody whose password was just found right, locked until the caller's transaction ends.

    To look at a password takes a while, in which it may be changed or reset, or the user kept out.

    Raises:
        AccessError: the refusal: they are gone or disabled, or have another password now.
    """
    held = await held_user(user, gone=refusal)
    if held.disabled_at is not None or held.password_hash != user.password_hash:
        raise refusal
    return held


def _principal(user: User, address: str) -> Principal:
    return Principal(
        who=user.name, source=Source.PAGE, is_admin=user.is_admin, store_id=user.store_id, address=address
    )

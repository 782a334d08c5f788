"""For administrators: stores, users, API tokens, and who changed what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from hub.access import api_tokens, audit, users
from hub.access.principal import Scope
from hub.errors import HubError, NotFoundError, UsageError
from hub.merchant import contested, stores
from hub.web import arrival, guard
from hub.web.guard import HUB, Need
from hub.web.pages import done, fields, show
from hub.web.problems import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.store.models import Store
    from hub.store.people import AuditEntry, User

USERS, TOKENS, STORES = "/settings/users", "/settings/tokens", "/settings/stores"
PER_PAGE = 50
LONGEST_NUMBER = 15
MOST_DAYS = 3650
MOST_TOLD = 4
"""An entry of the audit log that tells more facts folds them away."""


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    guard.add_routes(
        app,
        Need.ADMIN,
        [
            web.get(STORES, show_stores),
            web.post(STORES, add_store),
            web.get(USERS, show_users),
            web.post(USERS, add_user),
            web.post(f"{USERS}/{{name}}/link", new_link),
            web.post(f"{USERS}/{{name}}/disable", disable),
            web.post(f"{USERS}/{{name}}/enable", enable),
            web.post(f"{USERS}/{{name}}/remove", remove),
            web.get(TOKENS, show_tokens),
            web.post(TOKENS, add_token),
            web.post(f"{TOKENS}/{{name}}/revoke", revoke),
            web.get("/settings/audit", show_audit),
        ],
    )


async def show_stores(request: web.Request) -> web.Response:
    """Every store."""
    return await _stores(request)


async def _stores(request: web.Request, error: HubError | None = None, typed: str = "") -> web.Response:
    return await show(
        request,
        "settings/stores.html",
        status=status_of(error) if error else 200,
        rows=await stores.every(),
        contested=await contested.every(),
        error=error,
        typed=typed,
    )


async def add_store(request: web.Request) -> web.Response:
    """Adds a store."""
    name = str((await request.post()).get("name", ""))
    try:
        row = await stores.add(name, request.app[HUB].clock.now())
    except HubError as error:
        return await _stores(request, error, name)
    return done(request, STORES, f"Store {row.name} is added.")


async def show_users(request: web.Request) -> web.Response:
    """Everybody who can sign in."""
    return await _users(request)


async def _users(
    request: web.Request,
    *,
    error: HubError | None = None,
    typed: str = "",
    new: users.NewLink | None = None,
) -> web.Response:
    scheme = "https" if _is_https(request) else "http"
    return await show(
        request,
        "settings/users.html",
        status=status_of(error) if error else 200,
        rows=await users.every(),
        stores=await stores.every(),
        error=error,
        typed=typed,
        new=new,
        new_link=f"{scheme}://{request.host}{new.path}" if new else "",
    )


def _is_https(request: web.Request) -> bool:
    return arrival.is_https(request, is_behind_proxy=request.app[HUB].environment.behind_proxy)


async def add_user(request: web.Request) -> web.Response:
    """Adds somebody, and shows the link with which they choose a password."""
    form = await request.post()
    name = str(form.get("name", ""))
    try:
        new = await users.add(request.app[HUB].clock, name, store=await _store(form))
    except HubError as error:
        return await _users(request, error=error, typed=name)
    return await _users(request, new=new)


async def _store(form: Mapping[str, object]) -> Store | None:
    """The store that a form names; None for all of them."""
    name = str(form.get("store", ""))
    return await stores.get(name) if name else None


async def _other(request: web.Request, what: str) -> User:
    """The user that the address names, who is somebody else.

    Raises:
        NotFoundError: there is none. UsageError: it is whoever asks.
    """
    user = await users.get(request.match_info["name"])
    if user.id == guard.principal(request).user_id:
        raise UsageError(
            f"{what} {user.name}: that is you",
            why="you would lock yourself out",
            fix="ask another administrator",
        )
    return user


async def new_link(request: web.Request) -> web.Response:
    """Makes a new link for somebody, and shows it."""
    user = await users.get(request.match_info["name"])
    try:
        new = await users.link(request.app[HUB].clock, user)
    except HubError as error:
        return await _users(request, error=error)
    return await _users(request, new=new)


async def disable(request: web.Request) -> web.Response:
    """Keeps somebody out from now on."""
    try:
        user = await _other(request, "disable")
    except UsageError as error:
        return await _users(request, error=error)
    await users.disable(request.app[HUB].clock, user)
    return done(request, USERS, f"{user.name} is signed out everywhere and cannot come back.")


async def enable(request: web.Request) -> web.Response:
    """Lets somebody in again."""
    user = await users.get(request.match_info["name"])
    await users.enable(user)
    return done(request, USERS, f"{user.name} can sign in again.")


async def remove(request: web.Request) -> web.Response:
    """Forgets somebody."""
    try:
        user = await _other(request, "remove")
    except UsageError as error:
        return await _users(request, error=error)
    await users.remove(user)
    return done(request, USERS, f"{user.name} is removed. What they did stays in the audit log.")


async def show_tokens(request: web.Request) -> web.Response:
    """Every API token."""
    return await _tokens(request)


async def _tokens(
    request: web.Request, *, error: HubError | None = None, typed: str = "", token: str = ""
) -> web.Response:
    return await show(
        request,
        "settings/tokens.html",
        status=status_of(error) if error else 200,
        rows=[(each, api_tokens.scopes_of(each)) for each in await api_tokens.every()],
        stores=await stores.every(),
        scopes=list(Scope),
        error=error,
        typed=typed,
        token=token,
    )


async def add_token(request: web.Request) -> web.Response:
    """Makes a token, and shows it this once."""
    form = await request.post()
    name = str(form.get("name", ""))
    now = request.app[HUB].clock.now()
    try:
        _, token = await api_tokens.add(
            request.app[HUB].clock,
            name,
            [scope for scope in Scope if f"scope-{scope}" in form],
            store=await _store(form),
            expires_at=now + timedelta(days=min(days, MOST_DAYS))
            if (days := _number(form.get("days")))
            else None,
        )
    except HubError as error:
        return await _tokens(request, error=error, typed=name)
    return await _tokens(request, token=token)


async def revoke(request: web.Request) -> web.Response:
    """Ends a token."""
    row = await api_tokens.revoke(request.app[HUB].clock, request.match_info["name"])
    return done(request, TOKENS, f"{row.name} is refused from now on.")


async def show_audit(request: web.Request) -> web.Response:
    """Who changed what, newest first."""
    query = request.query
    error, rows = None, []
    try:
        store = await stores.get(query["of"]) if query.get("of") else None
        rows = await audit.every(
            store=store.id if store else None,
            since=_day(query.get("since", "")),
            target=query.get("target") or None,
            below=_number(query.get("below", "")),
            limit=PER_PAGE + 1,
        )
    except (UsageError, NotFoundError) as refused:
        error = refused
    return await show(
        request,
        "settings/audit.html",
        status=status_of(error) if error else 200,
        rows=[(each, _told(each)) for each in rows[:PER_PAGE]],
        most=MOST_TOLD,
        below=rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else None,
        stores=await stores.every(),
        query=query,
        error=error,
    )


def _number(text: object) -> int | None:
    """A number that was typed or stands in an address; None for anything that is none."""
    read = str(text or "")
    return int(read) if read.isdecimal() and len(read) <= LONGEST_NUMBER else None


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"read the day {text!r}", fix="write it like 2026-03-01") from error


def _told(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """What differs, as name, before and after; nothing is an empty text."""
    before = json.loads(entry.before) if entry.before else {}
    after = json.loads(entry.after) if entry.after else {}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [(name, fields.shown(before.get(name)), fields.shown(after.get(name))) for name in names]

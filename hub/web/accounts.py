"""Signing in and out, following a first link, and a user's own account."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from hub.access import sessions, sign_in
from hub.errors import AccessError, ConflictError, UsageError
from hub.merchant.rmas import shown_time
from hub.web import guard, static_files
from hub.web.guard import HUB, PASSWORDS, SESSION, Need
from hub.web.pages import render
from hub.web.problems import RequestError, problem, status_of

if TYPE_CHECKING:
    from hub.errors import HubError

MOST_SIGNING_IN = 32
"""Passwords that wait to be looked at: one after the other, a tenth of a second each, so that the last of
them waits for three."""
COME_AGAIN = timedelta(seconds=3)
HOME = "/"
"""Where a person comes to after signing in, unless they were on their way to another page."""


SIGNING_IN = web.AppKey("signing_in", set[object])


def add_to(app: web.Application) -> None:
    """Adds the routes."""
    app[SIGNING_IN] = set()
    static_files.add_to(app)
    guard.add_routes(
        app,
        Need.VISITOR,
        [
            web.get("/login", show_login, name="login"),
            web.post("/login", login),
            web.get("/welcome/{link}", show_welcome),
            web.post("/welcome/{link}", welcome),
        ],
    )
    guard.add_routes(
        app,
        Need.PAGE,
        [
            web.post("/logout", logout),
            web.get("/account", show_account),
            web.post("/account/password", change_password),
            web.post("/account/sessions/end", end_sessions),
        ],
    )


async def show_login(request: web.Request) -> web.Response:
    """The form for name and password."""
    return render(request, "login.html", name="", next=_next(request.query.get("next")), error=None)


async def login(request: web.Request) -> web.Response:
    """Signs in, or shows the form again and says why not."""
    form = await request.post()
    name, onward = str(form.get("name", "")), _next(str(form.get("next", "")))
    waiting = request.app[SIGNING_IN]
    if len(waiting) >= MOST_SIGNING_IN:
        raise RequestError(
            "sign in: too many do at this moment",
            status=HTTPStatus.TOO_MANY_REQUESTS,
            why="passwords are looked at one after the other",
            fix="try again in a moment",
            retry_after=COME_AGAIN,
        )
    waiting.add(place := object())
    try:
        _, secret = await sign_in.sign_in(
            request.app[HUB].clock,
            request.app[PASSWORDS],
            name=name,
            password=str(form.get("password", "")),
            address=guard.address_of(request),
        )
    except AccessError as error:
        return _again(request, "login.html", error, name=name, next=onward)
    finally:
        waiting.discard(place)
    response = guard.see_other(onward)
    guard.sign_in(request, response, secret)
    return response


async def logout(request: web.Request) -> web.Response:
    """Signs this browser out."""
    await sessions.end(request[SESSION])
    response = guard.see_other("/login")
    guard.sign_out(request, response)
    return response


async def show_welcome(request: web.Request) -> web.Response:
    """The form for a name and a first password; looking at it does not use the link up."""
    user = await sign_in.invited(request.match_info["link"], request.app[HUB].clock.now())
    return render(request, "welcome.html", name=user.name, error=None)


async def welcome(request: web.Request) -> web.Response:
    """Uses a link up: sets name and password, and signs in."""
    form = await request.post()
    name = str(form.get("name", ""))
    try:
        _, secret = await sign_in.welcome(
            request.app[HUB].clock,
            request.app[PASSWORDS],
            request.match_info["link"],
            name=name,
            password=_new_password(form),
            address=guard.address_of(request),
        )
    except (UsageError, ConflictError) as error:
        return _again(request, "welcome.html", error, name=name)
    response = guard.see_other(HOME)
    guard.sign_in(request, response, secret)
    return response


async def show_account(request: web.Request) -> web.Response:
    """A user's own page."""
    return await _account(request, None)


async def change_password(request: web.Request) -> web.Response:
    """Changes the password, and signs the user out everywhere else."""
    form = await request.post()
    try:
        secret = await sign_in.change_password(
            request.app[HUB].clock,
            request.app[PASSWORDS],
            request[SESSION].user,
            old=str(form.get("old", "")),
            new=_new_password(form),
            address=guard.address_of(request),
        )
    except (UsageError, AccessError) as error:
        return await _account(request, error)
    response = guard.see_other("/account")
    guard.sign_in(request, response, secret)
    return response


async def end_sessions(request: web.Request) -> web.Response:
    """Signs the user out everywhere, here too."""
    await sessions.end_all(request[SESSION].user)
    response = guard.see_other("/login")
    guard.sign_out(request, response)
    return response


async def _account(request: web.Request, error: HubError | None) -> web.Response:
    here = request[SESSION]
    rows = await sessions.every(here.user, request.app[HUB].clock.now())
    shown = [
        {
            "address": row.address,
            "created_at": shown_time(row.created_at),
            "last_seen_at": shown_time(row.last_seen_at),
            "is_this": row.id == here.id,
        }
        for row in rows
    ]
    if error is not None:
        return _again(request, "account.html", error, sessions=shown)
    return render(request, "account.html", sessions=shown, error=None)


def _again(request: web.Request, template: str, error: HubError, **values: object) -> web.Response:
    response = render(request, template, status=status_of(error), error=error, **values)
    if retry_after := problem(error).headers.get("Retry-After"):
        response.headers["Retry-After"] = retry_after
    return response


def _new_password(form: guard.Form) -> str:
    """The new password, typed twice alike.

    Raises:
        UsageError: the two differ.
    """
    new = str(form.get("password", ""))
    if new != str(form.get("again", "")):
        raise UsageError("choose a password", why="the two you typed differ", fix="type it twice alike")
    return new


def _next(path: str | None) -> str:
    """Where to go after signing in: only ever a page of this hub."""
    parts = urlsplit(path or "")
    is_ours = (
        path
        and path.isprintable()
        and path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
        and not parts.scheme
        and not parts.netloc
    )
    return path if path and is_ours else HOME

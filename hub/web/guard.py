"""Who may ask for what: every route states what it needs, and one middleware sees to it.

A route is added with :func:`add_routes`. An application with a route that was added otherwise does not
start, and should it ever be asked for, it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from hub.access import sessions
from hub.access.api_tokens import scopes_of
from hub.access.passwords import Passwords
from hub.access.principal import Principal, Scope, acting
from hub.access.tokens import PREFIX, form_token, is_same, new_secret
from hub.core import Hub
from hub.errors import AccessError, NotFoundError
from hub.merchant import stores
from hub.store.models import Store
from hub.store.people import Session, Source
from hub.web import arrival, body
from hub.web.peer import is_proved, prove
from hub.web.problems import RequestError
from hub.web.segments import unmark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp.typedefs import Handler
    from aiohttp.web_routedef import AbstractRouteDef
    from aiohttp.web_urldispatcher import AbstractRoute

FORM_FIELD = "form_token"
FORM_HEADER = "X-Form-Token"
_SAFE = {hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS}


class Need(StrEnum):
    """What a route asks of whoever asks for it."""

    OPEN = "open"
    """Nothing: it tells nothing about anybody, or proves its caller itself, by a signature say."""
    VISITOR = "visitor"
    """A page for people who are not signed in; its forms carry a token."""
    PAGE = "page"
    """A signed-in person; its forms carry a token."""
    ADMIN = "admin"
    """A signed-in administrator; its forms carry a token."""
    READ = "read"
    """An API token that may read."""
    WRITE = "write"
    """An API token that may write."""
    METRICS = "metrics"
    """An API token for metrics, or a program on this machine."""

    @property
    def is_page(self) -> bool:
        """True for what a person sees in a browser."""
        return self in {Need.VISITOR, Need.PAGE, Need.ADMIN}


Key = tuple[str, str]
Form = Mapping[str, object]
"""What a page's form brings: texts, and files."""
HUB = web.AppKey("hub", Hub)
IS_LOCAL = web.AppKey("is_local", bool)
PASSWORDS = web.AppKey("passwords", Passwords)
NEEDS = web.AppKey("needs", dict[Key, Need])
PRINCIPAL = web.RequestKey("principal", Principal)
SESSION = web.RequestKey("session", Session)
FORM_SECRET = web.RequestKey("form_secret", str)


def install(app: web.Application, hub: Hub, *, is_local: bool) -> None:
    """Puts the guard before every route of an application; its middleware is :func:`guarded`.

    Args:
        app: an application without routes.
        hub: the hub.
        is_local: True when it listens where only this machine can reach it.
    """
    app[HUB], app[IS_LOCAL], app[PASSWORDS], app[NEEDS] = hub, is_local, Passwords(), {}
    app.on_startup.append(_check_complete)


def add_routes(app: web.Application, need: Need, routes: Iterable[AbstractRouteDef]) -> None:
    """Adds routes that need the same."""
    for route in app.router.add_routes(routes):
        app[NEEDS][_key(route)] = need
        if route.method == hdrs.METH_GET:
            # `web.get` answers HEAD too, without saying so.
            app[NEEDS][hdrs.METH_HEAD, _key(route)[1]] = need


def need_of(request: web.Request) -> Need | None:
    """What the route of a request needs; None when there is no such route."""
    if request.match_info.http_exception is not None:
        return None
    return request.app[NEEDS].get(_key(request.match_info.route))


def principal(request: web.Request) -> Principal:
    """Who asks; only where the route needs somebody."""
    return request[PRINCIPAL]


async def store_of(request: web.Request) -> Store:
    """The store a request is about: that of ``?store=NAME``, else the one its sender sees, else *default*.

    Everything a store has is looked up by its store, so whoever cannot see the store finds nothing of it.

    Raises:
        NotFoundError: there is none, or it is not theirs; both look the same.
    """
    who, name = principal(request), request.query.get("store")
    if name is None and who.store_id is not None:
        return await Store.get(id=who.store_id)
    name = name or stores.DEFAULT
    # What cannot be printed is no store's name, and PostgreSQL takes no NUL.
    row = await Store.get_or_none(name=name) if name.isprintable() else None
    if row is None or not who.sees(row.id):
        raise NotFoundError(f"find store {name!r}", fix="name a store that is yours")
    return row


async def stores_of(request: web.Request) -> list[Store]:
    """The stores that whoever asks may see, by name."""
    return [each for each in await stores.every() if principal(request).sees(each.id)]


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets a request through when it brings what its route needs."""
    if request.match_info.http_exception is not None:
        return await handler(request)  # there is no such route
    unmark(request.match_info)
    need = need_of(request)
    match need:
        case None:
            raise RuntimeError(f"{request.match_info.route!r} was added without saying what it needs")
        case Need.OPEN:
            return await _as(
                Principal(who="anybody", source=Source.API, address=address_of(request)), request, handler
            )
        case Need.VISITOR | Need.PAGE | Need.ADMIN:
            return await _page(request, handler, need)
        case _:
            return await _api(request, handler, need)


async def _as(who: Principal, request: web.Request, handler: Handler) -> web.StreamResponse:
    with acting(who):
        return await handler(request)


async def _api(request: web.Request, handler: Handler, need: Need) -> web.StreamResponse:
    if need is Need.METRICS and _is_of_this_machine(request) and hdrs.AUTHORIZATION not in request.headers:
        return await _as(Principal(who="this machine", source=Source.API), request, handler)
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").strip().partition(" ")
    if kind.lower() != "bearer" or not token.strip().startswith(PREFIX):
        raise AccessError(
            "ask the API: no API token was sent",
            why="the hub answers nobody it does not know",
            fix="send the header Authorization: Bearer hub_…; `hub tokens add NAME` makes a token",
            status=401,
        )
    row = await sessions.find_token(token.strip(), request.app[HUB].clock.now())
    if row is None:
        raise AccessError(
            "ask the API: the token is not known",
            why="it was revoked, has run out, or is another hub's",
            fix="list the tokens with `hub tokens list`, make a new one with `hub tokens add NAME`",
            status=401,
        )
    scopes = frozenset(scopes_of(row))
    if Scope(need) not in scopes:
        raise AccessError(
            f"ask the API: token {row.name!r} lacks the scope {need}",
            why=f"it has {', '.join(sorted(scopes)) or 'none'}",
            fix=f"make another one with `hub tokens add NAME --scope {need}`",
        )
    who = Principal(
        who=row.name,
        source=Source.API,
        store_id=row.store_id,
        scopes=scopes,
        address=address_of(request),
        token_id=row.id,
    )
    request[PRINCIPAL] = who
    prove(request)
    return await _as(who, request, handler)


async def _page(request: web.Request, handler: Handler, need: Need) -> web.StreamResponse:
    is_behind_proxy = request.app[HUB].environment.behind_proxy
    arrival.check_private(request, is_behind_proxy=is_behind_proxy)
    if need is Need.VISITOR:
        who = Principal(who="a visitor", source=Source.PAGE, address=address_of(request))
        cookie = request.cookies.get(_cookie(request, "visitor"))
        request[FORM_SECRET] = cookie or new_secret()
        await _check_form(request)
        response = await _as(who, request, handler)
        if not cookie:
            _set_cookie(request, response, "visitor", request[FORM_SECRET])
        return response
    secret = request.cookies.get(_cookie(request, "session"), "")
    session = await sessions.find(secret, request.app[HUB].clock.now()) if secret else None
    if session is None:
        if request.method in _SAFE and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
            return see_other(request.app.router["login"].url_for().with_query(next=request.path_qs))
        raise AccessError("show this page: nobody is signed in", fix="sign in and try again", status=401)
    who = Principal(
        who=session.user.name,
        source=Source.PAGE,
        is_admin=session.user.is_admin,
        store_id=session.user.store_id,
        address=address_of(request),
        user_id=session.user.id,
        session_id=session.id,
    )
    request[PRINCIPAL], request[SESSION], request[FORM_SECRET] = who, session, secret
    prove(request)
    if need is Need.ADMIN and not who.is_admin:
        raise AccessError("show this page: it is for administrators", fix="ask an administrator")
    await _check_form(request)
    return await _as(who, request, handler)


async def _check_form(request: web.Request) -> None:
    if request.method in _SAFE:
        return
    arrival.check_origin(request, is_behind_proxy=request.app[HUB].environment.behind_proxy)
    form = await body.read_form(request, may_bring_files=is_proved(request))
    sent = request.headers.get(FORM_HEADER) or str(form.get(FORM_FIELD, ""))
    if not is_same(sent, form_token(request[FORM_SECRET])):
        raise RequestError(
            "take the form: it is from an earlier visit",
            status=HTTPStatus.FORBIDDEN,
            why="its token fits no page of this browser's session",
            fix="go back, load the page again, and send it once more",
        )


def sign_in(request: web.Request, response: web.Response, secret: str) -> None:
    """Gives the browser the cookie of a session that has just begun."""
    _set_cookie(request, response, "session", secret)


def sign_out(request: web.Request, response: web.Response) -> None:
    """Takes the session's cookie away."""
    # As it was set: a browser lets nobody change a __Host- cookie otherwise.
    response.del_cookie(
        _cookie(request, "session"), path="/", httponly=True, samesite="Lax", secure=_is_https(request)
    )


def see_other(location: object) -> web.Response:
    """Sends the browser to another page, by GET."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: str(location)})


def _set_cookie(request: web.Request, response: web.StreamResponse, what: str, secret: str) -> None:
    response.set_cookie(
        _cookie(request, what), secret, path="/", httponly=True, samesite="Lax", secure=_is_https(request)
    )


def _cookie(request: web.Request, what: str) -> str:
    # A browser takes a name that begins with __Host- only over https and from the host itself, so that no
    # neighbouring site can plant one.
    return f"__Host-hub_{what}" if _is_https(request) else f"hub_{what}"


def _is_https(request: web.Request) -> bool:
    return arrival.is_https(request, is_behind_proxy=request.app[HUB].environment.behind_proxy)


def address_of(request: web.Request) -> str:
    """Where a request came from."""
    return arrival.address(request, is_behind_proxy=request.app[HUB].environment.behind_proxy)


def _is_of_this_machine(request: web.Request) -> bool:
    # The name is checked too: a page elsewhere may have its own name point at this machine.
    is_direct = not request.app[HUB].environment.behind_proxy and not arrival.was_forwarded(request)
    return request.app[IS_LOCAL] and is_direct and arrival.is_named_locally(request)


def _key(route: AbstractRoute) -> Key:
    return route.method, route.resource.canonical if route.resource else ""


async def _check_complete(app: web.Application) -> None:
    _check(app[NEEDS], app.router.routes())


def _check(needs: dict[Key, Need], routes: Iterable[AbstractRoute]) -> None:
    """Raises RuntimeError when a route does not state its need: the server never starts open."""
    if forgotten := sorted({" ".join(_key(route)) for route in routes if _key(route) not in needs}):
        raise RuntimeError(
            f"these routes do not say what they need: {', '.join(forgotten)}; "
            "add them with hub.web.guard.add_routes"
        )

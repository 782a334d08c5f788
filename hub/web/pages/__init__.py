"""Pages: templates, the headers that every answer has, and errors as people see them.

An area of pages is a module here with ``add_to(app)``, named in :mod:`hub.web.pages.areas`. Its handlers
read the request, call :mod:`hub.merchant`, and answer with :func:`show`, or with :func:`done` after a form.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import aiohttp_jinja2
import jinja2
from aiohttp import hdrs, web
from yarl import URL

from hub.access.tokens import form_token
from hub.merchant import overview
from hub.web import arrival
from hub.web.guard import (
    FORM_FIELD,
    FORM_SECRET,
    HUB,
    PRINCIPAL,
    Need,
    need_of,
    see_other,
    store_of,
    stores_of,
)
from hub.web.pages import words
from hub.web.problems import CONTENT_TYPE
from hub.web.segments import segment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from aiohttp.typedefs import Handler
    from markupsafe import Markup

    from hub.store.models import Store

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""No script and no style inside a page, and nothing from anywhere else."""
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that, browsers send a form without its origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_STRICT_TRANSPORT = "max-age=31536000"
FRAGMENT = "X-Fragment"
"""``hub.js`` asks with it for the live part of a page alone."""
_FLASH = "hub_flash"
_RING: web.AppKey[Callable[[], None]] = web.AppKey("ring")
_LONGEST_FLASH = 600
MOST_COUNTED = 99
"""Up to so many returns the navigation counts those that need a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What surrounds every page of somebody who is signed in.

    Attributes:
        store: the one the page is about.
        stores: those they may see.
        needs_person: how many returns of the store need a person, as text; empty for none.
        flash: what the form before this page has done; empty for nothing.
    """

    store: Store
    stores: Sequence[Store]
    needs_person: str
    flash: str


def install(app: web.Application, ring: Callable[[], None]) -> None:
    """Sets templates and headers up; call it after the guard's own ``install``.

    Args:
        app: the application.
        ring: tells the engine of this process that rows have changed; :func:`ring` calls it.
    """
    app[_RING] = ring
    app[aiohttp_jinja2.APP_KEY] = _templates()
    app.on_response_prepare.append(_add_headers)


@cache
def _templates() -> jinja2.Environment:
    """One for all applications of a process: to compile a template takes far longer than to fill it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hub.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ago": _ago, "exact": words.exact, "iso": words.iso, "sentence": words.sentence}
    environment.filters |= {"counted": words.counted, "span": words.span, "address": words.address}
    environment.filters |= {"update_kind": words.update_kind, "segment": segment, "advice": _advice}
    return environment


def render(
    request: web.Request, template: str, *, status: int = HTTPStatus.OK, **values: Any
) -> web.Response:
    """A page made from a template of ``hub/web/templates/``.

    Beside the values, a template has ``form_field``, the hidden field that every form must hold (``csrf()``
    of ``parts.html`` writes it), ``who``, the :class:`~hub.access.principal.Principal` who is signed in, or
    None, ``path`` and ``here``, the page's address without and with its query, ``link(path, **query)``,
    which makes an address of the same store, and ``now``.
    """
    secret = request.get(FORM_SECRET)
    context = {
        "form_field": FORM_FIELD,
        "form_token": form_token(secret) if secret else "",
        "who": request.get(PRINCIPAL),
        "path": request.rel_url.raw_path,
        "here": request.path_qs,
        "link": _linker(request),
        "now": request.app[HUB].clock.now(),
        "is_fragment": FRAGMENT in request.headers,
        **values,
    }
    return aiohttp_jinja2.render_template(template, request, context, status=status)


def ring(app: web.Application) -> None:
    """Tells the engine of this process that rows have changed."""
    app[_RING]()


async def show(
    request: web.Request, template: str, *, live: str = "", status: int = HTTPStatus.OK, **values: Any
) -> web.Response:
    """A page of somebody who is signed in, with its frame around it.

    Args:
        request: the request.
        template: the whole page, of ``hub/web/templates/``. It holds its live part like this:
            ``<div data-live="{{ here }}">{% include "area/live.html" %}</div>``.
        live: the template of its live part, which is answered alone when ``hub.js`` asks for it; none
            without one.
        status: the HTTP status.
        values: what the templates show.
    """
    if live and FRAGMENT in request.headers:
        return _fragment(request, render(request, live, **values))
    store = await store_of(request)
    count = await overview.count_needing_person(store, most=MOST_COUNTED + 1)
    flash = unquote(request.cookies.get(_FLASH, ""))
    frame = Frame(
        store=store,
        stores=await stores_of(request),
        needs_person=f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or ""),
        flash=flash,
    )
    response = render(request, template, status=status, frame=frame, **values)
    if flash:
        response.del_cookie(_FLASH, path="/")
    return response


def done(request: web.Request, to: str, text: str = "") -> web.Response:
    """The answer to a form that was carried out: rings the engine and sends the browser on, by GET.

    Args:
        request: the request.
        to: the address, without the store, which is kept.
        text: a sentence that the next page shows once; none when that page says it anyway.
    """
    ring(request.app)
    response = see_other(_linker(request)(to))
    if text:
        response.set_cookie(
            _FLASH, quote(text[:_LONGEST_FLASH]), path="/", httponly=True, samesite="Lax", max_age=60
        )
    return response


def _fragment(request: web.Request, response: web.Response) -> web.Response:
    tag = f'"{hashlib.sha256(response.body or b"").hexdigest()[:32]}"'  # type: ignore[arg-type]
    if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers={hdrs.ETAG: tag})
    response.headers[hdrs.ETAG] = tag
    return response


def link_of(request: web.Request, to: str) -> str:
    """An address of the same store as the request's."""
    return _linker(request)(to)


def _linker(request: web.Request) -> Callable[..., str]:
    store = request.query.get("store")

    def link(path: str, **query: str | int | None) -> str:
        given = {name: str(value) for name, value in query.items() if value not in {None, ""}}
        if store is not None:
            given["store"] = store
        return str(URL(path).update_query(given))

    return link


@jinja2.pass_context
def _advice(context: jinja2.runtime.Context, text: str) -> Markup:
    return words.advice(text, context["link"])


@jinja2.pass_context
def _ago(context: jinja2.runtime.Context, at: datetime) -> str:
    # A part that is asked for again says the exact time, and stays the same until something happens; the
    # browser says it in words.
    return words.exact(at) if context["is_fragment"] else words.ago(at, context["now"])


@web.middleware
async def errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Shows a person who looks at a page an error as a page too, and not as a problem document."""
    response = await handler(request)
    if not (
        isinstance(response, web.Response)
        and response.content_type == CONTENT_TYPE
        and _is_for_person(request)
    ):
        return response
    told = json.loads(response.text or "{}")
    page = render(request, "error.html", status=response.status, **_in_words(told))
    for name in (hdrs.RETRY_AFTER, hdrs.ALLOW):
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return page


def _in_words(told: dict[str, Any]) -> dict[str, Any]:
    what = told["detail"] or told["title"]
    return {"what": what[:1].upper() + what[1:], "fix": told["fix"], "status_code": told["status"]}


def _is_for_person(request: web.Request) -> bool:
    need = need_of(request)
    accepted = request.headers.get(hdrs.ACCEPT, "")
    if need is None:
        return "text/html" in accepted  # no such route: a browser says what it is
    return need.is_page and "json" not in accepted


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    # Which server and which version of it is nobody's business.
    response.headers.popall(hdrs.SERVER, None)
    is_static = need_of(request) is Need.OPEN and request.path.startswith("/static/")
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-cache" if is_static else "no-store")
    if arrival.is_https(request, is_behind_proxy=request.app[HUB].environment.behind_proxy):
        response.headers["Strict-Transport-Security"] = _STRICT_TRANSPORT

"""How a request came: from where, over what, and whether a page of ours sent it."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hub.egress import is_loopback
from hub.errors import AccessError
from hub.web.problems import RequestError

if TYPE_CHECKING:
    from aiohttp import web

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


def is_https(request: web.Request, *, is_behind_proxy: bool) -> bool:
    """Tells whether the browser's own connection is encrypted."""
    if is_behind_proxy:
        return request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"
    return request.secure


def address(request: web.Request, *, is_behind_proxy: bool) -> str:
    """Where the request came from; what a proxy says is believed only when there is one.

    Of several addresses the last is the proxy's own word, and those before it are the sender's.
    """
    # A proxy may add a header of its own behind the sender's, rather than to it.
    told = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    if is_behind_proxy and told:
        try:
            return str(ipaddress.ip_address(told))
        except ValueError:
            return request.remote or ""
    return request.remote or ""


def is_named_locally(request: web.Request) -> bool:
    """Tells whether the browser asked for this machine by a name that never leaves it."""
    return is_loopback(urlsplit(f"//{request.host}").hostname or "")


def was_forwarded(request: web.Request) -> bool:
    """Tells whether anybody between says that they handed the request on."""
    return any(name in request.headers for name in _FORWARDED)


def check_private(request: web.Request, *, is_behind_proxy: bool) -> None:
    """Refuses to talk about passwords where others can listen.

    Raises:
        AccessError: the connection is neither encrypted nor within one machine.
    """
    if is_https(request, is_behind_proxy=is_behind_proxy) or is_named_locally(request):
        return
    raise AccessError(
        "show this page: the connection is not encrypted",
        why="a password typed here could be read on its way",
        fix="open the hub under its https:// address; if a proxy of yours encrypts, let it send "
        "X-Forwarded-Proto and start the hub with HUB_BEHIND_PROXY=1 (docs/access.md)",
    )


def check_origin(request: web.Request, *, is_behind_proxy: bool) -> None:
    """Refuses a form that another site's page sent.

    Raises:
        RequestError: 403.
    """
    scheme = "https" if is_https(request, is_behind_proxy=is_behind_proxy) else "http"
    ours = f"{scheme}://{request.host}".lower()
    origin = request.headers.get("Origin")
    # Every browser tells the origin of a form; what tells neither is no browser, and has no cookie to abuse.
    if origin is not None:
        is_ours = origin.lower() == ours
    else:
        is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    if not is_ours:
        raise RequestError(
            "take the form: it was sent by another site's page",
            status=HTTPStatus.FORBIDDEN,
            why=f"it came from {origin}, and this hub was asked as {ours}" if origin else "",
            fix="open the hub's own page and send it there; behind a proxy, hand Host and X-Forwarded-Proto "
            "on and set HUB_BEHIND_PROXY=1",
        )

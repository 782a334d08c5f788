"""Stylesheet, script and icon, answered from memory.

aiohttp's own ``web.static`` hands an open file to the kernel for each request, and a reader who takes nothing
holds file and connection for as long as they like: nobody tells the server that they are stuck.
"""

from __future__ import annotations

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from hub.web.guard import Need, add_routes

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_to(app: web.Application) -> None:
    """Adds the route."""
    add_routes(app, Need.OPEN, [web.get("/static/{name}", answer)])


async def answer(request: web.Request) -> web.Response:
    """One file; 304 when the browser has it already."""
    found = _files().get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    content, kind, tag = found
    if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers={hdrs.ETAG: tag})
    return web.Response(body=content, content_type=kind, charset="utf-8", headers={hdrs.ETAG: tag})


@cache
def _files() -> Mapping[str, tuple[bytes, str, str]]:
    """Content, type and tag of each file, by name."""
    found = {}
    for each in _FOLDER.iterdir():
        content = each.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        found[each.name] = content, _TYPES[each.suffix], tag
    return found

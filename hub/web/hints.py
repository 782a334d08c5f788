"""``POST /v1/hooks/returngo/<token>``: ReturnGO says, unsigned, that something may have changed."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from hub.errors import NotFoundError
from hub.platform.returngo.hints import MAX_BYTES, PATH, remember_hint
from hub.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core import Hub

ROUTE = f"{PATH}{{token}}"
READ_WITHIN_S = 5.0


class Hints:
    """Takes the hints of one hub.

    Args:
        hub: the hub.
        ring: called after each hint that was kept.
    """

    def __init__(self, hub: Hub, ring: Callable[[], None]) -> None:
        self._hub = hub
        self._ring = ring

    async def post(self, request: web.Request) -> web.Response:
        """Answers 202 once the hint is in the database; a body that says nothing counts as well.

        Raises:
            NotFoundError: no platform has this address.
            RequestError: 408, 413.
        """
        body = await _read(request)
        if not await remember_hint(self._hub.clock, request.match_info["token"], body):
            raise NotFoundError(
                "take the webhook",
                why="no platform has this address",
                fix="copy the address that `hub platforms check` prints",
            )
        self._ring()
        return web.json_response({}, status=HTTPStatus.ACCEPTED)


async def _read(request: web.Request) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            async for part in request.content.iter_chunked(MAX_BYTES):
                body += part
                if len(body) > MAX_BYTES:
                    raise RequestError(
                        "take the webhook",
                        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        why=f"it has more than {MAX_BYTES:,} bytes",
                    )
    except TimeoutError as error:
        raise RequestError(
            "take the webhook", status=HTTPStatus.REQUEST_TIMEOUT, why="its body did not come"
        ) from error
    return body

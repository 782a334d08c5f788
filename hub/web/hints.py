"""``POST /v1/hooks/returngo/<token>``: ReturnGO says, unsigned, that something may have changed."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from hub.errors import NotFoundError
from hub.platform.returngo.hints import MAX_BYTES, PATH, is_address, remember_hint
from hub.web import body
from hub.web.peer import prove

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core import Hub

ROUTE = f"{PATH}{{token}}"


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
            RequestError: 400, 408, 413, 415.
        """
        token = request.match_info["token"]
        # Nobody who does not know an address is listened to.
        if not await is_address(token):
            raise _nobody()
        prove(request)
        raw = await body.read(request, "take the webhook", most=MAX_BYTES)
        if not await remember_hint(self._hub.clock, token, raw):
            raise _nobody()
        self._ring()
        return web.json_response({}, status=HTTPStatus.ACCEPTED)


def _nobody() -> NotFoundError:
    return NotFoundError(
        "take the webhook",
        why="no platform has this address",
        fix="copy the address that `hub platforms check` prints",
    )

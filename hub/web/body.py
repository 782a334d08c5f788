"""Reading what a request brings: in time, fast enough, and as it is.

A body is the one thing that the hub waits for while somebody whom it may not know sends it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import BodyPartReader, web

from hub.inbound.event import MAX_BYTES
from hub.web.peer import LEAST_BYTES_PER_S, Peer
from hub.web.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import StreamReader

    from hub.web.guard import Form

FIRST_S = 5.0
"""How long every body may take, however small; beyond that each second has to bring enough bytes."""
READ_WITHIN_S = 15.0
"""How long a body may take at most: the least rate would allow the largest one minutes."""
MOST_PARTS = 100
_FILES = web.RequestKey("files", dict[str, object])
_FORM = "application/x-www-form-urlencoded"
_FORM_WITH_FILES = "multipart/form-data"
_CHARSETS = {None, "utf-8", "utf8", "us-ascii"}
"""What browsers say. With another a sender chooses how the hub decodes, and some codecs take minutes."""


async def read(request: web.Request, what: str, *, most: int = MAX_BYTES) -> bytes:
    """The body as it came.

    Args:
        request: whose.
        what: what is refused when it cannot be read, as in "take the event".
        most: bytes; never more than the application's own bound.

    Raises:
        RequestError: 400 it broke off, 408 it came too slowly, 413 it is too large, 415 it is packed.
    """
    if "Content-Encoding" in request.headers:
        raise RequestError(
            what,
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            why="a packed body is not taken",
            fix="send it without Content-Encoding",
        )
    found = bytearray()
    async with _in_time(request, what):
        async for part in request.content.iter_any():
            found += part
            if len(found) > most:
                raise _too_large(what, most)
    return bytes(found)


async def read_form(request: web.Request, *, may_bring_files: bool) -> Form:
    """The form that a page's button sends; handlers ask for it again with ``request.post()``.

    One with files they ask for with :func:`form_with_files`.

    Args:
        request: whose.
        may_bring_files: True when the sender is known.

    Raises:
        RequestError: as with :func:`read`; 400 as well when it is no form.
    """
    what = "read the form"
    kinds = {_FORM, _FORM_WITH_FILES} if may_bring_files else {_FORM}
    is_empty = not request.can_read_body
    if not is_empty and (
        request.content_type not in kinds
        or (request.charset or "utf-8").lower() not in _CHARSETS
        or "Content-Encoding" in request.headers
    ):
        raise RequestError(
            what,
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            why=f"only {_FORM} in UTF-8 is taken, neither packed nor encoded",
            fix="send the form as the hub's own page does",
        )
    try:
        async with _in_time(request, what):
            if request.content_type == _FORM_WITH_FILES and not is_empty:
                request[_FILES] = await _read_parts(request)
            return await form_with_files(request)
    except ValueError as error:  # not UTF-8, or not in parts as it says
        raise RequestError(
            what,
            status=HTTPStatus.BAD_REQUEST,
            why=str(error)[:200],
            fix="send the form as the hub's own page does",
        ) from error


async def form_with_files(request: web.Request) -> Form:
    """The form that :func:`read_form` has read; a file that was chosen is ``bytes``."""
    return request.get(_FILES) or await request.post()


async def _read_parts(request: web.Request) -> dict[str, object]:
    # Not request.post(): it decodes each part as the part says, and some codecs take minutes.
    found: dict[str, object] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name or len(found) >= MOST_PARTS:
            msg = f"its parts are not at most {MOST_PARTS} fields with a name each"
            raise ValueError(msg)
        content = bytes(await part.read())
        if part.filename is None:
            found[part.name] = content.decode()
        elif part.filename:
            found[part.name] = content
    return found


@asynccontextmanager
async def _in_time(request: web.Request, what: str) -> AsyncIterator[None]:
    """Within the block a body is read; it ends when the bytes come too slowly."""
    peer = request.protocol
    try:
        with peer.sending() if isinstance(peer, Peer) else nullcontext():
            async with asyncio.timeout(None) as limit:
                clock = _Clock(request.content, limit)
                try:
                    yield
                finally:
                    clock.stop()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large(what, MAX_BYTES) from error
    except TimeoutError:
        raise RequestError(
            what,
            status=HTTPStatus.REQUEST_TIMEOUT,
            why=f"the body came too slowly: it has {FIRST_S:.0f} s, one more for each {LEAST_BYTES_PER_S:,} "
            f"bytes, and {READ_WITHIN_S:.0f} s at most",
            fix="send the same again",
        ) from None
    except (OSError, web.RequestPayloadError) as error:
        why = f"the body broke off ({error})"
        raise RequestError(what, status=HTTPStatus.BAD_REQUEST, why=why, fix="send the same again") from error


class _Clock:
    """Runs a limit out once the bytes that came do not earn any more time."""

    def __init__(self, content: StreamReader, limit: asyncio.Timeout) -> None:
        self._content = content
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._next = self._loop.call_at(self._began + FIRST_S, self._look)

    def stop(self) -> None:
        """The body is here."""
        self._next.cancel()

    def _look(self) -> None:
        earned = FIRST_S + self._content.total_bytes / LEAST_BYTES_PER_S
        until = self._began + min(earned, READ_WITHIN_S)
        if until <= self._loop.time():
            self._limit.reschedule(self._loop.time())
        else:
            self._next = self._loop.call_at(until, self._look)


def _too_large(what: str, most: int) -> RequestError:
    return RequestError(
        what,
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        why=f"it has more than the {most:,} bytes that are read",
        fix="send less at a time",
    )

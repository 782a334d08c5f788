"""The other end of one TCP connection: whose turn it is, and how far behind it is.

aiohttp 3.14 closes a connection that is idle (``keepalive_timeout``), and reads on for a while after it has
refused a request (``lingering_time``). It has no deadline for a request's head of its own, none for an answer
that nobody takes, no bound for what all connections hold together, and no cap on their number. Those four
are here and in :mod:`hub.web.listener`.
"""

from __future__ import annotations

import contextlib
import select
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

if TYPE_CHECKING:
    import asyncio
    import asyncio.trsock
    import socket
    from collections.abc import Iterator

    from aiohttp import StreamReader

LEAST_BYTES_PER_S = 20_000
"""How fast a sender or reader has to be; who is faster is ahead, and who is slower falls behind."""
HEAD_WITHIN_S = 10.0
"""How long a request's head may take, from its first byte or, without one, from when it was connected."""
IDLE_S = 75.0
"""How long a connection may stay open without a further request: longer than the proxies of deploy/ keep
theirs, so that none of them sends a request into one that is just being closed."""
TAKEN_WITHIN_S = 30.0
"""How far behind the least rate the reader of an answer may fall."""
LINGER_S = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender gets to read why."""

_PROVED = web.RequestKey("is_proved", bool)


class Turn(StrEnum):
    """What a connection waits for."""

    ASK = "ask"
    """Its next request: the peer has sent no whole head yet."""
    SEND = "send"
    """The rest of a body, which a handler reads."""
    ANSWER = "answer"
    """The hub's answer."""


class Watcher(Protocol):
    """What a peer tells of itself, as :class:`~hub.web.listener.Listener` takes it."""

    def held(self, count: int) -> None:
        """So many bytes more are held for somebody who has not proved who they are; fewer when negative."""

    def gone(self, peer: Peer) -> None:
        """The connection has ended."""

    def unread(self, error: BaseException | None) -> None:
        """What came is no request, or its handling broke off outside of all handlers."""


class Peer(web.RequestHandler):
    """One connection of the hub's server.

    Attributes:
        was_proved: True once anybody on this connection has proved who they are.
    """

    __slots__ = (
        "_has_asked",
        "_held",
        "_is_proved",
        "_line",
        "_rest",
        "_since",
        "_stuck_at",
        "_stuck_since",
        "_turn",
        "_watcher",
        "was_proved",
    )

    def __init__(self, watcher: Watcher, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._watcher = watcher
        self._line: asyncio.Transport | None = None
        self._turn = Turn.ASK
        self._since = monotonic()
        self._held = 0
        """Bytes of its request that are held; only of a peer that has not proved who it is they count."""
        self._is_proved = False
        self._has_asked = False
        self._rest: StreamReader | None = None
        self._stuck_since: float | None = None
        self._stuck_at = 0
        self.was_proved = False

    def behind(self, now: float) -> float | None:
        """By how many seconds the peer is behind the least rate; None while it waits for the hub.

        Args:
            now: of :func:`time.monotonic`.
        """
        if self._line is None:
            return None
        if self._stuck_since is not None:
            taken = self._stuck_at - self._line.get_write_buffer_size()
            return now - self._stuck_since - taken / LEAST_BYTES_PER_S
        if self._turn is Turn.ANSWER:
            return None
        return now - self._since - self._held / LEAST_BYTES_PER_S

    def is_overdue(self, now: float) -> bool:
        """Tells whether to end the connection. A body's deadline is kept where it is read."""
        if self._stuck_since is not None:
            return (self.behind(now) or 0) > TAKEN_WITHIN_S
        if self._turn is not Turn.ASK or self._line is None:
            return False
        if self._has_asked and not self._held:
            # aiohttp has closed it by then, and what is left is an answer that nobody takes.
            return now - self._since > IDLE_S + HEAD_WITHIN_S
        return now - self._since > HEAD_WITHIN_S

    def is_unheard(self) -> bool:
        """Tells whether bytes have come that the hub has not read yet."""
        if self._line is None or self._stuck_since is not None or self._turn is Turn.ANSWER:
            return False
        return has_come(self._line.get_extra_info("socket"))

    @property
    def holds(self) -> int:
        """Bytes held for somebody who has not proved who they are."""
        return 0 if self._is_proved else self._held

    def drop(self) -> None:
        """Ends the connection at once, whatever is still to be sent."""
        self._release()
        if self._line is not None:
            self._line.abort()

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Within the block the hub waits for the body."""
        self._turn = Turn.SEND
        try:
            yield
        finally:
            self._turn = Turn.ANSWER

    def prove(self) -> None:
        """Whoever asks has proved who they are; what they send is bounded for each request from here on."""
        if not self._is_proved:
            self._watcher.held(-self._held)
        self._is_proved = self.was_proved = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        self._line = transport  # type: ignore[assignment]  # a socket's is one
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self._line = None
        self._release()
        self._watcher.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        if self._rest is not None and self._rest.is_eof():
            self._rest = None
        if data and self._rest is None:
            if self._turn is Turn.ASK and not self._held:
                self._since = monotonic()
            self._held += len(data)
            if not self._is_proved:
                self._watcher.held(len(data))
        super().data_received(data)
        if self._messages:  # whole heads that nobody has taken up yet
            self._turn = Turn.ANSWER

    def pause_writing(self) -> None:
        """See :class:`asyncio.Protocol`."""
        super().pause_writing()
        self._stuck_since = monotonic()
        self._stuck_at = self._line.get_write_buffer_size() if self._line is not None else 0

    def resume_writing(self) -> None:
        """See :class:`asyncio.Protocol`."""
        super().resume_writing()
        self._stuck_since = None

    def log_exception(self, *_: Any, **kw: Any) -> None:
        """What aiohttp answers with 400 or 500 by itself; it would write a traceback each time."""
        self._watcher.unread(kw.get("exc_info"))

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:
        """An answer is out, as aiohttp says by this: it is the peer's turn again."""
        super().log_access(request, response, time)
        self._release()
        self._turn, self._has_asked = Turn.ANSWER if self._messages else Turn.ASK, True
        self._since = monotonic()
        # What follows is thrown away, so it is held nowhere.
        self._rest = None if request.content.is_eof() else request.content

    def _release(self) -> None:
        self._watcher.held(-self.holds)
        self._held, self._is_proved = 0, False


def has_come(line: asyncio.trsock.TransportSocket | socket.socket) -> bool:
    """Tells whether something waits to be read, or on a listening socket to be taken."""
    ready = select.poll()
    ready.register(line, select.POLLIN)
    return bool(ready.poll(0))


def prove(request: web.Request) -> None:
    """Notes that whoever sent a request has proved who they are: by a signature, a session or a token."""
    request[_PROVED] = True
    if isinstance(request.protocol, Peer):
        request.protocol.prove()


def is_proved(request: web.Request) -> bool:
    """Tells whether whoever sent a request has proved who they are."""
    return bool(request.get(_PROVED, False))

"""The HTTP session a connector is given: quota, time-outs, request log and redaction are in it."""

from __future__ import annotations

import asyncio
import base64
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import structlog
from tortoise.exceptions import BaseORMException
from yarl import URL

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.quota import reserve
from hub.egress import ALLOW, LOOPBACK, BlockedAddressError, guarded_sockets
from hub.errors import ConfigError, InDoubtError, RetriableError
from hub.hookspecs import HttpReply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from hub.clock import Clock
    from hub.dispatch.quota import Limits
    from hub.egress import Network
    from hub.store.models import Exchange

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
"""For one whole answer; Cin7's own time to store a batch of 250 is not documented."""
LARGEST_REPLY = 64 * 1024 * 1024
KEPT_BODY = 64 * 1024
"""How much of a body the request log keeps."""
REDACTED = "[redacted]"
NOT_KEPT = "[not kept: the answer is a secret]"
SHORTEST_SECRET = 3
"""Shorter texts are no secrets, and hiding them would make the log unreadable."""
SHORTEST_IN_REPLY = 8
"""The same for replies as the connector reads them: hiding a short text might change a record."""

log = structlog.get_logger()


class LoggedSession:
    """An :class:`~hub.hookspecs.HttpSession` for one connection.

    Calls go out one at a time: parallel calls trip quotas, and the spacing counts from the end of one to
    the start of the next.

    Args:
        connection_id: whose log and quota it is.
        schema: for the quota.
        http: the process's aiohttp session.
        clock: time.
        secrets: texts that must not reach the log.
        before_write: awaited last before a write's first byte; raises when the work is no longer ours.
    """

    def __init__(
        self,
        *,
        connection_id: str,
        schema: Limits,
        http: aiohttp.ClientSession,
        clock: Clock,
        secrets: Sequence[str],
        before_write: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection_id = connection_id
        self._schema = schema
        self._http = http
        self._clock = clock
        self._given = list(secrets)
        self._secrets = _spellings(secrets)
        self._before_write = before_write
        self._turn = asyncio.Lock()
        self._about: Sequence[str] = ()
        self._update_key: str | None = None
        self._can_wait = False

    @contextmanager
    def about(self, delivery_ids: Sequence[str]) -> Iterator[None]:
        """Within the block calls are logged as being about these deliveries."""
        before, self._about = self._about, delivery_ids
        try:
            yield
        finally:
            self._about = before

    @contextmanager
    def carrying(self, update_key: str) -> Iterator[None]:
        """Within the block calls are logged as carrying this update."""
        before, self._update_key = self._update_key, update_key
        try:
            yield
        finally:
            self._update_key = before

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Within the block calls leave a part of the quota to live RMAs."""
        before, self._can_wait = self._can_wait, True
        try:
            yield
        finally:
            self._can_wait = before

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_write: bool = False,
        is_reply_secret: bool = False,
    ) -> HttpReply:
        """See :meth:`hub.hookspecs.HttpSession.request`."""
        address = f"{url}?{query}" if query else url
        async with self._turn:
            with _before_sending(method, url):
                exchange = await reserve(
                    self._connection_id,
                    self._schema,
                    self._clock.now(),
                    method=method,
                    url=self._redact(address),
                    request_body=self._redact((body or b"")[:KEPT_BODY].decode(errors="replace")),
                    about=self._about,
                    update_key=self._update_key,
                    can_wait=self._can_wait,
                )
            wait = (exchange.at - self._clock.now()).total_seconds()
            if wait > 0:
                await self._clock.sleep(wait)
            try:
                if is_write:
                    with _before_sending(method, url):
                        await self._before_write()
                    reach(CrashPoint.SEND_BEFORE_FIRST_BYTE)
                reply = await self._send(method, address, headers or {}, body, is_write=is_write)
            except BaseException as error:
                exchange.error = self._redact(str(error) or type(error).__name__)
                await asyncio.shield(self._finish(exchange))
                raise
            if is_write:
                reach(CrashPoint.SEND_AFTER_ANSWER)
            exchange.status = reply.status
            kept = reply.body[:KEPT_BODY].decode(errors="replace")
            exchange.reply_body = NOT_KEPT if is_reply_secret else self._redact(kept)
            await self._finish(exchange)
            if is_write:
                reach(CrashPoint.SEND_ANSWER_LOGGED)
            return reply if is_reply_secret else replace(reply, body=self._redact_reply(reply.body))

    def hide(self, secret: str) -> None:
        """See :meth:`hub.hookspecs.HttpSession.hide`."""
        self._secrets = _spellings([*self._given, secret])
        self._given.append(secret)

    async def _finish(self, exchange: Exchange) -> None:
        exchange.finished_at = self._clock.now()
        try:
            await exchange.save(update_fields=["finished_at", "status", "reply_body", "error"])
        except BaseORMException:
            # What the ERP said is worth more than its place in the log: a full disk must not turn a known
            # answer into a lost one.
            log.exception(
                "the answer could not be written to the request log",
                exchange=exchange.id,
                deliveries=list(self._about),
            )

    async def _send(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None, *, is_write: bool
    ) -> HttpReply:
        host = URL(address).host
        try:
            async with self._http.request(
                method, URL(address, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as response:
                content = await _read(response)
                if content is None:
                    raise _lost(is_write, f"{method} {host}: the answer is larger than the hub reads")
                return HttpReply(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=content,
                )
        except aiohttp.InvalidURL as error:
            raise ConfigError(
                f"call {address}: not an address",
                why=str(error),
                fix="correct the address with `hub connections edit`",
            ) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Every call makes a connection of its own, so this is certain: nothing was sent.
            is_blocked = isinstance(getattr(error, "os_error", None), BlockedAddressError)
            raise RetriableError(
                f"call {host}: no connection",
                why=str(error).replace(" ssl:default", ""),
                fix=ALLOW if is_blocked else "check the address and that it is up",
            ) from error
        except TimeoutError as error:
            seconds = self._http.timeout.total
            raise _lost(is_write, f"{method} {host}: no answer in {seconds:g} s", timed_out=True) from error
        except aiohttp.ClientError as error:
            raise _lost(is_write, f"{method} {host}: the answer was lost", str(error)) from error

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        # PostgreSQL takes no NUL in a text.
        return text.replace("\0", "\ufffd")

    def _redact_reply(self, body: bytes) -> bytes:
        """An error page may repeat the request's headers, and connectors quote what they cannot read."""
        for secret in self._secrets:
            if len(secret) >= SHORTEST_IN_REPLY:
                body = body.replace(secret.encode(), REDACTED.encode())
        return body


def client_session(
    answer_within_s: float = READ_TIMEOUT_S,
    *,
    allowed: Sequence[Network] = (),
    is_loopback_allowed: bool = True,
) -> aiohttp.ClientSession:
    """The process's HTTP client.

    It connects to public addresses, and to others only where that is allowed (:mod:`hub.egress`).

    Args:
        answer_within_s: for one whole answer.
        allowed: networks that are not public and allowed all the same.
        is_loopback_allowed: True for ERPs and platforms, whose sandboxes run on this machine.

    One connection per call: at a few calls a second it costs little, and a failure to connect then
    certainly means that nothing was sent. On a kept connection that the remote has just closed, it does not.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            force_close=True,
            socket_factory=guarded_sockets((*allowed, *LOOPBACK) if is_loopback_allowed else allowed),
        ),
        timeout=aiohttp.ClientTimeout(total=answer_within_s, connect=CONNECT_TIMEOUT_S),
        auto_decompress=True,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    # aiohttp sends a GET, PUT or DELETE a second time by itself when the remote hangs up: a call that no
    # quota counts and no attempt records. There is no public switch (its own test client does this too).
    session._retry_connection = False  # noqa: SLF001
    return session


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """An answer, unpacked; None when it is larger than the hub reads.

    A few kilobytes may unpack to gigabytes. So they are counted unpacked, a piece at a time, and others get
    their turn between two pieces.
    """
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > LARGEST_REPLY:
            return None
        await asyncio.sleep(0)
    return bytes(content)


@contextmanager
def _before_sending(method: str, url: str) -> Iterator[None]:
    """A database that fails before the first byte is no connector's bug, and nothing was sent."""
    try:
        yield
    except BaseORMException as error:
        raise RetriableError(
            f"{method} {URL(url).host}: not sent, because the hub's own database failed",
            why=str(error),
            fix="give the database's disk room, or end what locks it; the hub goes on by itself then",
        ) from error


def _lost(
    is_write: bool, what: str, why: str = "", *, timed_out: bool = False
) -> InDoubtError | RetriableError:
    if is_write:
        return InDoubtError(what, why=why or "what was sent may have been applied", timed_out=timed_out)
    return RetriableError(what, why=why)


def _spellings(secrets: Sequence[str]) -> tuple[str, ...]:
    """Each secret as it may appear in a log: plain, and in base64 at each of the three alignments."""
    found: set[str] = set()
    for secret in secrets:
        if not secret:
            continue
        found.add(secret)
        for shift in range(3):
            text = base64.b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")
            # The first and the last characters mix in the neighbours' bits.
            found.add(text[(0, 2, 3)[shift] : -1])
    return tuple(sorted((each for each in found if len(each) >= SHORTEST_SECRET), key=len, reverse=True))

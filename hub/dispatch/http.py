"""The HTTP session a connector is given: quota, time-outs, request log and redaction are in it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import structlog
from tortoise.exceptions import BaseORMException
from yarl import URL

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.quota import reserve
from hub.egress import ALLOW, BlockedAddressError, guarded_sockets, loopback
from hub.errors import ConfigError, InDoubtError, RetriableError
from hub.hookspecs import HttpReply
from hub.redaction import Redactor

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
_READ_ON = 16 * 1024
"""So much more is gone through before it is cut there: no half of a secret is kept."""
_OFF_THE_LOOP = 1024 * 1024
"""Larger answers are gone through in a thread, so that nobody else waits for it."""
NOT_KEPT = "[not kept: the answer is a secret]"

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
        secrets: texts and key bytes that must not be kept or shown, in whichever spelling.
        before_write: awaited last before a write's first byte; raises when the work is no longer ours.
        is_local: True for one whose settings name this machine, as of a sandbox: it may be called.

    Attributes:
        redactor: knows the secrets, and those that came up since.
    """

    def __init__(
        self,
        *,
        connection_id: str,
        schema: Limits,
        http: aiohttp.ClientSession,
        clock: Clock,
        secrets: Sequence[str | bytes],
        before_write: Callable[[], Awaitable[None]],
        is_local: bool = False,
    ) -> None:
        self._connection_id = connection_id
        self._schema = schema
        self._http = http
        self._clock = clock
        self.redactor = Redactor(secrets)
        self._before_write = before_write
        self._is_local = is_local
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
        with self.redactor.guard():
            address = f"{url}?{query}" if query else url
            async with self._turn:
                reply = await self._logged(method, address, headers or {}, body, is_write, is_reply_secret)
            return reply if is_reply_secret else await self._without_secrets(reply)

    async def _logged(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        body: bytes | None,
        is_write: bool,
        is_reply_secret: bool,
    ) -> HttpReply:
        with _before_sending(method, address):
            exchange = await reserve(
                self._connection_id,
                self._schema,
                self._clock.now(),
                method=method,
                url=self._kept(address.encode()),
                request_body=self._kept(body or b""),
                about=self._about,
                update_key=self._update_key,
                can_wait=self._can_wait,
            )
        wait = (exchange.at - self._clock.now()).total_seconds()
        if wait > 0:
            await self._clock.sleep(wait)
        try:
            if is_write:
                with _before_sending(method, address):
                    await self._before_write()
                reach(CrashPoint.SEND_BEFORE_FIRST_BYTE)
            with loopback(is_open=self._is_local):
                reply = await self._send(method, address, headers, body, is_write=is_write)
        except BaseException as error:
            exchange.error = self._kept((str(error) or type(error).__name__).encode(errors="replace"))
            await asyncio.shield(self._finish(exchange))
            raise
        if is_write:
            reach(CrashPoint.SEND_AFTER_ANSWER)
        exchange.status = reply.status
        exchange.reply_body = NOT_KEPT if is_reply_secret else self._kept(reply.body)
        await self._finish(exchange)
        if is_write:
            reach(CrashPoint.SEND_ANSWER_LOGGED)
        return reply

    def hide(self, secret: str) -> None:
        """See :meth:`hub.hookspecs.HttpSession.hide`."""
        self.redactor.hide(secret)

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

    def _kept(self, text: bytes) -> str:
        """The beginning of a text as the request log keeps it."""
        kept = self.redactor.words(text[: KEPT_BODY + _READ_ON])
        # PostgreSQL takes no NUL in a text.
        return kept[:KEPT_BODY].replace("\0", "\ufffd")

    async def _without_secrets(self, reply: HttpReply) -> HttpReply:
        """An error page may repeat the request's headers, and connectors quote what they cannot read."""
        clean = self.redactor.body
        is_long = len(reply.body) > _OFF_THE_LOOP
        return replace(
            reply,
            headers={name: self.redactor.header(value) for name, value in reply.headers.items()},
            body=await asyncio.to_thread(clean, reply.body) if is_long else clean(reply.body),
        )


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
        is_loopback_allowed: True for ERPs and platforms, whose sandboxes run on this machine. A
            :class:`LoggedSession` goes there for those only whose settings say so.

    One connection per call: at a few calls a second it costs little, and a failure to connect then
    certainly means that nothing was sent. On a kept connection that the remote has just closed, it does not.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            force_close=True,
            socket_factory=guarded_sockets(allowed, is_loopback_allowed=is_loopback_allowed),
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

"""``POST /v1/events``: a signed event in, 202 once it is on disk."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict

import structlog
from aiohttp import web

from hub.errors import EventError
from hub.inbound.accept import accept
from hub.inbound.arriving import RemovedSecretError
from hub.inbound.event import read_event
from hub.inbound.intake import Intake
from hub.inbound.signature import check_form, verify
from hub.merchant import event_secrets
from hub.web import body
from hub.web.peer import prove
from hub.web.problems import RequestError, database_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core import Hub
    from hub.inbound.arriving import Accepted
    from hub.inbound.event import IncomingEvent
    from hub.store.models import EventSecret

PATH = "/v1/events"
MOST_UNDER_WAY = 256
"""Signed events that are worked on at once; more are told to come again. One takes 1 to 3 ms when many come
together, so that the last of them still waits less than a second. Nobody has a place without a signature."""
COME_AGAIN = timedelta(seconds=1)
ANSWER_WITHIN_S = 10.0
"""When a sender whose body is here has its answer at the latest: it gives up after 15 to 30 s, and would not
know why."""
SECRETS_REST = timedelta(minutes=1)
"""When a sender is asked to come again while a person has to mend the hub's key."""
USE_TOLD_EVERY = timedelta(minutes=1)
"""How exactly a secret's last use is known: writing it down each time would double the work."""

log = structlog.get_logger()


class Signed(TypedDict):
    """What a request's headers say of its signature, each empty when missing."""

    message_id: str
    timestamp: str
    signatures: str


class Events:
    """Takes the events of one hub.

    Args:
        hub: the hub.
        ring: called after each event that was stored.
    """

    def __init__(self, hub: Hub, ring: Callable[[], None]) -> None:
        self._hub = hub
        self._ring = ring
        self._intake = Intake(hub.clock)
        self._signers = event_secrets.Signers(hub)
        self._reading = asyncio.Lock()
        self._reads = 0
        self._under_way: set[asyncio.Task[web.Response]] = set()

    async def post(self, request: web.Request) -> web.Response:
        """Answers one request.

        Raises:
            EventError: 400, 401, 409, 413, 422.
            RequestError: 400, 408, 413, 415, 429, 503.
        """
        _check_content(request)
        signed = _signature(request)
        # Whoever sends no signature at all is not listened to any further.
        check_form(**signed, now=self._hub.clock.now())
        raw = await body.read(request, "take the event")
        until = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
        try:
            async with asyncio.timeout_at(until):
                secret = await self._signer(signed, raw)
        except TimeoutError:
            raise database_unavailable() from None
        prove(request)
        if len(self._under_way) >= MOST_UNDER_WAY:
            raise RequestError(
                "take the event",
                status=HTTPStatus.TOO_MANY_REQUESTS,
                why=f"{MOST_UNDER_WAY} others are under way",
                fix="send the same again after Retry-After",
                retry_after=COME_AGAIN,
            )
        task = asyncio.create_task(self._take(secret, signed, raw))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        # Nothing is cancelled that may hold a transaction: it comes to its end and keeps its place until
        # then. Should the event be stored after this answer, the sender's next try is a duplicate.
        done, _ = await asyncio.wait({task}, timeout=until - asyncio.get_running_loop().time())
        if not done:
            raise database_unavailable()
        return task.result()

    async def close(self, _: web.Application) -> None:
        """Breaks off what has had its answer and still waits for the database, when the application ends."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._intake.close()

    def _ended(self, task: asyncio.Task[web.Response]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that one whose answer went out before is no loose end

    async def _take(self, secret: EventSecret, signed: Signed, raw: bytes) -> web.Response:
        message_id = signed["message_id"]
        await self._note_use(secret)
        event = read_event(raw)
        try:
            accepted = await self._accept(secret, message_id, event)
        except RemovedSecretError:
            # It may have been added again, under another name or for another store.
            await self._read_signers()
            secret = await self._signer(signed, raw)
            accepted = await self._accept(secret, message_id, event)
        log.info(
            "event accepted",
            rma=accepted.rma_id,
            delivery=accepted.delivery_id,
            event_id=message_id,
            is_duplicate=accepted.duplicate,
        )
        self._ring()
        answer = {"event_id": message_id, "rma_id": accepted.rma_id, "duplicate": accepted.duplicate}
        return web.json_response(answer, status=HTTPStatus.ACCEPTED)

    async def _accept(self, secret: EventSecret, message_id: str, event: IncomingEvent) -> Accepted:
        return await accept(
            self._hub.clock,
            secret.store,
            event,
            # By store, since two stores' senders may count alike; not by secret: senders change theirs.
            source=f"events/{secret.store_id}",
            event_id=message_id,
            signed_by=secret.id,
            intake=self._intake,
            registry=self._hub.registry,
        )

    async def _signer(self, signed: Signed, raw: bytes) -> EventSecret:
        """The secret that signed the request. That it still counts is looked up when the event is stored."""
        now = self._hub.clock.now()

        def signer() -> EventSecret:
            return self._signers.rows[verify(self._signers.keys, **signed, body=raw, now=now)]

        try:
            return signer()
        except EventError:
            # The secret may be younger than what we remember.
            await self._read_signers()
            try:
                return signer()
            except EventError as error:
                if len(self._signers.keys) == len(self._signers.rows):
                    raise
                raise RequestError(
                    error.what,
                    status=HTTPStatus.SERVICE_UNAVAILABLE,
                    why="the hub cannot open every secret it has; its log says which",
                    fix="send the same again later",
                    retry_after=SECRETS_REST,
                ) from error

    async def _read_signers(self) -> None:
        """Reads the secrets anew; those who ask during one read share the next.

        Every request that nobody signed asks for it, and they must not keep the database busy.
        """
        asked_after = self._reads
        async with self._reading:
            if self._reads == asked_after:
                self._reads += 1
                # Whoever gives up does not break it off for the others.
                await asyncio.shield(self._signers.read())

    async def _note_use(self, secret: EventSecret) -> None:
        now = self._hub.clock.now()
        if secret.last_used_at is None or now - secret.last_used_at > USE_TOLD_EVERY:
            secret.last_used_at = now
            await secret.save(update_fields=["last_used_at"])


def _check_content(request: web.Request) -> None:
    if request.content_type == "application/json" and "Content-Encoding" not in request.headers:
        return
    raise RequestError(
        "take the event",
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        why="only application/json is taken, neither packed nor encoded",
        fix="send Content-Type: application/json, and no Content-Encoding",
    )


def _signature(request: web.Request) -> Signed:
    return {
        "message_id": _header(request, "webhook-id"),
        "timestamp": _header(request, "webhook-timestamp"),
        "signatures": _header(request, "webhook-signature"),
    }


def _header(request: web.Request, name: str) -> str:
    """A header's value, empty when it is missing.

    Raises:
        EventError: 401: it came twice, and two readers could take a different one.
    """
    values = request.headers.getall(name, [""])
    if len(values) > 1:
        what = "verify the event's signature"
        raise EventError(what, why=f"{name} came {len(values)} times", fix="send it once", status=401)
    return values[0]

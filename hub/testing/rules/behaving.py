"""Secrets, cancelled calls, the quota, and the list for reconciling."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

from hub.dispatch.opening import read_model, secrets_of
from hub.errors import HubError
from hub.outcomes import SightingKind, Verdict
from hub.store.models import Exchange
from hub.testing.bench import CANARY, MOST_PAGES, READ, WRITE
from hub.testing.ruling import BrokenError, ExemptError, require, rule
from hub.testing.samples import UNITS
from hub.testing.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from pydantic import BaseModel

    from hub.testing.bench import Bench

MOST_CALLS = 70
"""More than a minute's worth of the tightest quotas met so far."""
_MINUTE = timedelta(minutes=1)
_TELLING_FAULTS = ("unauthorized", "forbidden", "server_error_html")
_SHIFTS = 3
_LEAVE_IT_S = 600.0
"""Longer than a rule may take, so that the answer does not come before the call is left."""


@rule
async def secrets_stay_secret(bench: Bench) -> None:
    """No secret is in a log, on a screen, in an error, in the request log or in what hooks answer.

    Logs are sent to other companies, errors are pasted into tickets. A key to an ERP is a key to the
    merchant's books.
    """
    secrets = secrets_of(bench.credentials)
    require(secrets, "no field of its credentials is a SecretStr, so that forms and logs show them all")
    with _overheard() as heard:
        (made,) = await bench.sent()
        heard.extend([repr(made.prepared), repr(await bench.connect()), repr(bench.view())])
        heard.extend([repr(await bench.look([made])), repr(await bench.poll(None))])
        for fault in _TELLING_FAULTS:
            if fault in bench.sandbox.faults:
                bench.fault(fault)
                heard.extend(await _errors(bench.connect(), bench.look([made]), bench.poll(None)))
                bench.sandbox.clear_faults()
        heard.extend(await _errors(bench.connect(_with_canary(bench))))
    for exchange in await Exchange.filter(connection_id=bench.connection_id):
        heard += [exchange.url, exchange.request_body, exchange.reply_body, exchange.error]
    for secret in [*secrets, CANARY]:
        for text in heard:
            found = next((each for each in _spellings(secret) if each in text), None)
            require(found is None, f"a secret can be read in {_shortened(text, found or '')}")


def _with_canary(bench: Bench) -> BaseModel:
    """Credentials that the ERP refuses, with a secret that stands nowhere else."""
    secret = {
        name
        for name in type(bench.credentials).model_fields
        if hasattr(getattr(bench.credentials, name), "get_secret_value")
    }
    given = {name: CANARY if name in secret else text for name, text in bench.sandbox.credentials.items()}
    return read_model(bench.connector.schema.credentials, given, "credentials")


async def _errors(*calls: Awaitable[object]) -> list[str]:
    """What a person may get to read of what the calls raise."""
    texts = []
    for call in calls:
        try:
            texts.append(repr(await call))
        except HubError as error:
            texts += [*_chain(error), error.fix]
    return texts


def _chain(error: BaseException | None) -> Iterator[str]:
    """What a traceback says of an error and of those behind it."""
    while error is not None:
        yield f"{error!r} {error}"
        error = error.__cause__ or error.__context__


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """Everything that is logged or printed in the block, at its end."""
    heard: list[str] = []
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with (
            structlog.testing.capture_logs() as events,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            yield heard
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    heard += [printed.getvalue(), *map(repr, events)]


def _spellings(secret: str) -> set[str]:
    """A secret as it may be spelled: plain, in an address, and in base64 at each of its alignments."""
    found = {secret, quote(secret, safe="")}
    for shift in range(_SHIFTS):
        text = base64.b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")
        found.add(text[(0, 2, 3)[shift] : -1])
    return found


def _shortened(text: str, secret: str) -> str:
    at = text.find(secret)
    return repr(f"…{text[max(0, at - 40) : at]}[secret]…")


@rule
async def cancelled_call_leaves_no_harm(bench: Bench) -> None:
    """A hook that is cancelled in the middle stops at once, and what it left is found.

    The hub is stopped, or loses its claim, in the middle of a call. A hook that catches the cancellation and
    answers all the same answers for something it does not know.
    """
    fault = "slow" if "slow" in bench.sandbox.faults else "hang"
    (delivery,) = await bench.prepared()
    bench.fault(fault, WRITE, seconds=_LEAVE_IT_S)
    await _cancelled(bench, bench.connector.on_rma_approved(bench.view(), [delivery]))
    bench.sandbox.clear_faults()
    (seen,) = await bench.look([delivery])
    wanted = SightingKind.OURS if bench.documents_of(delivery) else SightingKind.ABSENT
    require(seen.kind is wanted, f"after a cancelled write its document is seen as {seen.kind}")
    bench.fault(fault, READ, seconds=_LEAVE_IT_S)
    await _cancelled(bench, bench.connector.find_documents(bench.view(), [delivery]))
    bench.sandbox.clear_faults()
    if seen.kind is SightingKind.ABSENT:
        (outcome,) = await bench.send([delivery])
        require(outcome.verdict is Verdict.CREATED, f"sent after that it came back {outcome.verdict}")
    bench.has_one(delivery)


async def _cancelled(bench: Bench, call: Any) -> None:
    """Leaves a call in the middle, once the ERP has it and does not answer."""
    silence = Silence(bench.sandbox)
    task = asyncio.ensure_future(call)
    if not await silence.begins(task):
        raise BrokenError(f"it ended although the ERP had not answered: {task.exception()}")
    made = len(bench.watched.calls)
    task.cancel()
    await asyncio.wait([task])
    require(task.cancelled(), "it answered although it was cancelled in the middle of a call")
    require(len(bench.watched.calls) == made, "it made more calls after it was cancelled")


@rule
async def quota_is_kept(bench: Bench) -> str:
    """Every call goes through the hub's session, and no minute holds more of them than the ERP allows.

    The quota is the merchant's, for everything they run. Spent by us, their shop stops importing orders.
    """
    (made,) = await bench.sent()
    began = bench.time.now()
    while len(bench.watched.calls) < _calls_to_make(bench):
        before = len(bench.watched.calls)
        await bench.look([made])
        await bench.poll(None)
        if len(bench.watched.calls) == before:
            raise ExemptError("it makes no calls to count")
    seen, given = bench.sandbox.calls(), len(bench.watched.calls)
    require(len(seen) == given, f"the ERP was sent {len(seen)} calls, and the session was given {given}")
    refused = sum(1 for call in seen if call["status"] == 429)  # noqa: PLR2004 - HTTP's own number
    require(not refused, f"{refused} of {given} calls came too early for the ERP")
    if not bench.connector.schema.quota:
        return "its schema names no quota"
    return f"{given} calls took {(bench.time.now() - began).total_seconds():.0f} s of the quota's time"


def _calls_to_make(bench: Bench) -> int:
    """A little more than fit into the schema's widest window of at most a minute."""
    fitting = [window.calls for window in bench.connector.schema.quota if window.per <= _MINUTE]
    return min(MOST_CALLS, max(fitting, default=MOST_CALLS) * 6 // 5)


@rule
async def list_shows_each_document_once(bench: Bench) -> None:
    """The list for reconciling shows every document exactly once, whoever made it, and whose it is.

    A document that is left out looks lost and is asked for again; one listed twice looks like a double
    credit.
    """
    if not bench.connector.has("list_documents"):
        raise ExemptError("it has no list_documents, so that `hub reconcile` does not know it")
    since = bench.time.now() - timedelta(hours=1)
    (ours,) = await bench.sent()
    theirs = bench.enter("by hand", UNITS)
    for number in range(getattr(bench.sandbox, "page_size", 0) + 1):
        bench.enter(f"K{number}", UNITS)
    listed: Counter[str] = Counter()
    marks: dict[str, str | None] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await bench.connector.list_documents(bench.view(), since, cursor)
        listed.update(each.document_id for each in page.documents)
        marks |= {each.document_id: each.delivery_id for each in page.documents}
        cursor = page.cursor
        if cursor is None:
            break
    held = {each["id"] for each in bench.sandbox.documents()}
    require(held <= set(listed), f"{len(held - set(listed))} of {len(held)} documents are on no page")
    require(max(listed.values()) == 1, "some documents are on more than one page")
    is_told = marks[bench.has_one(ours)["id"]] == ours.delivery_id and marks[theirs["id"]] is None
    require(is_told, "the list does not tell our document from somebody else's")

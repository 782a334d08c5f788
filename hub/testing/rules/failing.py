"""Each thing that goes wrong on the wire becomes the error that says what to do next."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.errors import AuthError, HubError, InDoubtError, RetriableError
from hub.outcomes import SightingKind, Verdict
from hub.testing.bench import READ, WRITE
from hub.testing.ruling import BrokenError, require, rule
from hub.testing.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from hub.hookspecs import Delivery
    from hub.outcomes import Outcome
    from hub.testing.bench import Bench

RETRY_AFTER_S = 7


@rule
async def refused_credentials_pause(bench: Bench) -> None:
    """401 is an AuthError that says the credentials are wrong: the connection pauses.

    Retried, it locks the merchant's account out; rejected, every return of the night goes to a person, one by
    one, for what is one wrong key.
    """
    await _reads_fail(bench, "unauthorized", _is_auth("unauthorized"))
    await _write_comes_back(bench, "unauthorized", {Verdict.PAUSED})


@rule
async def missing_permission_pauses(bench: Bench) -> None:
    """403 is an AuthError that says a permission is missing: the connection pauses.

    The key is right, so that telling the merchant to enter it again sends them the wrong way.
    """
    await _reads_fail(bench, "forbidden", _is_auth("forbidden"), besides={"connect"})
    await _write_comes_back(bench, "forbidden", {Verdict.PAUSED})


@rule
async def too_many_requests_wait_as_told(bench: Bench) -> None:
    """429 is retriable, and the wait that the ERP names is passed on.

    The ERP's own word beats our count of its quota. Who comes back too early is locked out for longer.
    """

    def waits(error: HubError) -> bool:
        return isinstance(error, RetriableError) and _is_long_enough(error.retry_after)

    await _reads_fail(bench, "too_many_requests", waits, seconds=RETRY_AFTER_S)
    outcome = await _write_comes_back(bench, "too_many_requests", {Verdict.RETRY}, seconds=RETRY_AFTER_S)
    require(_is_long_enough(outcome.retry_after), f"of Retry-After it made {outcome.retry_after} for a write")


def _is_long_enough(wait: timedelta | None) -> bool:
    return wait is not None and wait >= timedelta(seconds=RETRY_AFTER_S)


@rule
async def unavailable_is_tried_again(bench: Bench) -> None:
    """503 is worth trying again, and never final.

    Every ERP is down some night. What was on its way then must arrive in the morning by itself.
    """
    await _reads_fail(bench, "unavailable", _is_retriable)
    await _write_comes_back(bench, "unavailable", {Verdict.RETRY, Verdict.IN_DOUBT})


@rule
async def error_page_is_no_answer(bench: Bench) -> None:
    """500 with a page of HTML is retriable for a read and in doubt for a write.

    The page comes from whatever stands in front of the ERP, or from the ERP breaking in the middle of the
    work. It says nothing about what was applied.
    """
    await _reads_fail(bench, "server_error_html", _is_retriable)
    await _write_comes_back(bench, "server_error_html", {Verdict.IN_DOUBT})


@rule
async def cut_off_answer_is_in_doubt(bench: Bench) -> None:
    """An answer cut off in the middle is retriable for a read and in doubt for a write; the look finds it.

    Half an answer parses, now and then, as a whole one that lists fewer results.
    """
    await _reads_fail(bench, "cut_off_body", _is_retriable)
    await _write_comes_back(bench, "cut_off_body", {Verdict.IN_DOUBT}, is_applied=True)


@rule
async def empty_answer_is_in_doubt(bench: Bench) -> None:
    """An empty 200 is no success: retriable for a read, in doubt for a write; the look finds it.

    Read as an empty list it would say that our document does not exist, and the hub would make it again.
    """
    await _reads_fail(bench, "empty_200", _is_retriable)
    await _write_comes_back(bench, "empty_200", {Verdict.IN_DOUBT}, is_applied=True)


@rule
async def silence_is_in_doubt(bench: Bench) -> None:
    """A call that is never answered is retriable for a read and in doubt for a write, and said to be slow.

    An ERP that is too slow for a batch of hundreds manages one of fifty: the hub halves its batches, if the
    session's ``timed_out`` reaches it.
    """
    (made,) = await bench.sent()
    (ready,) = await bench.prepared()
    read = await _unanswered(bench, None, lambda: bench.look([made]))
    require(_is_retriable(read), f"find_documents made {_shown(read)} of hang")
    write = await _unanswered(bench, WRITE, lambda: bench.connector.on_rma_approved(bench.view(), [ready]))
    if not isinstance(write, InDoubtError):
        raise BrokenError(f"a write made {_shown(write)} of hang")
    require(write.timed_out, "of a write that took too long it does not say that it timed out")


async def _unanswered(bench: Bench, on: str | None, call: Callable[[], Awaitable[object]]) -> HubError:
    """What a hook raises when a call of it is never answered."""
    bench.fault("hang", on)
    silence, given_up = Silence(bench.sandbox), 0
    async with bench.patience() as patience:
        asking = asyncio.ensure_future(call())
        try:
            while await silence.begins(asking, known=given_up):
                patience.end()
                given_up += 1
            await asking
        except HubError as error:
            return error
        finally:
            asking.cancel()
            bench.sandbox.clear_faults()
    raise BrokenError("it went on as if a call that was never answered had been")


@rule
async def no_connection_is_tried_again(bench: Bench) -> None:
    """Where no connection is made nothing was sent: retriable, also for a write.

    Called in doubt, each outage of the network would cost three looks for every return that waits.
    """
    await _reads_fail(bench, "refuse", _is_retriable, only={"find_documents"}, seconds=60)
    await _write_comes_back(bench, "refuse", {Verdict.RETRY}, on=None, seconds=60)


@rule
async def waiting_is_the_hubs(bench: Bench) -> None:
    """A connector never tries again by itself.

    Its second try is in no log, counts in no quota's plan and is lost with the process. A write tried again
    without a look is the second document.
    """
    (made,) = await bench.sent()
    (ready,) = await bench.prepared()
    before = len(bench.watched.calls)
    bench.fault("unavailable", WRITE, times=1)
    (outcome,) = await bench.send([ready])
    require(outcome.verdict is not Verdict.CREATED, "it wrote again by itself after a 503")
    writes = [call for call in bench.watched.calls[before:] if call.is_write]
    require(len({call.body for call in writes}) == len(writes), "it sent one write twice by itself")
    bench.sandbox.clear_faults()
    bench.fault("unavailable", READ, times=1)
    try:
        await bench.look([made])
    except HubError:
        return
    raise BrokenError("it asked again by itself after a 503")


def _is_retriable(error: HubError) -> bool:
    return isinstance(error, RetriableError)


def _is_auth(kind: str) -> Callable[[HubError], bool]:
    return lambda error: isinstance(error, AuthError) and error.kind == kind


def _reads(bench: Bench, made: Delivery) -> dict[str, Callable[[], Awaitable[Any]]]:
    (fresh,) = bench.samples()
    return {
        "connect": bench.connect,
        "prepare": lambda: bench.prepare([fresh]),
        "find_documents": lambda: bench.look([made]),
        "poll_validations": lambda: bench.poll(None),
    }


async def _reads_fail(
    bench: Bench,
    fault: str,
    is_right: Callable[[HubError], bool],
    *,
    only: Collection[str] = (),
    besides: Collection[str] = (),
    seconds: float | None = None,
) -> None:
    """Every hook that reads meets the fault on each of its calls; one that makes no call is passed over."""
    (made,) = await bench.sent()
    for hook, call in _reads(bench, made).items():
        if hook in besides or (only and hook not in only):
            continue
        before = len(bench.watched.calls)
        if fault == "refuse":
            bench.fault(fault, times=1, seconds=seconds)
        else:
            bench.fault(fault, seconds=seconds)
        try:
            await call()
        except HubError as error:
            require(is_right(error), f"{hook} made {_shown(error)} of {fault}")
        else:
            was_met = len(bench.watched.calls) > before
            require(not was_met, f"{hook} went on as if nothing had happened after {fault}")
        finally:
            bench.sandbox.clear_faults()


async def _write_comes_back(
    bench: Bench,
    fault: str,
    allowed: Collection[Verdict],
    *,
    on: str | None = WRITE,
    seconds: float | None = None,
    is_applied: bool = False,
) -> Outcome:
    """The write meets the fault; what was applied all the same is found by a look."""
    (delivery,) = await bench.prepared()
    bench.fault(fault, on, times=1 if fault == "refuse" else None, seconds=seconds)
    (outcome,) = await bench.send([delivery])
    require(outcome.verdict in allowed, f"a write made {outcome.verdict} of {fault}: {outcome.reason}")
    if is_applied:
        bench.sandbox.clear_faults()
        bench.has_one(delivery)
        (seen,) = await bench.look([delivery])
        require(seen.kind is SightingKind.OURS, f"after {fault} its document is seen as {seen.kind}")
    return outcome


def _shown(error: HubError) -> str:
    kind = f" ({error.kind})" if isinstance(error, AuthError) else ""
    wait = f" (retry_after {error.retry_after})" if isinstance(error, RetriableError) else ""
    return f"{type(error).__name__}{kind}{wait}"

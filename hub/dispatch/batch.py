"""Errors into answers, in one place; and batches cut down until the bad one stands alone."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TypeVar

import structlog

from hub.dispatch.claims import ClaimLostError
from hub.errors import AuthError, ConfigError, HubError, InDoubtError, RejectedError, RetriableError
from hub.outcomes import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hub.hookspecs import Delivery

log = structlog.get_logger()

Answer = TypeVar("Answer")


def outcome_of(error: HubError, delivery_id: str, *, was_sending: bool) -> Outcome:
    """What an error that stands for a whole call means for one delivery of it.

    Args:
        error: anything a hook call may raise.
        delivery_id: whose outcome.
        was_sending: True when something may have reached the ERP: then what is not known to be harmless
            is in doubt.
    """
    verdict = Verdict.IN_DOUBT if was_sending else Verdict.REJECTED
    retry_after = None
    if isinstance(error, RetriableError):
        verdict, retry_after = Verdict.RETRY, error.retry_after
    elif isinstance(error, InDoubtError):
        verdict = Verdict.IN_DOUBT
    elif isinstance(error, RejectedError):
        verdict = Verdict.REJECTED
    elif isinstance(error, (AuthError, ConfigError)):
        verdict = Verdict.PAUSED
    else:
        log.error("connector bug", delivery=delivery_id, error=str(error), traceback=_cause(error))
    return Outcome(
        delivery_id=delivery_id, verdict=verdict, reason=str(error), fix=error.fix, retry_after=retry_after
    )


async def halving(
    call: Callable[[Sequence[Delivery]], Awaitable[Sequence[Answer]]],
    deliveries: Sequence[Delivery],
    splits: tuple[type[HubError], ...],
    *,
    was_sending: bool = False,
) -> list[Answer | Outcome]:
    """Calls a hook for a batch; a batch refused as a whole is cut in halves until the bad one is alone.

    Args:
        call: the hook.
        deliveries: the batch.
        splits: errors that one delivery may have brought on its neighbours, and that applied nothing.
        was_sending: see :func:`outcome_of`.

    Returns:
        One answer for each delivery, in order; an :class:`~hub.outcomes.Outcome` where the call failed.
    """
    try:
        return list(await call(deliveries))
    except ClaimLostError:
        raise
    except HubError as error:
        if isinstance(error, splits) and len(deliveries) > 1:
            middle = len(deliveries) // 2
            first = await halving(call, deliveries[:middle], splits, was_sending=was_sending)
            return first + await halving(call, deliveries[middle:], splits, was_sending=was_sending)
        return [_outcome(error, each, was_sending=was_sending) for each in deliveries]


def _outcome(error: HubError, delivery: Delivery, *, was_sending: bool) -> Outcome:
    with structlog.contextvars.bound_contextvars(rma=delivery.rma.rma_id):
        return outcome_of(error, delivery.delivery_id, was_sending=was_sending)


def _cause(error: HubError) -> str:
    return "".join(traceback.format_exception(error))

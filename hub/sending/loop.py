"""The one loop that sends updates: in order for each RMA, written down before and after each try."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import BaseORMException

from hub.crashpoints import CrashPoint, reach
from hub.dispatch.claims import ClaimLostError
from hub.errors import AuthError, ConfigError, InDoubtError, RejectedError, RetriableError
from hub.sending.contract import OutgoingUpdate, Sent
from hub.sending.due import due_sendings
from hub.sending.schedule import rest
from hub.store.database import in_transaction
from hub.store.models import Connection, SendingStatus, UpdateSending
from hub.store.timeline import tell

if TYPE_CHECKING:
    from datetime import timedelta

    from hub.core import Hub
    from hub.dispatch.claims import Claim
    from hub.errors import HubError
    from hub.sending.contract import Send
    from hub.sending.schedule import Schedule

MOST_AT_ONCE = 50
"""Most updates sent in one turn; then a poll of the same connection, or a change of it, gets its turn."""
UPDATE_FAILED = "update.failed"
"""Kind of the story's sentence about an update that was given up."""
UPDATE_SENT = "update.sent"
"""Kind of the sentence that a sender tells."""

log = structlog.get_logger()


async def run(hub: Hub, row: Connection, claim: Claim, send: Send, schedule: Schedule) -> None:
    """Sends what is due for one receiver, one at a time.

    Comes back when nothing is due, the receiver is paused, changed or at rest, or its turn is over. An
    update that fails holds up the later ones of its own RMA only.

    Args:
        hub: the hub.
        row: the receiver, as it was opened.
        claim: of that connection; checked in every transaction.
        send: see :data:`~hub.sending.contract.Send`.
        schedule: how long to wait after a try that came to nothing.

    Raises:
        ClaimLostError: somebody else has the connection now.
    """
    opened_with = (row.settings, row.credentials)
    reach(CrashPoint.SENDING_CLAIMED)
    for _ in range(MOST_AT_ONCE):
        await row.refresh_from_db(fields=["settings", "credentials"])
        if (row.settings, row.credentials) != opened_with:
            return
        now = hub.clock.now()
        mine = due_sendings(now).filter(connection_id=row.id).order_by("next_attempt_at", "id")
        sending = await mine.first().select_related("update", "rma")
        if sending is None or not await _start(sending, claim):
            return
        await _Try(hub, row, claim, schedule, sending).make(send)


async def _start(sending: UpdateSending, claim: Claim) -> bool:
    """Commits a try before its first byte. False when the row is not as it was read."""
    async with in_transaction():
        await claim.check()
        mine = UpdateSending.filter(id=sending.id, status=SendingStatus.PENDING, attempts=sending.attempts)
        sending.attempts += 1
        is_ours = await mine.update(attempts=sending.attempts)
        reach(CrashPoint.SENDING_BEFORE_COMMIT)
    reach(CrashPoint.SENDING_AFTER_COMMIT)
    return bool(is_ours)


class _Try:
    """One try to send one update, already committed."""

    def __init__(
        self, hub: Hub, row: Connection, claim: Claim, schedule: Schedule, sending: UpdateSending
    ) -> None:
        self._hub = hub
        self._row = row
        self._claim = claim
        self._schedule = schedule
        self._sending = sending

    async def make(self, send: Send) -> None:
        """Sends, and writes down what came of it."""
        try:
            sent = await send(self._view())
        except (ClaimLostError, BaseORMException):
            # The next holder goes on: receivers know a repetition by its key, or the sender looks first.
            raise
        except RetriableError as error:
            await self._failed(error, is_receiver_away=True, asked=error.retry_after)
        except InDoubtError as error:
            # One that keeps us waiting for each answer would hold a worker's place for its whole turn.
            await self._failed(error, is_receiver_away=error.timed_out)
        except RejectedError as error:
            await self._give_up(f"refused: {error}")
        except (AuthError, ConfigError) as error:
            await self._pause(error)
        except Exception as error:
            view = self._view()
            log.exception(
                "sending an update broke off", connection=self._row.name, key=view.key, rma=view.rma_id
            )
            await self._failed(
                InDoubtError("send: unexpected failure", why=f"{type(error).__name__}: {error}")
            )
        else:
            reach(CrashPoint.SENDING_AFTER_ANSWER)
            await self._done(sent)

    def _view(self) -> OutgoingUpdate:
        update = self._sending.update
        return OutgoingUpdate(
            key=update.key,
            kind=update.kind,
            rma=self._sending.rma_id,
            rma_id=self._sending.rma.rma_id,
            facts=json.loads(update.facts),
            created_at=update.created_at,
            attempt=self._sending.attempts,
        )

    async def _done(self, sent: Sent) -> None:
        now = self._hub.clock.now()
        changes = {"status": sent.status, "reason": sent.reason, "ended_at": now, "next_attempt_at": None}
        health = {"last_success_at": now, "last_error": "", "resting_until": None}
        await self._write(changes, health, UPDATE_SENT, sent.story)

    async def _failed(
        self, error: HubError, *, is_receiver_away: bool = False, asked: timedelta | None = None
    ) -> None:
        """Tried again later; everything else for the receiver waits as well when it is away as a whole."""
        now = self._hub.clock.now()
        wait = self._schedule(self._sending.attempts, jitter=self._hub.clock.random.random(), asked=asked)
        health: dict[str, object] = {"last_error": str(error), "last_error_at": now}
        if is_receiver_away:
            health["resting_until"] = now + rest(wait, asked=asked)
        if wait is None:
            await self._give_up(f"given up after {self._sending.attempts} tries: {error}", health)
            return
        await self._write({"next_attempt_at": now + wait, "reason": str(error)}, health)

    async def _give_up(self, reason: str, health: dict[str, object] | None = None) -> None:
        now = self._hub.clock.now()
        changes = {
            "status": SendingStatus.FAILED,
            "reason": reason,
            "ended_at": now,
            "next_attempt_at": None,
        }
        story = f"{self._row.name} was not told of {self._sending.update.kind}: {reason}."
        await self._write(
            changes, health or {"last_error": reason, "last_error_at": now}, UPDATE_FAILED, story
        )

    async def _pause(self, error: HubError) -> None:
        """The update stays due, and goes when a person resumes the receiver."""
        reason = str(error)
        health = {"last_error": reason, "last_error_at": self._hub.clock.now()}
        await self._write({"reason": reason}, health, pause_reason=reason)

    async def _write(
        self,
        changes: dict[str, object],
        health: dict[str, object],
        kind: str = "",
        story: str = "",
        *,
        pause_reason: str = "",
    ) -> None:
        async with in_transaction():
            await self._claim.check()
            # Asked for again meanwhile, it starts anew: what came of this try is not written over that.
            mine = UpdateSending.filter(
                id=self._sending.id, status=SendingStatus.PENDING, attempts=self._sending.attempts
            )
            is_ours = await mine.update(**changes)
            receiver = Connection.filter(id=self._row.id)
            await receiver.update(**health)
            if pause_reason:
                # A person may have entered another key meanwhile, and it was not that one that was refused.
                as_opened = receiver.filter(settings=self._row.settings, credentials=self._row.credentials)
                await as_opened.update(is_paused=True, pause_reason=pause_reason)
            if is_ours and story:
                await tell(self._sending.rma_id, self._hub.clock.now(), kind, story)
            reach(CrashPoint.SENDING_RECORD_BEFORE_COMMIT)
        reach(CrashPoint.SENDING_RECORD_AFTER_COMMIT)

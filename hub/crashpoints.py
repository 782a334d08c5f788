"""Places at which a test may have the process killed, to prove that nothing is lost and nothing made twice.

Off unless the environment variable ``HUB_CRASH_AT`` names one: ``send.before_first_byte``, or
``send.before_first_byte:3`` for the third time it is reached. The process then dies by SIGKILL, as with a
power cut: no ``finally`` runs, nothing is flushed, no answer goes out.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum

from hub.errors import ConfigError

VARIABLE = "HUB_CRASH_AT"


class CrashPoint(StrEnum):
    """Every place, each between two steps; :func:`reach` is called with each exactly once in the code."""

    ACCEPT_BEGUN = "accept.begun"
    """An event was read; nothing of it is written."""
    ACCEPT_EVENT_WRITTEN = "accept.event_written"
    """The event is written; its RMA's delivery is not; nothing is committed."""
    ACCEPT_BEFORE_COMMIT = "accept.before_commit"
    """Everything is written; nothing is committed."""
    ACCEPT_AFTER_COMMIT = "accept.after_commit"
    """Everything is committed; the sender has no answer."""
    CHANGE_BEFORE_COMMIT = "change.before_commit"
    """Everything that a change of a known RMA brings is written; nothing is committed."""
    TWINS_BEFORE_COMMIT = "twins.before_commit"
    """What other stores' rows under a confirmed number wait for is withdrawn; nothing is committed."""
    WORK_CLAIMED = "work.claimed"
    """The connection is claimed; nothing is done with it."""
    PREPARE_AFTER_ANSWER = "prepare.after_answer"
    """Requests are prepared; nothing is frozen."""
    PREPARE_BEFORE_COMMIT = "prepare.before_commit"
    """The frozen requests are written; nothing is committed."""
    PREPARE_AFTER_COMMIT = "prepare.after_commit"
    """The requests are frozen; no attempt is started."""
    START_BEFORE_COMMIT = "start.before_commit"
    """The attempts are written; nothing is committed."""
    START_AFTER_COMMIT = "start.after_commit"
    """The attempts are committed; the mark beside the database does not know them."""
    START_MARKED = "start.marked"
    """The mark knows the attempts; the connector has not been called."""
    SEND_BEFORE_FIRST_BYTE = "send.before_first_byte"
    """A write is in the request log and the claim was read again; no byte is out."""
    SEND_AFTER_ANSWER = "send.after_answer"
    """The answer to a write is read; the request log does not have it."""
    SEND_ANSWER_LOGGED = "send.answer_logged"
    """The answer to a write is in the request log; the connector has not judged it."""
    SEND_AFTER_REFUSAL = "send.after_refusal"
    """The ERP refused a record; it has not been looked up whether that is due to our own earlier one."""
    SEND_REFUSAL_LOOKED_UP = "send.refusal_looked_up"
    """A refused record was looked up; what came of it is not written."""
    TWIN_AFTER_LOOK = "twin.after_look"
    """It is known what another store's try for the same return left; nothing of it is written."""
    TWIN_BEFORE_COMMIT = "twin.before_commit"
    """What another store's try means for a delivery is written; nothing is committed."""
    RECORD_BEGUN = "record.begun"
    """The outcomes are known; nothing of them is written."""
    RECORD_BEFORE_COMMIT = "record.before_commit"
    """The outcomes are written; nothing is committed."""
    RECORD_AFTER_COMMIT = "record.after_commit"
    """The outcomes are committed; the flush goes on."""
    ORPHANS_BEFORE_COMMIT = "orphans.before_commit"
    """What a dead process left in ``sending`` is written as in doubt; nothing is committed."""
    ORPHANS_AFTER_COMMIT = "orphans.after_commit"
    """What a dead process left in ``sending`` is in doubt; no look was made."""
    LOOK_AFTER_ANSWER = "look.after_answer"
    """The look has found what it found; nothing of it is written."""
    LOOK_BEFORE_COMMIT = "look.before_commit"
    """What a look found is written; nothing is committed."""
    LOOK_AFTER_COMMIT = "look.after_commit"
    """What a look found is committed; the flush goes on."""
    FIRST_LOOK_AFTER_ANSWER = "first_look.after_answer"
    """After a rollback: it is known what was made and forgotten; nothing of it is written."""
    FIRST_LOOK_AFTER_COMMIT = "first_look.after_commit"
    """After a rollback: what was made and forgotten is adopted; the rest is not sent."""
    POLL_AFTER_PAGE = "poll.after_page"
    """A page of a poll is read; nothing of it is written."""
    POLL_APPLIED = "poll.applied"
    """A page is on the items; its cursor is not; nothing is committed."""
    POLL_BEFORE_COMMIT = "poll.before_commit"
    """A page and its cursor are written; nothing is committed."""
    POLL_AFTER_COMMIT = "poll.after_commit"
    """A page and its cursor are committed; the cycle goes on."""
    POLL_CYCLE_READ = "poll.cycle_read"
    """The last page is committed; when to poll next is not written."""
    ROTATE_KEY_WRITTEN = "rotate.key_written"
    """A new key is in its file; nothing is sealed with it."""
    ROTATE_BEFORE_COMMIT = "rotate.before_commit"
    """Some secrets are sealed with the new key; nothing is committed."""
    ROTATE_AFTER_COMMIT = "rotate.after_commit"
    """Some secrets are sealed with the new key, and others with the old one."""

    PLATFORM_LISTED = "platform.listed"
    """A page of a platform's list is read; nothing of it is written."""
    PLATFORM_REMEMBERED = "platform.remembered"
    """What is to be read from a platform is committed, with how far its list was read; nothing is read."""
    PLATFORM_TAKEN_IN = "platform.taken_in"
    """An RMA was read and taken in; it still stands among those to be read."""
    TELL_BEFORE_COMMIT = "tell.before_commit"
    """What receivers must learn is written beside what it tells; nothing is committed."""
    SENDING_CLAIMED = "sending.claimed"
    """A receiver is claimed; nothing is sent to it."""
    SENDING_BEFORE_COMMIT = "sending.before_commit"
    """A try is written; nothing is committed."""
    SENDING_AFTER_COMMIT = "sending.after_commit"
    """A try is committed; nothing is sent."""
    SENDING_AFTER_ANSWER = "sending.after_answer"
    """The receiver took it; that is not written."""
    SENDING_RECORD_BEFORE_COMMIT = "sending.record_before_commit"
    """What came of it is written; nothing is committed."""
    SENDING_RECORD_AFTER_COMMIT = "sending.record_after_commit"
    """What came of it is committed; the next one is not looked for."""


def _ordered(text: str) -> tuple[str, int]:
    """Reads the variable: which place, and the how-many-th time; an empty name is none."""
    name, _, times = text.partition(":")
    if (name and name not in set(CrashPoint)) or not (times or "1").isdigit() or times == "0":
        raise ConfigError(
            f"read {VARIABLE}: {text!r} is no crash point",
            why="it is for tests only, and kills the hub at a place of its own choosing",
            fix=f"unset it, or name one of {', '.join(CrashPoint)}, with :N for the Nth time",
        )
    return name, int(times or "1")


_name, _times_left = _ordered(os.environ.get(VARIABLE, ""))
_is_on = bool(_name)


def reach(point: CrashPoint) -> None:
    """Says that a place is reached; kills the process when it was told to die here."""
    if _is_on and point == _name:
        _die_in_time()


def _die_in_time() -> None:
    global _times_left  # noqa: PLW0603 - how often a place was reached is the process's own
    _times_left -= 1
    if _times_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

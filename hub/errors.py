"""Every error the hub raises on purpose, grouped by what to do next.

An error is three things: *what* went wrong, *why*, and what to do (*fix*). Messages start with the
operation in the remote's words, are lower case, end without a full stop and carry no secret. Data
travels as attributes, not inside the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta


class HubError(Exception):
    """Base of the tree; never raised itself.

    Args:
        what: what went wrong, in one clause.
        why: the cause, where known; empty when ``what`` says it all.
        fix: what the reader should do next; empty when there is nothing to do.
    """

    code: ClassVar[str] = "failed"
    """Stable machine name, printed with ``--json`` and used as an anchor in the documentation."""
    exit_code: ClassVar[int] = 1
    """Process exit code of a command that ends with this error."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        return ": ".join(part for part in (self.what, self.why) if part)


class UsageError(HubError):
    """The command or request was put wrongly; nothing was done."""

    code = "usage"
    exit_code = 2


class ConfigError(HubError):
    """A person must change a setting, a mapping, a key or a file."""

    code = "config_invalid"
    exit_code = 3


class NotFoundError(HubError):
    """The named thing does not exist."""

    code = "not_found"
    exit_code = 5


class ConflictError(HubError):
    """The named thing exists already, changed meanwhile, or is in use."""

    code = "conflict"
    exit_code = 6


class AccessError(HubError):
    """Nobody is signed in, or whoever is may not do this; nothing was done.

    Attributes:
        status: the HTTP status that answers it: 401 nobody we know, 403 known and not allowed, 429 held back
            after too many wrong passwords.
        retry_after: how long to wait before the next try; None when waiting does not help.
    """

    code = "access_refused"
    exit_code = 4

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        fix: str = "",
        status: Literal[401, 403, 429] = 403,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.status = status
        self.retry_after = retry_after


class PluginError(HubError):
    """A connector package is broken; it is disabled and the others run.

    Attributes:
        connector: the entry point's name.
    """

    code = "plugin_broken"

    def __init__(self, connector: str, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.connector = connector


class EventError(HubError):
    """What came in was refused, and nothing was stored.

    Attributes:
        status: the HTTP status that answers it: 400 unreadable, 401 not signed by us, 409 contradicts
            what is held, 413 too large, 422 readable but wrong.
        problems: one sentence for each thing that is wrong, each starting with where it is.
    """

    code = "event_refused"

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        fix: str = "",
        status: Literal[400, 401, 409, 413, 422] = 422,
        problems: Sequence[str] = (),
    ) -> None:
        super().__init__(what, why=why or "; ".join(problems), fix=fix)
        self.status = status
        self.problems = tuple(problems)


class ConnectorError(HubError):
    """A call to the remote system did not give what was asked; never raised itself."""

    code = "connector_failed"


class RetriableError(ConnectorError):
    """Certainly not applied; worth trying again later.

    No connection was made, a read timed out, 429, or 503 before the request was read.

    Attributes:
        retry_after: how long the remote asked us to wait; None when it did not say.
    """

    code = "remote_unavailable"
    exit_code = 7

    def __init__(
        self, what: str, *, why: str = "", fix: str = "", retry_after: timedelta | None = None
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.retry_after = retry_after


class InDoubtError(ConnectorError):
    """A write whose answer was lost: it may have been applied, wholly, in part or later.

    Attributes:
        timed_out: True when the remote was too slow, so that a smaller batch may help.
    """

    code = "in_doubt"
    exit_code = 9

    def __init__(self, what: str, *, why: str = "", fix: str = "", timed_out: bool = False) -> None:
        super().__init__(what, why=why, fix=fix)
        self.timed_out = timed_out


class RejectedError(ConnectorError):
    """Refused for good: the same request would be refused again. Nothing was applied."""

    code = "rejected"


class AuthError(ConnectorError):
    """Credentials or a permission: the whole connection pauses, not the one delivery.

    Attributes:
        kind: ``unauthorized`` when the credentials are wrong, ``forbidden`` when they are right and a
            permission is missing.
    """

    code = "auth_failed"
    exit_code = 4

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        fix: str = "",
        kind: Literal["unauthorized", "forbidden"] = "unauthorized",
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.kind = kind

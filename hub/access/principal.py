"""Who is acting, and what they may do."""

from __future__ import annotations

import os
import pwd
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hub.store.people import Source

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scope(StrEnum):
    """What an API token may do."""

    READ = "read"
    """Everything that changes nothing."""
    WRITE = "write"
    """Everything else; a token that writes usually has ``read`` too."""
    METRICS = "metrics"
    """``/metrics``, and nothing else: it names every store and connection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Somebody who is acting.

    Attributes:
        who: a user's or an API token's name; for a command, that of the operating system's user.
        source: by which door they came.
        is_admin: True for whoever may also change users, tokens and the hub itself.
        store_id: the one store they see; None for all.
        scopes: what an API token may do; empty for others, whom it does not bind.
        address: where the request came from; empty for a command.
        user_id: of a user; None for others.
        session_id: of the session they act by; None for others, and for work that goes on after the request.
        token_id: of the API token; None for others. A name can be given again, an id cannot.
    """

    who: str
    source: Source
    is_admin: bool = False
    store_id: int | None = None
    scopes: frozenset[Scope] = frozenset()
    address: str = ""
    user_id: str | None = None
    session_id: int | None = None
    token_id: str | None = None

    def sees(self, store_id: int | None) -> bool:
        """Tells whether what belongs to a store is there for them; None is what belongs to no store."""
        return self.store_id is None or self.store_id == store_id


_acting: ContextVar[Principal | None] = ContextVar("acting", default=None)


def current() -> Principal:
    """Whoever acts now. Outside a request that is the operating system's user, by a command."""
    return _acting.get() or Principal(who=_os_user(), source=Source.CLI, is_admin=True)


@contextmanager
def acting(principal: Principal) -> Iterator[None]:
    """Within the block, and in the tasks started there, this one acts."""
    token = _acting.set(principal)
    try:
        yield
    finally:
        _acting.reset(token)


def _os_user() -> str:
    # From the process, not from LOGNAME, which anyone may set.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that nobody named
        return f"uid {os.getuid()}"

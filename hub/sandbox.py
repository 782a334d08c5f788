"""The local stand-in of a remote system: what every sandbox can be asked to do.

The demo, ``hub sandbox NAME`` and the conformance kit work with this and know no ERP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from aiohttp import web

    from hub.rma import Rma


STANDARD_FAULTS: Mapping[str, str] = {
    "refuse": "Closes the listening socket at once for `seconds`, so that connections are refused.",
    "drop_before_write": "Breaks the connection without applying anything.",
    "drop_after_write": "Applies the call, then breaks the connection instead of answering.",
    "apply_partly_then_drop": "Applies the first half of a batch (rounded up), then breaks the connection.",
    "apply_late_after_drop": "Breaks the connection at once and applies the call `seconds` later.",
    "server_error_html": "Applies nothing and answers 500 with a page of HTML.",
    "unavailable": "Applies nothing and answers 503.",
    "cut_off_body": "Applies the call, sends half of the answer and closes the connection.",
    "empty_200": "Applies the call and answers 200 with an empty body.",
    "hang": "Applies nothing and never answers; with `seconds` it breaks the connection after that time.",
    "slow": "Applies the call and answers as it should, but only after `seconds`.",
    "unauthorized": "Applies nothing and answers 401.",
    "forbidden": "Applies nothing and answers 403.",
    "too_many_requests": "Applies nothing and answers 429 with `Retry-After: seconds`.",
    "allow_duplicate_references": "Takes a second document under a reference that is in use.",
    "wrong_order": "Applies a batch and lists its results in reverse order.",
    "missing_result": "Applies a batch and leaves one result out.",
}
"""The names by which the conformance kit orders faults, and what each does.

A sandbox may have more, and may lack some: the rules that need a missing one are then exempt. An ERP that
tells an error inside a 200 answers 401, 403, 429 and 503 in its own way.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One misbehaviour to order from a sandbox: ``drop_after_write:times=2,on=POST``.

    Attributes:
        name: one of the sandbox's ``faults``.
        times: how many matching calls it hits; None for every one from now on.
        on: an HTTP method or a resource name (without case) it is limited to; None for any. ``POST`` is the
            call that makes documents and ``GET`` any call that only reads, also where every call takes the
            same method.
        chance: 0 to 1; drawn for each matching call from the sandbox's seed.
        seconds: how long, for faults that take time; None for the fault's default.
    """

    name: str
    times: int | None = 1
    on: str | None = None
    chance: float = 1.0
    seconds: float | None = None


class Sandbox(Protocol):
    """A local stand-in of the ERP: an HTTP application, and the warehouse's door into it.

    The control methods are what a person would do in the ERP itself; the hub serves them under
    ``/_sandbox/`` beside the application. Its catalogue has ``SKU-001`` to ``SKU-009``, or takes any SKU.
    """

    app: web.Application
    """Answers as the ERP would, over real HTTP."""
    credentials: Mapping[str, str]
    """Values for the schema's credentials that this sandbox accepts."""
    faults: Mapping[str, str]
    """Name of each fault it can play → what it does, in one sentence; see :data:`STANDARD_FAULTS`."""
    page_size: int
    """How many documents one page of a poll holds at most."""

    def settings(self, url: str) -> Mapping[str, str]:
        """Values for the schema's settings that point at this sandbox served under ``url``."""

    def inject(self, fault: Fault) -> None:
        """Orders a fault. Raises ConfigError for an unknown name."""

    def clear_faults(self) -> None:
        """Behaves well again, at once: a closed socket listens.

        What is slow may be answered at once too, and what was to be applied later be applied.
        """

    def documents(self) -> list[dict[str, Any]]:
        """Every document it holds, oldest first.

        Each has ``id``, ``reference``, ``sales_reference``, ``status``, ``currency``, ``total`` (a decimal
        string), ``lines`` (``sku``, ``quantity``, ``received`` as decimal strings; ``received`` may be
        None) and ``raw``, the document as the ERP's API shows it.
        """

    def receive(
        self,
        document: str,
        quantities: Mapping[str, Decimal] | None = None,
        *,
        is_complete: bool = True,
        is_quantity_known: bool = True,
    ) -> dict[str, Any]:
        """The warehouse books goods in.

        Args:
            document: its id or its reference.
            quantities: SKU → units that arrived; None for everything the document asks for.
            is_complete: whether the warehouse also declares the document finished.
            is_quantity_known: False books it in without saying how many (the ERP's quantity stays unset).

        Returns:
            The document, as in :meth:`documents`. Raises NotFoundError when there is none.
        """

    def enter(self, reference: str, quantities: Mapping[str, Decimal]) -> dict[str, Any]:
        """A person, or another system, makes a document by hand: without a hub's marker.

        Args:
            reference: its name; one that is in use is taken too, if the ERP's users could.
            quantities: SKU → units it asks for.

        Returns:
            The document, as in :meth:`documents`.
        """

    def sell(self, rma: Rma) -> dict[str, Any]:
        """The shop places the order that an RMA's items came from, as its integration would have.

        Returns:
            The order as the ERP's API shows it. Raises ConflictError when the ERP would refuse it.
        """

    def void(self, document: str) -> dict[str, Any]:
        """Cancels a document by hand in the ERP. Raises NotFoundError when there is none."""

    def calls(self) -> list[dict[str, Any]]:
        """Every HTTP call it was sent, oldest first.

        Each has ``at``, ``method``, ``path``, ``query``, ``status`` (None when it gave no answer) and
        ``is_write``: True when such a call may change something in the ERP, whether it did or not.
        """


@runtime_checkable
class StandIn(Protocol):
    """A local stand-in of another kind of remote, a returns platform say; see :class:`Sandbox` for the words.

    It has no warehouse: ``doors`` are what a person can do in it.
    """

    app: web.Application
    credentials: Mapping[str, str]
    faults: Mapping[str, str]
    doors: Mapping[str, Callable[[Mapping[str, Any]], Any]]
    """Name → what takes a JSON object and gives a JSON value; served as ``POST /_sandbox/<name>``."""

    def settings(self, url: str) -> Mapping[str, str]:
        """See :meth:`Sandbox.settings`."""

    def inject(self, fault: Fault) -> None:
        """See :meth:`Sandbox.inject`."""

    def clear_faults(self) -> None:
        """See :meth:`Sandbox.clear_faults`."""

    def documents(self) -> list[dict[str, Any]]:
        """See :meth:`Sandbox.documents`."""

    def calls(self) -> list[dict[str, Any]]:
        """See :meth:`Sandbox.calls`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxSpec:
    """How to make a sandbox.

    Attributes:
        make: takes the seed of every random choice, and a clock (aware UTC).
    """

    make: Callable[[int, Callable[[], datetime]], Sandbox]

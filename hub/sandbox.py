"""The local stand-in of a remote system: what every sandbox can be asked to do.

The demo, ``hub sandbox NAME`` and the conformance kit work with this and know no ERP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from aiohttp import web

    from hub.rma import Rma


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One misbehaviour to order from a sandbox: ``drop_after_write:times=2,on=POST``.

    Attributes:
        name: one of the sandbox's ``faults``.
        times: how many matching calls it hits; None for every one from now on.
        on: an HTTP method or a resource name (without case) it is limited to; None for any.
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
    ``/_sandbox/`` beside the application.
    """

    app: web.Application
    """Answers as the ERP would, over real HTTP."""
    credentials: Mapping[str, str]
    """Values for the schema's credentials that this sandbox accepts."""
    faults: Mapping[str, str]
    """Name of each fault it can play → what it does, in one sentence."""

    def settings(self, url: str) -> Mapping[str, str]:
        """Values for the schema's settings that point at this sandbox served under ``url``."""

    def inject(self, fault: Fault) -> None:
        """Orders a fault. Raises ConfigError for an unknown name."""

    def clear_faults(self) -> None:
        """Behaves well again, at once."""

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

    def sell(self, rma: Rma) -> dict[str, Any]:
        """The shop places the order that an RMA's items came from, as its integration would have.

        Returns:
            The order as the ERP's API shows it. Raises ConflictError when the ERP would refuse it.
        """

    def void(self, document: str) -> dict[str, Any]:
        """Cancels a document by hand in the ERP. Raises NotFoundError when there is none."""

    def calls(self) -> list[dict[str, Any]]:
        """Every HTTP call it was sent, oldest first: ``at``, ``method``, ``path``, ``query``, ``status``.

        ``status`` is None when it gave no answer.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxSpec:
    """How to make a sandbox.

    Attributes:
        make: takes the seed of every random choice, and a clock (aware UTC).
    """

    make: Callable[[int, Callable[[], datetime]], Sandbox]

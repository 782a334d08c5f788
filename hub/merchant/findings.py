"""The values of a reconciliation: what the hub holds, and what is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from hub.outcomes import Status, ValidationState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from hub.rma import Item, Money
    from hub.rma_update.dealing import ItemValidation


class FindingKind(StrEnum):
    """What is wrong."""

    MISSING = "missing"
    """The ledger has a document, and the ERP has it no more."""
    DOUBLE = "double"
    """The ERP holds several live documents for one RMA."""
    FOREIGN = "foreign"
    """A document under our reference that no hub marked."""
    UNKNOWN = "unknown"
    """A live document with our marker, and no delivery of ours has it."""
    ALTERED = "altered"
    """The document credits something else than what was sent."""
    VOID = "void"
    """The document was cancelled in the ERP."""
    UNVALIDATED = "unvalidated"
    """The ERP says something about the goods that the RMA does not show."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """What the hub holds about one delivery.

    Attributes:
        references: every reference any attempt used, and the frozen one.
        is_here: True when it belongs to the connection that is reconciled; of others only the document's id
            counts, since two connections may use one account of the ERP.
        is_of_store: False when that other connection is another store's, which is told nothing more of.
        total, units: of the frozen request; None when the connector did not tell.
        items: those that are credited.
        held: what is known of them, by ``returned_item_id``.
        products: ``returned_item_id`` → the ERP's product, as far as the document was made with it.
        validation: of the RMA.
        resolved_flag: what a person has looked at and closed; None when nothing.
    """

    delivery_id: str
    rma_id: str
    status: Status
    document_id: str | None
    references: frozenset[str] = frozenset()
    is_here: bool = True
    is_of_store: bool = True
    total: Money | None = None
    units: Mapping[str, Decimal] | None = None
    items: tuple[Item, ...] = ()
    held: Mapping[str, ItemValidation] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)
    validation: ValidationState = ValidationState.NONE
    resolved_flag: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        rma_id: None for a document that names no RMA.
        delivery_id: None when no delivery of ours is concerned.
        documents: the ERP's ids of the documents concerned, oldest first.
        text: what is so, in one sentence.
        fix: what to do, with the command.
    """

    kind: FindingKind
    rma_id: str | None
    delivery_id: str | None
    documents: tuple[str, ...]
    text: str
    fix: str

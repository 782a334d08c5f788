"""What hooks return: prepared requests, outcomes, sightings, receipts.

All are frozen, keyword-only values, so that they can grow without breaking a connector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from decimal import Decimal

    from hub.questions import Question
    from hub.rma import Money


class Status(StrEnum):
    """Where a delivery's row is."""

    PENDING = "pending"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    ATTENTION = "attention"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What came of one attempt."""

    CREATED = "created"
    ADOPTED = "adopted"
    SKIPPED = "skipped"
    RETRY = "retry"
    IN_DOUBT = "in_doubt"
    REJECTED = "rejected"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """What a connector made in the ERP; for Cin7 Omni a credit note.

    Attributes:
        document_id: the ERP's id.
        reference: the name we chose for it.
        url: where a person opens it; None when the ERP has no such address.
    """

    document_id: str
    reference: str
    url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CreditedLine:
    """Units of one line of the ERP's own order that a document credits.

    Attributes:
        key: names the line within the ERP's account, the same for every return of it: the order's id and
            the product's. Never shown.
        sku: what people call it.
        order: what people call the order.
        units: credited by this document; positive.
        sold: units that the order sold; None when the ERP does not say.
    """

    key: str
    sku: str
    order: str
    units: Decimal
    sold: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The exact request for one delivery, frozen before the first attempt.

    Attributes:
        delivery_id: whose it is.
        reference: the name the document will carry.
        request: the record as JSON text, sent byte for byte; a batch is these texts joined.
        origins: for each field of ``request`` (``lineItems[0].qty``) where its value came from, in words.
        warnings: plain sentences; shown in previews and on the RMA's timeline.
        total: what the document will credit; None when the connector cannot tell.
        units: SKU → units the document will credit, never negative; None when the connector cannot tell.
        left_off: ``returned_item_id`` → why, for items that a setting keeps off the document.
        lines: the order's lines it credits, so that no line is credited for more units than were sold; empty
            when the connector cannot tell.
        products: ``returned_item_id`` → the ERP's own name of the product that the request takes the item
            for, where it knows one. Later it tells which line of a receipt is the item's, whatever its SKU.
        look_up: what the ERP said that the request rests on, in the connector's own words; kept with the
            request and given to ``prepare_again``. None when nothing was asked.
    """

    delivery_id: str
    reference: str
    request: str
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    total: Money | None = None
    units: Mapping[str, Decimal] | None = None
    left_off: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[CreditedLine, ...] = ()
    products: Mapping[str, str] = field(default_factory=dict)
    look_up: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A delivery that cannot be prepared until a person changes something.

    Attributes:
        reason: what is wrong, in one sentence.
        fix: what the person should do.
        question: what a person may answer with yes, so that it is prepared after all; None when something
            has to be changed instead. Asked only while ``Delivery.accepted`` does not hold it.
    """

    delivery_id: str
    reason: str
    fix: str = ""
    question: Question | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one attempt to send one delivery came to.

    Attributes:
        verdict: ``created`` needs ``document``; ``paused`` is the hub's, connectors raise AuthError.
        document: what was made or found; None otherwise.
        reason: why it is not ``created``, in one sentence; empty for ``created``.
        fix: what a person should do; empty when nothing.
        retry_after: for ``retry``: how long the remote asked us to wait; None when it did not say.
    """

    delivery_id: str
    verdict: Verdict
    document: Document | None = None
    reason: str = ""
    fix: str = ""
    retry_after: timedelta | None = None


class SightingKind(StrEnum):
    """What a look in the ERP found."""

    ABSENT = "absent"
    """Nothing under any reference ever used, nor under the marker."""
    OURS = "ours"
    """Exactly one document, and it carries our marker or its id is in our ledger."""
    SEVERAL = "several"
    """More than one that is ours: a person decides."""
    FOREIGN = "foreign"
    """Our reference, not our marker: somebody else's document."""
    VOID = "void"
    """Ours, and cancelled in the ERP."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What a look for one delivery's document found.

    Attributes:
        documents: everything the look saw that bears on it; one for ``ours``, none for ``absent``.
        reason: what was seen, in one sentence, for kinds a person must judge.
        is_of_this_rma: for ``foreign``: True when the one document carries a hub's marker for this very RMA
            under another delivery, and its goods are those of this delivery. A hub that was restored from a
            backup may have made it and forgotten; anyone else lets a person judge.
    """

    delivery_id: str
    kind: SightingKind
    documents: tuple[Document, ...] = ()
    reason: str = ""
    is_of_this_rma: bool = False


class ReceiptVerdict(StrEnum):
    """What the connector's rules make of a document's state."""

    PROCESS = "process"
    """Believe it: the lines say what arrived."""
    FLAG = "flag"
    """A person must look; no item is validated from it."""
    IGNORE = "ignore"
    """Nothing has arrived yet, or the state says nothing about goods."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptLine:
    """One line of a document as the warehouse left it.

    Attributes:
        sku: as the ERP writes it.
        expected: units the document asks for; never negative.
        received: units that arrived; None when the ERP does not say, which is never "all".
        product: the ERP's own name of the product, as in ``Prepared.products``; None when the line has none.
    """

    sku: str
    expected: Decimal
    received: Decimal | None
    product: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What the ERP says about the goods of one document.

    Attributes:
        verdict: see :class:`ReceiptVerdict`.
        reason: one plain sentence, shown on the timeline.
        is_complete: True when the ERP says that the warehouse is done: nothing more will arrive.
        received_at: when the ERP says the goods came, with an offset; None when nothing came or it does not
            say.
        lines: empty when the document is gone.
        seen_at: when the hub read it, by the hub's clock.
        is_rest_not_returned: True when the merchant chose that units which did not arrive on a complete
            document count as not returned, instead of a person looking.
        delivery_id: from our marker; None on a document that carries none.
        is_void: True when somebody cancelled the document in the ERP, so that it credits nothing.
    """

    document_id: str
    reference: str
    verdict: ReceiptVerdict
    reason: str
    is_complete: bool
    received_at: datetime | None
    lines: tuple[ReceiptLine, ...]
    seen_at: datetime
    is_rest_not_returned: bool = False
    delivery_id: str | None = None
    is_void: bool = False

    def __post_init__(self) -> None:
        """Refuses a naive time where its connector can still be named.

        Raises:
            ValueError: nobody knows which moment is meant.
        """
        for name in ("received_at", "seen_at"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.utcoffset() is None:
                raise ValueError(f"{name} has no offset: {moment.isoformat()}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationPage:
    """One page of a poll.

    Attributes:
        receipts: one for each document that changed, whoever made it; the hub keeps those in its ledger.
        cursor: where the next call goes on; stored in the transaction that applies the receipts.
        more: True when the next call would bring more at once.
    """

    receipts: tuple[Receipt, ...]
    cursor: str
    more: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedDocument:
    """One document of the ERP as a list shows it, whoever made it.

    Attributes:
        reference: its name in the ERP; empty when it has none.
        delivery_id: from our marker; None on a document that no hub marked.
        rma_id: from our marker; None exactly when ``delivery_id`` is.
        is_void: True when somebody cancelled it in the ERP.
        total: what it credits, without sign, in the terms of ``Prepared.total``; None when the connector
            cannot tell it in those.
        receipt: what it says about the goods; None when the list does not tell.
    """

    document_id: str
    reference: str
    delivery_id: str | None = None
    rma_id: str | None = None
    is_void: bool = False
    total: Money | None = None
    receipt: Receipt | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentPage:
    """One page of the ERP's documents.

    Attributes:
        cursor: where the next call goes on; None at the end.
    """

    documents: tuple[ListedDocument, ...]
    cursor: str | None = None


class ValidationState(StrEnum):
    """How far the warehouse is with an RMA."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"
    """Every item that had to come back is validated as returned."""
    FLAGGED = "flagged"
    """A person must look."""


class PermissionState(StrEnum):
    """What is known about one permission."""

    GRANTED = "granted"
    MISSING = "missing"
    UNPROVABLE = "unprovable"
    """Cannot be shown without writing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Permission:
    """One right of the credentials: ``CreditNotes`` / ``create``.

    Attributes:
        advice: what to tick where; empty when granted.
    """

    resource: str
    action: str
    state: PermissionState
    advice: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A place of the ERP where stock comes back: for Cin7 Omni a branch."""

    location_id: str
    name: str
    is_active: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectReport:
    """What a connection's credentials can do. Wrong credentials raise AuthError instead."""

    permissions: tuple[Permission, ...]
    locations: tuple[Location, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Permission, ...]:
        """The permissions known to be missing."""
        return tuple(p for p in self.permissions if p.state is PermissionState.MISSING)

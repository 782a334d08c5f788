"""The tables. A row is the truth; whoever works on it does so under its connection's claim.

Documents, requests and settings are kept as the JSON text that came in or will go out: a database's own
JSON type would rewrite numbers. ``*_at`` is aware UTC.

No class docstring here holds a semicolon: Tortoise puts it into the DDL as the table's comment, and its
migrations cut SQLite scripts at every semicolon (tortoise-orm 1.1.9).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, cast

from tortoise.indexes import Index

from hub.outcomes import Status, ValidationState, Verdict
from hub.store import fields
from hub.store.model import Model

if TYPE_CHECKING:
    from tortoise.fields.relational import (
        BackwardOneToOneRelation,
        ForeignKeyNullableRelation,
        ForeignKeyRelation,
        OneToOneRelation,
        ReverseRelation,
    )

ID_LENGTH = 16
NAME_LENGTH = 100
PROTECT = fields.OnDelete.RESTRICT


def _text_or_null() -> fields.Field[str | None]:
    # Tortoise types its text field as never NULL.
    return cast("fields.Field[str | None]", fields.TextField(null=True))


def _verdict_or_null() -> fields.Field[Verdict | None]:
    return cast("fields.Field[Verdict | None]", fields.CharEnumField(Verdict, max_length=10, null=True))


class Store(Model):
    """A merchant's store. It owns connections, return methods and RMAs."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(NAME_LENGTH, unique=True)
    url = fields.TextField(default="")
    customer_support_url = fields.TextField(default="")
    created_at = fields.DatetimeField()

    class Meta:
        table = "store"


class Role(StrEnum):
    """What a connection leads to."""

    ERP = "erp"
    PLATFORM = "platform"
    """Where returns come from and where their updates go."""
    WEBHOOK = "webhook"
    """An address that somebody subscribed to updates."""


class Connection(Model):
    """One set of credentials and settings for a remote system, and the state of its work."""

    id = fields.CharField(ID_LENGTH, primary_key=True)
    store: ForeignKeyRelation[Store] = fields.ForeignKeyField("hub.Store", on_delete=PROTECT)
    store_id: int
    name = fields.CharField(NAME_LENGTH)
    name_key = fields.CharField(NAME_LENGTH, null=True)
    """The name without case, after its role unless an ERP's; NULL once removed, which frees the name."""
    role = fields.CharEnumField(Role, max_length=10, default=Role.ERP, db_default=Role.ERP)
    """The database knows the default too: connections that an earlier version made lead to an ERP."""
    connector = fields.CharField(NAME_LENGTH)
    """The connector's name, or the platform's (``returngo``). Empty for a webhook."""
    hint_key = fields.CharField(64, null=True, unique=True)
    """Digest of the unguessable part of the address where a platform may tell us to look. NULL for others."""
    account_key = fields.CharField(64, null=True, unique=True)
    """Digest of the account that it holds, as :attr:`quota_key`: the first connection that proved its
    credentials there holds it. NULL before that, for every further one, and once removed."""
    quota_key = fields.CharField(64, default="", db_index=True)
    """Digest of the account, kept for good: connections to one account, also removed ones, spent one quota.
    Empty where nobody worked it out: then the connection counts alone."""
    proved_at = fields.DatetimeField(null=True)
    """When the account first accepted the credentials. NULL before: whoever only wrote an account down holds
    nothing, and keeps nobody from it."""
    settings = fields.TextField()
    credentials = fields.TextField()
    """Sealed JSON."""
    is_paused = fields.BooleanField(default=False)
    pause_reason = fields.TextField(default="")
    created_at = fields.DatetimeField()
    removed_at = fields.DatetimeField(null=True)
    batch_limit = fields.IntField(null=True)
    """Halved after a time-out; NULL for the connector's own maximum."""
    poll_cursor = _text_or_null()
    next_poll_at = fields.DatetimeField(null=True)
    """When the next poll is due. NULL before the first document: there is nothing to poll for."""
    polled_at = fields.DatetimeField(null=True)
    last_success_at = fields.DatetimeField(null=True)
    last_error_at = fields.DatetimeField(null=True)
    last_error = fields.TextField(default="")
    connect_report = _text_or_null()
    """What its last check that went well found, as :mod:`hub.merchant.reports` writes it. NULL before."""
    checked_at = fields.DatetimeField(null=True)
    """When that was. NULL before."""
    resting_until = fields.DatetimeField(null=True)
    """No update is sent to it before: it could not be reached, or asked us to slow down. NULL when it may."""
    claim_owner = fields.CharField(NAME_LENGTH, null=True)
    claim_token = fields.CharField(ID_LENGTH, null=True)
    claim_expires_at = fields.DatetimeField(null=True)

    mappings: ReverseRelation[MappingVersion]

    class Meta:
        table = "connection"
        unique_together = (("store", "name_key"),)

    @property
    def account(self) -> str:
        """Names its account in the ERP. One whose account nobody worked out has one of its own."""
        return self.quota_key or self.id


class MappingVersion(Model):
    """One version of a connection's mapping document. Never changed, never deleted."""

    id = fields.IntField(primary_key=True)
    connection: ForeignKeyRelation[Connection] = fields.ForeignKeyField(
        "hub.Connection", related_name="mappings", on_delete=PROTECT
    )
    connection_id: str
    version = fields.IntField()
    text = fields.TextField()
    created_at = fields.DatetimeField()
    created_by = fields.CharField(NAME_LENGTH)

    class Meta:
        table = "mapping_version"
        unique_together = (("connection", "version"),)


class ReturnMethod(Model):
    """A merchant's return method. Without a connection it is *Do not update*."""

    id = fields.IntField(primary_key=True)
    store: ForeignKeyRelation[Store] = fields.ForeignKeyField("hub.Store", on_delete=PROTECT)
    store_id: int
    name = fields.CharField(NAME_LENGTH)
    name_key = fields.CharField(NAME_LENGTH)
    type = fields.CharField(40)
    connection: ForeignKeyNullableRelation[Connection] = fields.ForeignKeyField(
        "hub.Connection", null=True, on_delete=PROTECT
    )
    connection_id: str | None
    location_id = fields.CharField(NAME_LENGTH, null=True)

    class Meta:
        table = "return_method"
        unique_together = (("store", "name_key"),)


class Event(Model):
    """What came in, as it came in. Stored once."""

    id = fields.IntField(primary_key=True)
    store: ForeignKeyRelation[Store] = fields.ForeignKeyField("hub.Store", on_delete=PROTECT)
    source = fields.CharField(NAME_LENGTH)
    event_id = fields.CharField(200)
    rma: ForeignKeyRelation[Rma] = fields.ForeignKeyField("hub.Rma", related_name="events", on_delete=PROTECT)
    rma_id: int
    received_at = fields.DatetimeField()
    document = fields.TextField()
    is_stale = fields.BooleanField(default=False)
    """True when it showed the RMA as it was before what we hold; recorded, not acted on."""

    class Meta:
        table = "event"
        unique_together = (("store", "source", "event_id"),)


class Rma(Model):
    """A return as one store knows it: as it is now, and as it stood when it was approved.

    Another store that signs an event for the same number has a row of its own.
    """

    id = fields.IntField(primary_key=True)
    platform = fields.CharField(40)
    rma_id = fields.CharField(NAME_LENGTH)
    store: ForeignKeyRelation[Store] = fields.ForeignKeyField("hub.Store", on_delete=PROTECT)
    store_id: int
    order_name = fields.TextField(default="")
    status = fields.CharField(NAME_LENGTH)
    validation = fields.CharEnumField(ValidationState, max_length=10, default=ValidationState.NONE)
    goods = cast(
        "fields.Field[ValidationState | None]",
        fields.CharEnumField(ValidationState, max_length=10, null=True),
    )
    """What the warehouse's word alone comes to; ``validation`` is ``flagged`` as well while the platform's
    word contradicts the document. NULL before a poll brought something, and of older rows."""
    contradiction = _text_or_null()
    """How the platform's later word contradicts the document that was sent, in words. While it is set the RMA
    stays flagged, whatever the warehouse says."""
    contradictions = fields.TextField(default="[]", db_default="[]")
    """JSON: code and facts of each contradiction that ``contradiction`` tells."""
    closed_contradictions = fields.TextField(default="[]", db_default="[]")
    """JSON: those that a person has looked at and closed; the same again does not flag the RMA again."""
    resolved_flag = _text_or_null()
    """What a person has looked at and closed: the same flag again does not flag the RMA again."""
    document = fields.TextField()
    approved_document = _text_or_null()
    approved_at = fields.DatetimeField(null=True)
    last_updated_at = fields.DatetimeField(null=True)
    received_at = fields.DatetimeField()
    confirmed_at = fields.DatetimeField(null=True)
    """When the returns platform first showed it in a shop of its store. NULL while only an event or a command
    told of it: then it yields to a store of which the platform shows it."""
    erased_at = fields.DatetimeField(null=True)
    """When its customer's personal data was erased. From then on nothing personal is taken in again.
    NULL while it was not."""

    items: ReverseRelation[RmaItem]
    timeline: ReverseRelation[TimelineEntry]
    delivery: BackwardOneToOneRelation[Delivery]

    class Meta:
        table = "rma"
        unique_together = (("store", "platform", "rma_id"),)
        indexes = (
            Index(fields=("store_id", "rma_id")),
            # For the rows of other stores under one number.
            Index(fields=("platform", "rma_id")),
            # For lists, which go by id, newest first; received_at gives their bounds.
            Index(fields=("store_id", "id")),
            Index(fields=("store_id", "received_at")),
            Index(fields=("store_id", "validation", "id")),
        )


class SearchTerm(Model):
    """A text by which people look for an RMA: its number, order, SKUs, reference and document id."""

    id = fields.IntField(primary_key=True)
    store: ForeignKeyRelation[Store] = fields.ForeignKeyField("hub.Store", on_delete=PROTECT)
    store_id: int
    term = fields.BinaryField()
    """UTF-8 without case. Bytes, which every database sorts alike, so that an index finds beginnings."""
    rma: ForeignKeyRelation[Rma] = fields.ForeignKeyField("hub.Rma", related_name="terms", on_delete=PROTECT)
    rma_id: int

    class Meta:
        table = "search_term"
        unique_together = (("store", "term", "rma"),)
        indexes = (Index(fields=("rma_id",)),)


class RmaItem(Model):
    """One returned unit and what the warehouse said about it."""

    id = fields.IntField(primary_key=True)
    rma: ForeignKeyRelation[Rma] = fields.ForeignKeyField("hub.Rma", related_name="items", on_delete=PROTECT)
    rma_id: int
    position = fields.IntField()
    returned_item_id = fields.CharField(200)
    sku = fields.TextField(default="")
    return_method = fields.TextField(default="")
    is_credited = fields.BooleanField(default=False)
    """True when the unit is on the document; False for what the customer keeps."""
    product = _text_or_null()
    """The ERP's own name of the product, from when the request was frozen. NULL where it is not known."""
    is_returned = fields.BooleanField(null=True)
    is_restockable = fields.BooleanField(null=True)
    validated_at = fields.DatetimeField(null=True)
    source = fields.CharField(NAME_LENGTH, null=True)
    reason = _text_or_null()

    class Meta:
        table = "rma_item"
        unique_together = (("rma", "returned_item_id"),)
        indexes = (Index(fields=("returned_item_id",)),)


class Delivery(Model):
    """The one document of one RMA: the unit of work."""

    id = fields.CharField(ID_LENGTH, primary_key=True)
    rma: OneToOneRelation[Rma] = fields.OneToOneField("hub.Rma", related_name="delivery", on_delete=PROTECT)
    rma_id: int
    connection: ForeignKeyNullableRelation[Connection] = fields.ForeignKeyField(
        "hub.Connection", null=True, related_name="deliveries", on_delete=PROTECT
    )
    connection_id: str | None
    method = fields.TextField(default="")
    location_id = fields.CharField(NAME_LENGTH, null=True)
    status = fields.CharEnumField(Status, max_length=10)
    verdict = _verdict_or_null()
    reason = _text_or_null()
    fix = fields.TextField(default="")
    question = _text_or_null()
    """What a person is asked, as :mod:`hub.questions` writes it. NULL when a yes answers nothing."""
    answers = fields.TextField(default="[]", db_default="[]")
    """JSON: every question that a person answered with yes, and who, when and why. Never taken back."""
    request = _text_or_null()
    """What ``prepare`` gave, frozen; NULL before."""
    original_request = _text_or_null()
    """What was frozen before a person edited it; NULL while nobody has."""
    edited_request = _text_or_null()
    """What a person wrote to go out instead, with its reference and total, until a look has found nothing
    and it replaces the frozen one. NULL when nothing waits for that."""
    is_prepared_anew = fields.BooleanField(default=False)
    """True when a person asked that, once a look has found nothing, the request be prepared again."""
    reference = _text_or_null()
    origins = fields.TextField(default="{}")
    warnings = fields.TextField(default="[]")
    total = _text_or_null()
    units = _text_or_null()
    """Units per SKU that the frozen request credits, as JSON. NULL when the connector does not tell."""
    mapping_version = fields.IntField(default=0)
    account_key = fields.CharField(64, null=True)
    """Names the account in the ERP that its attempts went to and its document is in, as the connection's
    ``account`` did then: it may lead to another one later. NULL while nothing went out and none is known."""
    frozen_settings = _text_or_null()
    """JSON: the connection's settings that the request was prepared with. NULL before, or of older rows."""
    look_up = _text_or_null()
    """What the ERP said that the request rests on, as its connector keeps it. NULL for nothing."""
    document_id = fields.CharField(200, null=True)
    document_reference = _text_or_null()
    owns_document = fields.BooleanField(null=True)
    """True when its document is its own. NULL without one, and where several deliveries have the same: then a
    person says whose it is. Never false, since a unique constraint passes over NULL alone."""
    attempts = fields.IntField(default=0)
    retries = fields.IntField(default=0)
    """Tries in a row that came to nothing and may be repeated, also those that failed before sending."""
    looks = fields.IntField(default=0)
    """Looks in the ERP since the answer was lost."""
    lost_at = fields.DatetimeField(null=True)
    next_attempt_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=0)
    """Counts every change, so that a person's edit made from an old page is refused."""
    credited_at = fields.DatetimeField(null=True)
    """When the hub learnt that the document exists. NULL before."""
    is_open = fields.BooleanField(default=False)
    """True from when the document exists until its goods are accounted for."""
    seen_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "delivery"
        unique_together = (("account_key", "document_id", "owns_document"),)
        indexes = (
            # For the doorbell: whoever has something due, over all connections.
            Index(fields=("status", "next_attempt_at")),
            Index(fields=("connection_id", "status", "next_attempt_at")),
            Index(fields=("connection_id", "document_id")),
            Index(fields=("connection_id", "is_open")),
            Index(fields=("connection_id", "credited_at")),
            # For lists, which go by the RMA.
            Index(fields=("status", "rma_id")),
            Index(fields=("connection_id", "rma_id")),
        )


class CreditedUnits(Model):
    """Units of one line of an ERP's order that a delivery's frozen request credits."""

    id = fields.IntField(primary_key=True)
    delivery: ForeignKeyRelation[Delivery] = fields.ForeignKeyField(
        "hub.Delivery", related_name="credited_units", on_delete=PROTECT
    )
    delivery_id: str
    account = fields.CharField(64)
    """The ERP's account: its connection's ``quota_key``, or the connection's id where that is empty."""
    line = fields.CharField(64)
    """Digest of the line's key in the account."""
    units = fields.CharField(40)
    """A decimal number."""
    is_void = fields.BooleanField(default=False, db_default=False)
    """True once the document is known to credit nothing: cancelled in the ERP, or gone from it."""

    class Meta:
        table = "credited_units"
        unique_together = (("delivery", "line"),)
        indexes = (Index(fields=("account", "line")),)


class Attempt(Model):
    """One try to send. Written before its first byte goes out."""

    id = fields.IntField(primary_key=True)
    delivery: ForeignKeyRelation[Delivery] = fields.ForeignKeyField(
        "hub.Delivery", related_name="tries", on_delete=PROTECT
    )
    delivery_id: str
    number = fields.IntField()
    reference = fields.TextField()
    mapping_version = fields.IntField()
    claim_token = fields.CharField(ID_LENGTH)
    account = fields.CharField(64, default="", db_default="")
    """Digest of the ERP's account that it went to, whatever its connection leads to later."""
    started_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    verdict = _verdict_or_null()
    reason = fields.TextField(default="")

    class Meta:
        table = "attempt"
        unique_together = (("delivery", "number"),)


class Epoch(Model):
    """A time that began with a database which may have forgotten documents it made: a restored one."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(ID_LENGTH, unique=True)
    """Never given twice, also after a restore, which gives an ``id`` again."""
    began_at = fields.DatetimeField()
    reason = fields.TextField()

    class Meta:
        table = "epoch"


class TimelineEntry(Model):
    """One sentence of an RMA's story."""

    id = fields.IntField(primary_key=True)
    rma: ForeignKeyRelation[Rma] = fields.ForeignKeyField(
        "hub.Rma", related_name="timeline", on_delete=PROTECT
    )
    rma_id: int
    at = fields.DatetimeField()
    kind = fields.CharField(40)
    text = fields.TextField()

    class Meta:
        table = "timeline_entry"
        indexes = (Index(fields=("rma_id", "id")),)


class ExchangeDelivery(Model):
    """Which deliveries a call was about."""

    id = fields.IntField(primary_key=True)
    exchange: ForeignKeyRelation[Exchange] = fields.ForeignKeyField(
        "hub.Exchange", related_name="about", on_delete=fields.OnDelete.CASCADE
    )
    exchange_id: int
    delivery: ForeignKeyRelation[Delivery] = fields.ForeignKeyField(
        "hub.Delivery", related_name="exchanges", on_delete=PROTECT
    )
    delivery_id: str

    class Meta:
        table = "exchange_delivery"
        indexes = (Index(fields=("delivery_id",)), Index(fields=("exchange_id",)))


class Exchange(Model):
    """One HTTP call to a remote: the request log, and the ledger its quota is counted from."""

    id = fields.IntField(primary_key=True)
    connection: ForeignKeyRelation[Connection] = fields.ForeignKeyField("hub.Connection", on_delete=PROTECT)
    connection_id: str
    at = fields.DatetimeField()
    """When the call takes its place in the quota; a reserved place may lie a little ahead."""
    finished_at = fields.DatetimeField(null=True)
    method = fields.CharField(10)
    url = fields.TextField()
    status = fields.IntField(null=True)
    request_body = fields.TextField(default="")
    reply_body = fields.TextField(default="")
    error = fields.TextField(default="")
    update_key = fields.CharField(ID_LENGTH, null=True)
    """The update that was on its way; NULL for every other call."""

    class Meta:
        table = "exchange"
        indexes = (Index(fields=("connection_id", "at")),)


class RmaToFetch(Model):
    """An RMA that a platform said has changed, until it is read there. One row however often it says so."""

    id = fields.IntField(primary_key=True)
    connection: ForeignKeyRelation[Connection] = fields.ForeignKeyField("hub.Connection", on_delete=PROTECT)
    connection_id: str
    rma_id = fields.CharField(NAME_LENGTH)
    asked_at = fields.DatetimeField()
    """When the platform last said so. Said again while it is being read, it is read once more."""
    due_at = fields.DatetimeField()
    is_urgent = fields.BooleanField(default=True)
    """False when the platform shows it in the status that we hold: mostly our own comment come back."""
    reason = fields.TextField(default="")
    """Why it could not be taken in so far."""

    class Meta:
        table = "rma_to_fetch"
        unique_together = (("connection", "rma_id"),)
        indexes = (Index(fields=("connection_id", "due_at")),)


class EventSecret(Model):
    """A secret that signs events sent to us. Whichever verifies an event tells its store."""

    id = fields.CharField(ID_LENGTH, primary_key=True)
    store: ForeignKeyRelation[Store] = fields.ForeignKeyField("hub.Store", on_delete=PROTECT)
    store_id: int
    name = fields.CharField(NAME_LENGTH)
    secret = fields.TextField()
    """Sealed."""
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)
    removed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "event_secret"


class RmaUpdate(Model):
    """Something an RMA's platform and subscribers must learn. Written with the change that it tells."""

    id = fields.IntField(primary_key=True)
    key = fields.CharField(ID_LENGTH, unique=True)
    """Its id for the outside: the same however often and to whomever it is sent."""
    rma: ForeignKeyRelation[Rma] = fields.ForeignKeyField(
        "hub.Rma", related_name="updates", on_delete=PROTECT
    )
    rma_id: int
    kind = fields.CharField(40)
    facts = fields.TextField()
    """JSON, as the world stood then."""
    created_at = fields.DatetimeField()

    sendings: ReverseRelation[UpdateSending]

    class Meta:
        table = "rma_update"
        indexes = (Index(fields=("rma_id", "id")),)


class SendingStatus(StrEnum):
    """Where an update is on its way to one receiver."""

    PENDING = "pending"
    DONE = "done"
    SKIPPED = "skipped"
    """There was nothing to do, and the reason says why."""
    FAILED = "failed"
    """Given up, and a person is told."""


class UpdateSending(Model):
    """One update on its way to one receiver. Of one RMA and one receiver, the oldest unsent goes first."""

    id = fields.IntField(primary_key=True)
    update: ForeignKeyRelation[RmaUpdate] = fields.ForeignKeyField(
        "hub.RmaUpdate", related_name="sendings", on_delete=PROTECT
    )
    update_id: int
    rma: ForeignKeyRelation[Rma] = fields.ForeignKeyField(
        "hub.Rma", related_name="sendings", on_delete=PROTECT
    )
    rma_id: int
    connection: ForeignKeyRelation[Connection] = fields.ForeignKeyField(
        "hub.Connection", related_name="sendings", on_delete=PROTECT
    )
    connection_id: str
    status = fields.CharEnumField(SendingStatus, max_length=10, default=SendingStatus.PENDING)
    attempts = fields.IntField(default=0)
    next_attempt_at = fields.DatetimeField(null=True)
    reason = fields.TextField(default="")
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "update_sending"
        unique_together = (("update", "connection"),)
        indexes = (
            Index(fields=("connection_id", "status", "next_attempt_at")),
            Index(fields=("rma_id", "connection_id", "status")),
        )


class DisabledConnector(Model):
    """A connector that a person switched off."""

    name = fields.CharField(NAME_LENGTH, primary_key=True)
    reason = fields.TextField(default="")
    at = fields.DatetimeField()

    class Meta:
        table = "disabled_connector"


class ConformanceResult(Model):
    """What the conformance kit last found about a connector."""

    name = fields.CharField(NAME_LENGTH, primary_key=True)
    distribution = fields.TextField()
    """Which package and version was tried. A result for another one says nothing about this one."""
    at = fields.DatetimeField()
    kept = fields.IntField()
    broken = fields.IntField()
    exempt = fields.IntField()
    rules = fields.TextField()
    """JSON: rule, verdict and reason of each."""

    class Meta:
        table = "conformance_result"

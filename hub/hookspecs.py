"""The contract between the hub and a connector: one pluggy plugin for one kind of ERP.

A plugin is a module (or object) whose functions carry :data:`hookimpl`, found by the entry point group
``hub.connectors`` and registered under the entry point's name. It keeps no state, never sleeps and never
retries: waiting and retrying belong to the hub, where they survive a crash and can be seen.

Errors a hook may raise are those under :class:`hub.errors.ConnectorError`; they stand for the whole call.
Anything else is a bug: the hub records it and treats what was being sent as in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from hub.outcomes import (
        ConnectReport,
        DocumentPage,
        Outcome,
        Prepared,
        Rejected,
        Sighting,
        ValidationPage,
    )
    from hub.questions import Question
    from hub.rma import Item, Rma
    from hub.sandbox import SandboxSpec
    from hub.settings import ConnectionSettings

CONTRACT_VERSION = 1
"""Of this contract. It grows by one whenever a connector written for the one before could misbehave; fields
and optional hooks that an old connector can do without leave it as it is."""

ENTRY_POINT_GROUP = "hub.connectors"

hookspec = pluggy.HookspecMarker("hub")
hookimpl = pluggy.HookimplMarker("hub")


# --- what a connector says about itself ---------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaWindow:
    """At most ``calls`` calls in any span of length ``per``."""

    calls: int
    per: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectorSchema:
    """Everything the hub needs to know to offer a connector: forms, options and checks come from it.

    Attributes:
        name: equals the entry point's name.
        title: what a merchant calls the ERP: ``Cin7 Omni``.
        credentials: model of what proves who we are; secret fields are ``SecretStr``.
        settings: model of everything else; each field has a default unless only the merchant knows it.
            It extends :class:`hub.settings.ConnectionSettings`.
        mapping: model of the mapping document.
        contract_version: the :data:`CONTRACT_VERSION` it was written for, as a plain number.
        account_fields: fields of credentials and settings that together name one account of the ERP; two
            connections to one account would poll and count against one quota, so the hub refuses that.
        quota: all windows hold at once; empty when the ERP has no limit.
        spacing: least time from the end of one call to the start of the next.
        max_batch: most deliveries one ``on_rma_approved`` call may carry.
        document_noun: what the ERP calls what we make: ``credit note``.
        location_noun: what the ERP calls a place where stock comes back: ``branch``.
    """

    name: str
    title: str
    credentials: type[BaseModel]
    settings: type[ConnectionSettings]
    mapping: type[BaseModel]
    contract_version: int
    account_fields: tuple[str, ...]
    quota: tuple[QuotaWindow, ...] = ()
    spacing: timedelta = timedelta(0)
    max_batch: int = 1
    document_noun: str = "document"
    location_noun: str = "location"


# --- what a connector is given ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpReply:
    """A whole answer. Any status: a connector's reader decides what it means.

    Attributes:
        headers: names in lower case; of repeated ones the last.
        body: undecoded.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpSession(Protocol):
    """HTTP with the connection's quota, time-outs, request log and redaction already in it."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        is_write: bool = False,
        is_reply_secret: bool = False,
    ) -> HttpReply:
        """Makes one call, waiting for its turn in the quota first.

        Args:
            method: ``GET``, ``POST``, …
            url: absolute, without a query string.
            query: the query string, already percent-encoded; sent as given.
            headers: added to the hub's own.
            body: sent as given; None sends none.
            is_write: True when the call may change something at the remote. It decides what a lost
                answer means.
            is_reply_secret: True when the answer brings a secret that did not exist before, like a session
                or a token: the log does not keep it. Then :meth:`hide` the secret.

        Returns:
            The reply, whatever its status. Redirects are not followed.

        Raises:
            RetriableError: nothing reached the remote (no connection, quota spent), or a read's answer
                was lost.
            InDoubtError: a write went out and its answer was lost or cut off.
        """

    def hide(self, secret: str) -> None:
        """Takes a secret out of all that is kept, shown and read from now on, as the credentials' own are.

        In whichever spelling it comes. Answers that are secret themselves are read as they came.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """One set of credentials and settings, opened for one hook call.

    Attributes:
        name: as the merchant named it.
        credentials: an instance of the schema's ``credentials``, decrypted.
        settings: an instance of the schema's ``settings``.
        http: see :class:`HttpSession`.
        now: the hub's clock; aware UTC. Connectors never ask the system's.
    """

    name: str
    credentials: Any
    settings: Any
    http: HttpSession
    now: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreInfo:
    """The merchant's store; an empty string where nobody filled it in."""

    name: str
    url: str = ""
    customer_support_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """The one document of one RMA, as hooks see it.

    Attributes:
        delivery_id: the hub's id; part of the marker that shows a document is ours.
        rma: as it stood at approval.
        items: those to credit: what the customer keeps is off already. Never empty.
        store: whose RMA it is.
        location_id: where the return method restocks, in the ERP's ids; None when the method names none.
        approved_at: when the RMA was approved, by the platform, else when the hub first saw it so.
        mapping: the mapping document as uploaded; an empty mapping is ``{}``.
        mapping_version: 0 for the built-in empty mapping.
        prepared: what was frozen; None before ``prepare``.
        references: every reference any attempt ever used, oldest first.
        document_id: the ERP's id when known; else None.
        is_looked_for_first: True when the hub may have forgotten a document it made for this RMA, and looks
            for one between ``prepare`` and the sending: ``prepare`` must not refuse because of such a one.
        accepted: questions that a person has answered with yes for this delivery; ``prepare`` does not ask
            them again (:func:`hub.questions.has_answer`).
    """

    delivery_id: str
    rma: Rma
    items: tuple[Item, ...]
    store: StoreInfo
    location_id: str | None
    approved_at: datetime
    mapping: Mapping[str, Any] = field(default_factory=dict)
    mapping_version: int = 0
    prepared: Prepared | None = None
    references: tuple[str, ...] = ()
    document_id: str | None = None
    is_looked_for_first: bool = False
    accepted: tuple[Question, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDocument:
    """A document whose goods are not all accounted for.

    Attributes:
        last_seen_at: when a poll last saw it; None when none has yet.
        created_at: when the hub learnt of it.
    """

    document_id: str
    reference: str
    created_at: datetime
    last_seen_at: datetime | None = None


# --- the hooks ----------------------------------------------------------------------------------------


@hookspec
def config_schema() -> ConnectorSchema:  # type: ignore[empty-body]
    """What the connector is called and which credentials, settings and mapping it takes. Pure."""


@hookspec
async def connect(connection: Connection) -> ConnectReport:  # type: ignore[empty-body]
    """Proves the credentials and names each permission. Writes nothing.

    Raises:
        AuthError: the credentials are refused.
        RetriableError: the ERP cannot be reached now.
    """


@hookspec
async def prepare(  # type: ignore[empty-body]
    connection: Connection, deliveries: Sequence[Delivery]
) -> Sequence[Prepared | Rejected]:
    """Looks up what is needed and builds each delivery's exact request. Preview is this hook.

    Writes nothing. Look-ups are shared within the batch. One element for each delivery, in order.
    """


@hookspec
async def on_rma_approved(  # type: ignore[empty-body]
    connection: Connection, deliveries: Sequence[Delivery]
) -> Sequence[Outcome]:
    """Sends what was prepared, byte for byte.

    In one call to the ERP; in several only where sending the same again completes what was left half done.

    Every delivery has ``prepared``. One outcome for each, in order, whatever happens to its neighbours; a
    result that is missing, out of order or not under our reference is ``in_doubt``.

    Raises:
        RejectedError: the ERP refused the whole batch unread; the hub sends it again in halves.
        InDoubtError: the answer was lost.
        RetriableError, AuthError: certainly nothing was applied.
    """


@hookspec
async def find_documents(  # type: ignore[empty-body]
    connection: Connection, deliveries: Sequence[Delivery]
) -> Sequence[Sighting]:
    """Looks for what an earlier attempt may have left. Writes nothing. One for each, in order."""


@hookspec
async def poll_validations(  # type: ignore[empty-body]
    connection: Connection, cursor: str | None, open_documents: Sequence[OpenDocument]
) -> ValidationPage:
    """What changed since the cursor, one page.

    Args:
        connection: see :class:`Connection`.
        cursor: what the last page gave; None the first time ever.
        open_documents: those whose goods are not all accounted for, so that ones unseen for long can be
            read again.
    """


@hookspec
async def list_documents(  # type: ignore[empty-body]
    connection: Connection, since: datetime, cursor: str | None
) -> DocumentPage:
    """Lists the documents made since a time, one page, whoever made them. Optional. Writes nothing.

    Every document of our kind that the ERP lists is on exactly one page, as far as nobody deletes one
    meanwhile: the hub looks again for what it misses, with ``find_documents``.

    Args:
        connection: see :class:`Connection`.
        since: by the ERP's own date of creation.
        cursor: what the last page gave; None for the first.
    """


@hookspec
def prepare_again(  # type: ignore[empty-body]
    settings: Any, delivery: Delivery, look_up: str | None
) -> Prepared | Rejected:
    """What ``prepare`` gives for a delivery, from what the ERP said at that time. Optional. Pure.

    After a document was made, the hub asks this twice, for the return as it was approved and as it is now,
    and tells a person when the two differ in money or units. So the answer depends on nothing but the
    arguments, and nothing is asked of a person: a question of ``prepare`` counts as answered with yes.

    Args:
        settings: an instance of the schema's ``settings``, as they were when the request was frozen.
        delivery: its ``rma`` and ``items`` are those to compare, the rest is as it was.
        look_up: the ``look_up`` of what was prepared; None when there was none, or when a version of the
            connector made the request that kept none.
    """


@hookspec
def check_edited(  # type: ignore[empty-body]
    connection: Connection, delivery: Delivery, request: str
) -> Prepared | Rejected:
    """Checks a request that a person wrote in place of the frozen one. Optional. Pure.

    It keeps our marker where a look expects it, also when the person removed it, and takes the reference
    from the text.

    Args:
        connection: without a session to call over.
        delivery: ``prepared`` is what was frozen; None when nothing was.
        request: as the person wrote it; any text.
    """


@hookspec
def sandbox() -> SandboxSpec:  # type: ignore[empty-body]
    """How to start a local stand-in of the ERP. Optional."""

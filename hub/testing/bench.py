"""Where a rule is tried: the connector, its sandbox over real HTTP, and the hub's own session between them.

The session, its quota and its request log are those of a running hub, on a database in memory. Time is the
bench's: a wait passes at once, for the connector, the quota and the sandbox alike.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from hub import hookspecs
from hub.dispatch.batch import halving
from hub.dispatch.http import client_session
from hub.errors import PluginError, RejectedError
from hub.outcomes import Prepared
from hub.sandbox import Fault
from hub.testing.ruling import BrokenError, ExemptError, require
from hub.testing.samples import sample_delivery
from hub.testing.silence import Patience
from hub.testing.watching import NoCalls, Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    import aiohttp
    from pydantic import BaseModel

    from hub.dispatch.http import LoggedSession
    from hub.hookspecs import Delivery, OpenDocument
    from hub.outcomes import ConnectReport, Outcome, Receipt, Rejected, Sighting, ValidationPage
    from hub.registry import Connector
    from hub.sandbox import Sandbox
    from hub.testing.watching import BenchTime

MOST_PAGES = 60
"""A poll that gives more pages than this in one cycle does not end."""
POLL_EVERY = timedelta(minutes=5)
CANARY = "canary-0123456789"
"""A secret that the ERP refuses; the session knows it, as it would know any connection's."""
WRITE = "POST"
READ = "GET"
"""What a fault's ``on`` calls the call that makes documents, and any that only reads."""


@dataclass(kw_only=True)
class Bench:
    """What a rule acts on. A hook's bug breaks whichever rule meets it.

    Attributes:
        session: the hub's own, over which every call goes.
        open_session: makes another for the same connection, over another HTTP client.
        watched: what hooks are given: ``session``, with note kept of each call.
    """

    connector: Connector
    sandbox: Sandbox
    time: BenchTime
    connection_id: str
    credentials: BaseModel
    settings: BaseModel
    mapping: Mapping[str, Any]
    open_session: Callable[[aiohttp.ClientSession], LoggedSession]
    session: LoggedSession
    watched: Watched = field(init=False)
    _samples: int = 0

    def __post_init__(self) -> None:
        self.watched = Watched(self.session)

    # --- what is given to hooks -----------------------------------------------------------------------

    def view(self, credentials: BaseModel | None = None) -> hookspecs.Connection:
        """A connection, opened anew as for every hook call."""
        return hookspecs.Connection(
            name="kit",
            credentials=credentials or self.credentials,
            settings=self.settings,
            http=self.watched,
            now=self.time.now,
        )

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[Patience]:
        """Within the block calls time out when the rule says so: it cannot wait for the hub's own minute."""
        async with client_session() as http:
            patience = Patience(http)
            self.watched.session = self.open_session(cast("aiohttp.ClientSession", patience))
            try:
                yield patience
            finally:
                self.watched.session = self.session

    def view_without_calls(self) -> hookspecs.Connection:
        """A connection for a hook that makes no call."""
        return replace(self.view(), http=NoCalls())

    def samples(self, count: int = 1) -> list[Delivery]:
        """Deliveries of new returns, whose orders the shop has placed in the ERP."""
        made = []
        for _ in range(count):
            self._samples += 1
            made.append(sample_delivery(self._samples, self.time.now(), self.mapping))
            self.sandbox.sell(made[-1].rma)
        return made

    async def prepared(self, count: int = 1) -> list[Delivery]:
        """New deliveries with what ``prepare`` gave for them."""
        deliveries = self.samples(count)
        ready = []
        for delivery, answer in zip(deliveries, await self.prepare(deliveries), strict=True):
            if not isinstance(answer, Prepared):
                raise BrokenError(f"it cannot prepare a plain return: {answer.reason}")
            ready.append(replace(delivery, prepared=answer, references=(answer.reference,)))
        return ready

    async def sent(self, count: int = 1) -> list[Delivery]:
        """New deliveries whose documents exist."""
        deliveries = await self.prepared(count)
        done = []
        for delivery, outcome in zip(deliveries, await self.send(deliveries), strict=True):
            if outcome.document is None:
                raise BrokenError(f"it could not send a plain return: {outcome.verdict}, {outcome.reason}")
            done.append(replace(delivery, document_id=outcome.document.document_id))
        return done

    # --- the hooks, as dispatch calls them ------------------------------------------------------------

    async def connect(self, credentials: BaseModel | None = None) -> ConnectReport:
        """The hook. Errors of the contract pass through."""
        with _bugs_break():
            return await self.connector.connect(self.view(credentials))

    async def prepare(self, deliveries: Sequence[Delivery]) -> list[Prepared | Rejected]:
        """The hook, in batches the connector takes."""
        answers: list[Prepared | Rejected] = []
        for some in self._batches(deliveries):
            with _bugs_break():
                answers += await self.connector.prepare(self.view(), some)
        return answers

    async def send(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """The hook, in batches the connector takes; errors become outcomes as the hub makes them."""

        async def call(some: Sequence[Delivery]) -> Sequence[Outcome]:
            with _bugs_break():
                return await self.connector.on_rma_approved(self.view(), some)

        outcomes: list[Outcome] = []
        for some in self._batches(deliveries):
            outcomes += await halving(call, some, (RejectedError,), was_sending=True)
        return outcomes

    async def look(self, deliveries: Sequence[Delivery]) -> list[Sighting]:
        """The hook, in batches the connector takes. Errors of the contract pass through."""
        found: list[Sighting] = []
        for some in self._batches(deliveries):
            with _bugs_break():
                found += await self.connector.find_documents(self.view(), some)
        return found

    async def poll(self, cursor: str | None, open_documents: Sequence[OpenDocument] = ()) -> ValidationPage:
        """The hook: one page. Errors of the contract pass through."""
        with _bugs_break(), self.session.in_background():
            return await self.connector.poll_validations(self.view(), cursor, open_documents)

    async def poll_all(
        self, cursor: str | None, open_documents: Sequence[OpenDocument] = ()
    ) -> tuple[list[Receipt], str]:
        """One cycle: its receipts in order, and where the next goes on."""
        receipts: list[Receipt] = []
        for _ in range(MOST_PAGES):
            page = await self.poll(cursor, open_documents)
            receipts += page.receipts
            cursor = page.cursor
            if not page.more:
                return receipts, cursor
        raise BrokenError(f"a poll did not end after {MOST_PAGES} pages")

    def _batches(self, deliveries: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
        most = self.connector.schema.max_batch
        for first in range(0, len(deliveries), most):
            yield deliveries[first : first + most]

    # --- the ERP --------------------------------------------------------------------------------------

    def batch_of(self, count: int) -> int:
        """How many deliveries to try a batch with, at most ``count``. ExemptError where there are none."""
        most = min(count, self.connector.schema.max_batch)
        if most == 1:
            raise ExemptError("its max_batch is 1, so that a delivery has no neighbours")
        return most

    def fault(
        self, name: str, on: str | None = None, *, times: int | None = None, seconds: float | None = None
    ) -> None:
        """Orders a fault. ExemptError when the sandbox has none of that name."""
        if name not in self.sandbox.faults:
            raise ExemptError(f"its sandbox cannot play the fault {name}")
        self.sandbox.inject(Fault(name=name, on=on, times=times, seconds=seconds))

    def documents_of(self, delivery: Delivery) -> list[dict[str, Any]]:
        """What the ERP holds under the reference of a delivery."""
        reference = delivery.prepared.reference if delivery.prepared else ""
        return [each for each in self.sandbox.documents() if each["reference"] == reference]

    def has_one(self, delivery: Delivery) -> dict[str, Any]:
        """The one document of a delivery. BrokenError when there is none or more than one."""
        found = self.documents_of(delivery)
        require(len(found) == 1, f"the ERP holds {len(found)} documents of one return")
        return found[0]

    def enter(self, reference: str, quantities: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody else makes a document. ExemptError when the sandbox has no door for that."""
        if not hasattr(self.sandbox, "enter"):
            raise ExemptError("its sandbox has no `enter`, by which somebody else makes a document")
        return self.sandbox.enter(reference, quantities)

    def writes_seen(self) -> list[bool]:
        """Of each call that the sandbox was sent whether it may write. ExemptError when it does not tell."""
        calls = self.sandbox.calls()
        if any("is_write" not in call for call in calls):
            raise ExemptError("its sandbox does not tell `is_write` of the calls it was sent")
        return [call["is_write"] for call in calls]


@contextmanager
def _bugs_break() -> Iterator[None]:
    try:
        yield
    except PluginError as error:
        raise BrokenError(f"{error.what}: {error.why}") from error

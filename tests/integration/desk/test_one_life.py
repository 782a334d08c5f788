"""One delivery's life, in any order of what the platform, the ERP, the clock and people do."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.clock import Clock
from hub.core import open_hub
from hub.dispatch.http import client_session
from hub.dispatch.work import poll_now, work
from hub.errors import ConflictError, HubError
from hub.hookspecs import ENTRY_POINT_GROUP
from hub.inbound.accept import accept
from hub.merchant import connections, deliveries, methods, stores
from hub.outcomes import Status, ValidationState
from hub.registry import Registry
from hub.rma import MethodType
from hub.store.models import Delivery, Rma
from tests.support.documents import event, rma, unit
from tests.support.plugins.pocket import POCKETS, Pocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence

    import aiohttp

    from hub.core import Hub
    from hub.environment import Environment
    from hub.store.models import Connection, ReturnMethod, Store

Result = TypeVar("Result")

ODD = ("lost", "dropped", "late", "refused", "busy", "nonsense")
"""Answers to a write; see :class:`Pocket`."""
WAITING = (Status.PENDING, Status.SENDING, Status.IN_DOUBT)
POCKET = EntryPoint("pocket", "tests.support.plugins.pocket", ENTRY_POINT_GROUP)


@dataclass(kw_only=True)
class Place:
    """A hub that stays open for all lives; each has an RMA, a connection and an account of its own."""

    runner: asyncio.Runner
    hub: Hub
    http: aiohttp.ClientSession
    store: Store
    method: ReturnMethod
    time: list[datetime]
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(coroutine)


@pytest.fixture
def place(ready: Environment) -> Iterator[Place]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner.run(_open(stack, runner, ready))
        runner.run(stack.aclose())


async def _open(stack: AsyncExitStack, runner: asyncio.Runner, environment: Environment) -> Place:
    time = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    clock = Clock(now=lambda: time[0])
    hub = await stack.enter_async_context(open_hub(environment, registry=Registry([POCKET]), clock=clock))
    await stores.ensure_default(clock)
    store = await stores.get()
    method = await methods.add(store, "UPS label", MethodType.PREPAID_LABEL)
    http = await stack.enter_async_context(client_session())
    return Place(runner=runner, hub=hub, http=http, store=store, method=method, time=time)


class OneLife(RuleBasedStateMachine):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.hub = place.hub
        self.number = str(next(place.numbers))
        self.erp = POCKETS[self.number] = Pocket()
        self.connection: Connection
        self.minutes = 0
        self.was_ever_received = False

    # --- the platform ---------------------------------------------------------------------------------

    @initialize(answer=st.sampled_from(["ok", "late", "lost", "refused"]), is_name_taken=st.booleans())
    def begin(self, answer: str, is_name_taken: bool) -> None:
        self.place.run(self._connect())
        self.platform_says("Approved")
        self.erp.answer = answer
        if is_name_taken:
            self.somebody_else_takes_the_name()
        self.time_passes(6)
        self.time_passes(6)

    async def _connect(self) -> None:
        added = await connections.add(
            self.hub,
            self.place.store,
            "pocket",
            f"main {self.number}",
            {"account": self.number},
            should_check=False,
        )
        self.connection = added.row
        await methods.point_at(self.place.method, added.row, None)

    @rule(
        status=st.sampled_from(["Approved", "Approved", "Canceled", "Pending", "Received"]),
        units=st.sampled_from([1, 1, 2]),
    )
    def platform_says(self, status: str, units: int = 1) -> None:
        self.minutes += 1
        document = rma(
            self.number,
            *(unit(int(self.number) * 10 + each) for each in range(units)),
            status=status,
            updated=f"2026-03-02T{self.minutes // 60:02}:{self.minutes % 60:02}:00+00:00",
        )
        self.place.run(accept(self.hub.clock, self.place.store, event(document), source="test"))

    # --- the ERP --------------------------------------------------------------------------------------

    @rule(answer=st.sampled_from(ODD))
    def the_next_write_is_answered(self, answer: str) -> None:
        self.erp.answer = answer

    @precondition(lambda self: len(self.erp.notes) < 4)
    @rule()
    def somebody_else_takes_the_name(self) -> None:
        self.erp.add(f"RMA {self.number}", None, 1, self.hub.clock.now())

    @precondition(lambda self: self.erp.notes)
    @rule(data=st.data(), what=st.sampled_from(["receive", "void", "delete"]))
    def somebody_works_in_the_erp(self, data: st.DataObject, what: str) -> None:
        note = data.draw(st.sampled_from(self.erp.notes))
        if note.shows_at > self.hub.clock.now():
            return
        if what == "receive":
            note.is_received = self.was_ever_received = True
        elif what == "void":
            note.is_void = True
        else:
            self.erp.notes.remove(note)

    # --- the hub --------------------------------------------------------------------------------------

    @rule()
    def flush(self) -> None:
        self.place.run(self._work())

    @rule(seconds=st.sampled_from([6, 70, 400, 7200]))
    def time_passes(self, seconds: int) -> None:
        self.place.time[0] += timedelta(seconds=seconds)
        self.flush()

    @rule()
    def poll(self) -> None:
        self.place.run(poll_now(self.hub, self.place.http, self.connection.id, owner="test"))

    # --- people ---------------------------------------------------------------------------------------

    @rule(anew=st.booleans(), gone=st.booleans())
    def a_person_retries(self, anew: bool, gone: bool) -> None:
        self._try(lambda row: deliveries.retry(self.hub.clock, row, prepare_anew=anew, is_gone=gone))

    @rule(reference=st.sampled_from(["", " again", " by hand"]), units=st.sampled_from([1, 2]))
    def a_person_edits(self, reference: str, units: int) -> None:
        request = json.dumps({"reference": f"RMA {self.number}{reference}", "units": units})
        self._try(lambda row: deliveries.edit(self.hub, row, request))

    @rule(data=st.data())
    def a_person_resolves(self, data: st.DataObject) -> None:
        shown = [None, *(n.number for n in self.erp.notes if n.shows_at <= self.hub.clock.now())]
        number = data.draw(st.sampled_from(shown))
        # They were told what it risks.
        self._try(
            lambda row: deliveries.resolve(
                self.hub.clock, row, "dealt with", number, is_without_document=True
            )
        )

    @rule()
    def two_persons_act_on_one_view(self) -> None:
        row = self.row
        if row is None:
            return
        request = json.dumps({"reference": f"RMA {self.number} twice", "units": 1})
        came = self.place.run(self._both(row, request))
        assert sum(isinstance(each, str) for each in came) <= 1
        assert all(isinstance(each, str | ConflictError) for each in came)

    async def _both(self, row: Delivery, request: str) -> Sequence[object]:
        other = await Delivery.get(id=row.id)
        return await asyncio.gather(
            deliveries.edit(self.hub, row, request),
            deliveries.retry(self.hub.clock, other),
            return_exceptions=True,
        )

    def _try(self, act: Callable[[Delivery], Awaitable[str]]) -> None:
        """People may be refused, with a reason; nothing else may go wrong."""
        row = self.row
        refusal = self.place.run(_refusal(act(row))) if row is not None else None
        if refusal is not None:
            assert isinstance(refusal, ConflictError)
            assert refusal.what
            assert refusal.fix

    # --- what always holds ------------------------------------------------------------------------------

    @property
    def row(self) -> Delivery | None:
        return self.place.run(self._row())

    async def _row(self) -> Delivery | None:
        return await Delivery.get_or_none(rma__rma_id=self.number)

    async def _work(self) -> None:
        await work(self.hub, self.place.http, self.connection.id, owner="test")

    async def _row_and_rma(self) -> tuple[Delivery | None, Rma | None]:
        return await self._row(), await Rma.get_or_none(rma_id=self.number)

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        row, held = self.place.run(self._row_and_rma())
        if row is None or held is None:
            return
        assert len(self.erp.live(row.id)) <= 1
        if row.status is Status.DONE:
            assert row.document_id is not None
        if row.status in {Status.ATTENTION, Status.SKIPPED}:
            assert row.reason
        assert (row.next_attempt_at is not None) is (row.status in {Status.PENDING, Status.IN_DOUBT})
        assert row.edited_request is None or row.status in {Status.IN_DOUBT, Status.ATTENTION}
        if not self.was_ever_received:
            assert held.validation not in {ValidationState.PARTIAL, ValidationState.FULL}

    def teardown(self) -> None:
        """In quiet weather everything comes to rest, and the rest is right."""
        self.erp.answer = "ok"
        for _ in range(20):
            row = self.row
            if row is None or row.status not in WAITING:
                break
            self.time_passes(400)
        else:
            raise AssertionError("it never comes to rest")
        self.all_is_as_it_should_be()


async def _refusal(act: Awaitable[str]) -> HubError | None:
    try:
        await act
    except HubError as error:
        return error
    return None


def test_whatever_happens_there_is_never_a_second_document(place: Place) -> None:
    run_state_machine_as_test(
        lambda: OneLife(place),  # type: ignore[arg-type]  # it calls it, as its own documentation shows
        settings=settings(
            max_examples=30,
            stateful_step_count=20,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        ),
    )

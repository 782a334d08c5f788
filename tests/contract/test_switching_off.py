"""A connector that a person switches off: its connections wait in sight, and go on when it is on again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.access import audit
from hub.engine.embedded import running_engine
from hub.engine.work import due_connections
from hub.errors import ConflictError, NotFoundError
from hub.merchant import connectors
from hub.merchant.health import health
from hub.outcomes import Status
from hub.store.models import DisabledConnector
from tests.support.documents import rma
from tests.support.stage import open_stage
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.support.stage import Stage

CONNECTOR = "cin7_omni"


@pytest.fixture
async def stage(ready: Environment) -> AsyncIterator[Stage]:
    async with open_stage(ready) as opened:
        yield opened


async def test_what_comes_for_a_connector_that_is_off_waits_and_then_goes_out_once(stage: Stage) -> None:
    await connectors.disable(stage.hub, CONNECTOR, "upgrading tonight")
    await stage.submit(rma("901"))
    assert await due_connections(stage.time.now()) == []
    await stage.work()
    assert (await stage.delivery("901")).status is Status.PENDING
    assert stage.sandbox.calls() == []
    await connectors.enable(CONNECTOR)
    await stage.settle()
    assert [note["reference"] for note in stage.notes] == [(await stage.delivery("901")).reference]


async def test_it_is_told_where_people_look_with_the_reason_and_the_way_back(stage: Stage) -> None:
    await connectors.disable(stage.hub, CONNECTOR, "upgrading tonight")
    (problem, *_) = (await health(stage.hub, await stage.connection())).problems
    assert "is switched off (upgrading tonight)" in problem
    assert "hub connectors enable cin7_omni" in problem
    await connectors.enable(CONNECTOR)
    assert (await health(stage.hub, await stage.connection())).disabled is None


async def test_poll_asked_for_while_it_is_off_is_refused(stage: Stage) -> None:
    await connectors.disable(stage.hub, CONNECTOR)
    with pytest.raises(ConflictError, match="is switched off"):
        await stage.poll()
    assert stage.sandbox.calls() == []


async def test_running_engine_goes_on_when_it_is_on_again(stage: Stage) -> None:
    await connectors.disable(stage.hub, CONNECTOR)
    await stage.submit(rma("901"))
    async with running_engine(stage.hub):
        await asyncio.sleep(0.3)
        assert stage.sandbox.calls() == []
        await connectors.enable(CONNECTOR)
        await until(lambda: bool(stage.notes))
    assert len(stage.notes) == 1


async def test_connector_switched_off_in_the_middle_of_a_flush_sends_nothing_more(stage: Stage) -> None:
    for number in range(901, 904):
        await stage.submit(rma(str(number), order_name=f"#{number}"))
    stage.fault("slow:on=GET,seconds=1000")
    working = asyncio.create_task(stage.work())
    await until(lambda: bool(stage.sandbox.calls()))
    await connectors.disable(stage.hub, CONNECTOR)
    stage.sandbox.clear_faults()
    await working
    assert stage.posts == []
    assert {(await stage.delivery(str(number))).status for number in range(901, 904)} == {Status.PENDING}


async def test_only_what_is_installed_can_be_switched_off_and_only_once(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="nobody_made_it"):
        await connectors.disable(stage.hub, "nobody_made_it")
    with pytest.raises(ConflictError, match="nobody has disabled it"):
        await connectors.enable(CONNECTOR)
    await connectors.disable(stage.hub, CONNECTOR, "a")
    with pytest.raises(ConflictError, match="off already"):
        await connectors.disable(stage.hub, CONNECTOR, "b")
    assert (await DisabledConnector.get(name=CONNECTOR)).reason == "a"


async def test_switching_is_in_the_audit_log(stage: Stage) -> None:
    await connectors.disable(stage.hub, CONNECTOR, "upgrading")
    await connectors.enable(CONNECTOR)
    entries = await audit.every(target=CONNECTOR, limit=10)
    assert [entry.action for entry in entries] == ["connector.enabled", "connector.disabled"]

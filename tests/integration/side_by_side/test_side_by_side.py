"""Two connectors on one hub: each does its own work, and the trouble of one is not the other's.

The trouble lasts until the test ends it, so whoever waited for it would wait for ever. What somebody waits
for by the hub's clock moves that clock, which else stands still.
"""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.peoplevox_stub.sandbox.account import PASSWORD
from hub.dispatch.http import READ_TIMEOUT_S, client_session
from hub.dispatch.work import poll_now
from hub.merchant import connections
from hub.outcomes import Status
from hub.redaction import REDACTED
from hub.store.models import Delivery, Exchange
from tests.integration.side_by_side.scene import WAITING, open_pair
from tests.support.times import set_loop_forward
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.integration.side_by_side.scene import Pair

RETURNS = 6
MOST = timedelta(seconds=30)
"""Of the hub's time: for the spacing of a few calls. A neighbour that was held up would wait for a minute's
quota, a retry or a pause."""
FAULTS = {
    "failing": "unavailable:times=all",
    "hanging": "hang:times=all",
    "answering 429": "too_many_requests:times=all,seconds=3600",
}
SPENT = "/spent"
A_MINUTE_S_CALLS = 60
LONGER_THAN_A_CALL_WAITS = timedelta(seconds=15)
"""Past the end of the minute: with it the work goes back to its row, as for a day's quota."""


@pytest.fixture
async def pair(ready: Environment) -> AsyncIterator[Pair]:
    async with open_pair(ready) as opened:
        yield opened


async def test_each_return_goes_where_its_method_points_and_comes_back_from_there(pair: Pair) -> None:
    (credited,), (authorised,) = await pair.submit("cin7"), await pair.submit("peoplevox")
    await pair.finish([credited, authorised])
    for name, number in (("cin7", credited), ("peoplevox", authorised)):
        (document,) = pair.sides[name].sandbox.documents()
        (delivery,) = (await pair.shown(number))["deliveries"]
        assert (delivery["connection"], delivery["verdict"]) == (name, "created")
        assert delivery["document"] == {"id": document["id"], "reference": document["reference"]}
        pair.sides[name].sandbox.receive(document["id"])
        async with client_session() as http:
            report = await poll_now(pair.hub, http, pair.sides[name].row.id, owner="test")
        assert report.rmas == (number,)
        shown = await pair.shown(number)
        assert shown["validation"] == "full"
        assert [item["validation"]["source"] for item in shown["items"]] == [pair.sides[name].row.connector]
    logged = "".join([f"{each.request_body}{each.reply_body}" for each in await Exchange.all()])
    assert "SaveData" in logged
    for secret in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode()):
        assert secret not in logged
    sessions = re.findall(r"SessionId>([^<]*)<|<Detail>[^<,]*,([0-9a-f]{16})<", logged)
    assert {"".join(each) for each in sessions} - {""} == {REDACTED}


async def into_trouble(pair: Pair, name: str, trouble: str) -> list[str]:
    """Gives the numbers of returns that meet the trouble."""
    side = pair.sides[name]
    if trouble in FAULTS:
        side.fault(FAULTS[trouble])
        calls = len(side.sandbox.calls())
        waiting = await pair.submit(name, 2)
        await until(lambda: len(side.sandbox.calls()) > calls)
        return waiting
    if trouble == "paused":
        await connections.pause(side.row, "a person wants to look")
    else:
        await Exchange.filter(url=SPENT).update(at=pair.time.now() + LONGER_THAN_A_CALL_WAITS)
    return await pair.submit(name, 2)


async def out_of_trouble(pair: Pair, name: str, waiting: list[str]) -> None:
    side = pair.sides[name]
    side.sandbox.clear_faults()
    set_loop_forward(READ_TIMEOUT_S + 1)  # a call that hangs is given up
    await Exchange.filter(url=SPENT).update(at=pair.time.now() - timedelta(days=2))
    await connections.resume(side.row)
    await pair.finish(waiting, hurried=name)


@pytest.mark.parametrize(
    ("troubled", "other", "troubles"),
    [
        ("peoplevox", "cin7", [*FAULTS, "paused"]),
        ("cin7", "peoplevox", ["failing", "hanging", "paused", "out of quota"]),
    ],
)
async def test_trouble_of_one_does_not_slow_the_other(
    pair: Pair, troubled: str, other: str, troubles: list[str]
) -> None:
    """Six returns of the other go all their way while the troubled one's stay where they are."""
    row = pair.sides[troubled].row
    if "out of quota" in troubles:
        long_ago = pair.time.now() - timedelta(days=2)
        call = {"connection_id": row.id, "at": long_ago, "method": "GET", "url": SPENT}
        await Exchange.bulk_create(Exchange(**call) for _ in range(A_MINUTE_S_CALLS))
    for trouble in troubles:
        await pair.finish([*await pair.submit(troubled, 2), *await pair.submit(other, 2)])
        waiting = await into_trouble(pair, troubled, trouble)
        began = pair.time.now()
        await pair.finish(await pair.submit(other, RETURNS))
        assert pair.time.now() - began < MOST, trouble
        stuck = await Delivery.filter(rma__rma_id__in=waiting, status__in=WAITING).count()
        assert stuck == len(waiting), f"{troubled} is really {trouble}"
        await out_of_trouble(pair, troubled, waiting)
    for side in pair.sides.values():
        references = [each["reference"] for each in side.sandbox.documents()]
        assert len(references) == len(set(references))
        done = await Delivery.filter(connection_id=side.row.id, status=Status.DONE).count()
        assert len(references) == done == await Delivery.filter(connection_id=side.row.id).count()

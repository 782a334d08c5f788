"""Two connectors on one hub: each does its own work, and the trouble of one is not the other's.

The figures are ratios within one run: how long one connector takes while the other is in trouble, by how long
it takes while both are well. Run with ``-s`` to see them.
"""

from __future__ import annotations

import base64
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.peoplevox_stub.sandbox.account import PASSWORD
from hub.dispatch.http import client_session
from hub.dispatch.work import poll_now
from hub.merchant import connections
from hub.outcomes import Status
from hub.redaction import REDACTED
from hub.store.models import Delivery, Exchange
from tests.integration.side_by_side.scene import WAITING, open_pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from tests.integration.side_by_side.scene import Pair

RETURNS = 6
ROUNDS = 2
MOST_ROUNDS = 5
"""A busy machine gets more rounds; the quickest count, and no round of a neighbour that waits is quick."""
MOST = 2.0
"""A neighbour that was held up would wait for a time-out, a pause or a quota: many times as long."""
FAULTS = {
    "failing": "unavailable:times=all",
    "hanging": "hang:times=all,seconds=0.5",
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


async def seconds_for(pair: Pair, name: str) -> float:
    began = time.perf_counter()
    await pair.finish(await pair.submit(name, RETURNS))
    return time.perf_counter() - began


async def into_trouble(pair: Pair, name: str, trouble: str) -> None:
    side = pair.sides[name]
    if trouble in FAULTS:
        side.fault(FAULTS[trouble])
    elif trouble == "paused":
        await connections.pause(side.row, "a person wants to look")
    else:
        await Exchange.filter(url=SPENT).update(at=pair.time.now() + LONGER_THAN_A_CALL_WAITS)


async def out_of_trouble(pair: Pair, name: str, waiting: list[str]) -> None:
    side = pair.sides[name]
    side.sandbox.clear_faults()
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
    row = pair.sides[troubled].row
    if "out of quota" in troubles:
        long_ago = pair.time.now() - timedelta(days=2)
        call = {"connection_id": row.id, "at": long_ago, "method": "GET", "url": SPENT}
        await Exchange.bulk_create(Exchange(**call) for _ in range(A_MINUTE_S_CALLS))
    await seconds_for(pair, other)  # what is slow only the first time
    for trouble in troubles:
        well, meanwhile, ratio = list[float](), list[float](), MOST
        while len(well) < ROUNDS or (ratio >= MOST and len(well) < MOST_ROUNDS):
            waiting = await pair.submit(troubled, 2)
            well.append(await seconds_for(pair, other))
            await pair.finish(waiting)
            await into_trouble(pair, troubled, trouble)
            waiting = await pair.submit(troubled, 2)
            meanwhile.append(await seconds_for(pair, other))
            stuck = await Delivery.filter(rma__rma_id__in=waiting, status__in=WAITING).count()
            assert stuck == len(waiting), f"{troubled} is really {trouble}"
            await out_of_trouble(pair, troubled, waiting)
            ratio = min(meanwhile) / min(well)
        print(  # noqa: T201 - the figure is the point
            f"{RETURNS} returns by {other}: {min(well) * 1000:.0f} ms with both well, "
            f"{min(meanwhile) * 1000:.0f} ms with {troubled} {trouble}: {ratio:.2f} times"
        )
        assert ratio < MOST
    for side in pair.sides.values():
        references = [each["reference"] for each in side.sandbox.documents()]
        assert len(references) == len(set(references))
        done = await Delivery.filter(connection_id=side.row.id, status=Status.DONE).count()
        assert len(references) == done == await Delivery.filter(connection_id=side.row.id).count()

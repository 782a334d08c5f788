"""``/metrics`` tells what waits and since when, and nothing about a customer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from prometheus_client.parser import text_string_to_metric_families

from hub.errors import RetriableError
from hub.merchant import connections
from hub.merchant.health import health
from hub.outcomes import Verdict
from hub.store.models import Attempt, Connection, Delivery
from hub.web.server import is_loopback, make_app
from tests.support.documents import rma, sample

if TYPE_CHECKING:
    from tests.support.stage import Stage

Labels = tuple[tuple[str, str], ...]


async def answered(stage: Stage, *, is_local: bool = True) -> tuple[int, str]:
    app = make_app(stage.hub, is_local=is_local)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession() as http,
        http.get(server.make_url("/metrics")) as answer,
    ):
        if answer.status == 200:
            assert answer.headers["Content-Type"].startswith("text/plain")
        return answer.status, await answer.text()


async def scraped(stage: Stage) -> dict[tuple[str, Labels], float]:
    status, text = await answered(stage)
    assert status == 200
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def of_main(name: str, **others: str) -> tuple[str, Labels]:
    return name, tuple(sorted({"store": "default", "connection": "main", **others}.items()))


async def test_before_anything_happened_all_is_nought(stage: Stage) -> None:
    figures = await scraped(stage)
    assert figures[of_main("hub_deliveries", status="pending")] == 0
    assert figures[of_main("hub_oldest_unsent_delivery_age_seconds")] == 0
    assert figures[of_main("hub_connection_paused")] == 0
    assert figures[of_main("hub_quota_limit_calls", window_seconds="86400")] == 5000
    assert figures["hub_rmas_flagged", (("store", "default"),)] == 0
    assert of_main("hub_last_successful_poll_age_seconds") not in figures


async def test_what_waits_and_what_is_done_are_counted_with_their_ages(stage: Stage) -> None:
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    await stage.poll()
    await connections.pause(await stage.connection(), "a person paused it")
    await stage.submit(rma("902", order_name="#902"))
    stage.time.set_forward(timedelta(hours=2))
    figures = await scraped(stage)
    assert figures[of_main("hub_deliveries", status="done")] == 1
    assert figures[of_main("hub_deliveries", status="pending")] == 1
    assert figures[of_main("hub_connection_paused")] == 1
    assert figures[of_main("hub_oldest_unsent_delivery_age_seconds")] == pytest.approx(7200, abs=60)
    assert figures[of_main("hub_last_successful_poll_age_seconds")] == pytest.approx(7200, abs=60)
    assert figures[of_main("hub_quota_used_calls", window_seconds="86400")] >= 3


async def test_a_delivery_over_no_connection_and_a_removed_one_are_counted(stage: Stage) -> None:
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    await connections.remove(stage.hub, await stage.connection())
    await stage.submit(rma("902", order_name="#902"))
    figures = await scraped(stage)
    assert figures[of_main("hub_deliveries", status="done")] == 1
    assert figures[of_main("hub_deliveries", connection="", status="skipped")] == 1
    assert of_main("hub_connection_paused") not in figures


async def test_attempts_of_the_last_minutes_are_counted_by_what_came_of_them(stage: Stage) -> None:
    await stage.submit(rma("900", order_name="#900"))
    await stage.settle()
    stage.time.set_forward(timedelta(minutes=10))
    # As after months, of which only the last minutes are to be read.
    delivery = await Delivery.get()
    long_ago = (await Attempt.get()).started_at
    old = [
        Attempt(
            delivery=delivery,
            number=number,
            reference="",
            mapping_version=1,
            claim_token="",
            started_at=long_ago,
            verdict=Verdict.RETRY,
        )
        for number in range(2, 5000)
    ]
    await Attempt.bulk_create(old, batch_size=500)
    for number in ("901", "902"):
        await stage.submit(rma(number, order_name=f"#{number}"))
    stage.fault("drop_after_write:times=1,on=POST")
    await stage.work()
    await Attempt.create(
        delivery=delivery,
        number=5000,
        reference="",
        mapping_version=1,
        claim_token="",
        started_at=stage.hub.clock.now(),
    )
    found = {key: number for key, number in (await scraped(stage)).items() if key[0] == "hub_recent_attempts"}
    assert found == {
        of_main("hub_recent_attempts", verdict="in_doubt"): 2,
        of_main("hub_recent_attempts", verdict="none"): 1,
    }


async def test_polls_that_fail_from_the_first_on_are_seen_by_their_age(stage: Stage) -> None:
    await stage.submit(rma("901", order_name="#901"))
    await stage.settle()
    stage.time.set_forward(timedelta(hours=3))
    stage.fault("unavailable:times=1,on=GET")
    with pytest.raises(RetriableError):
        await stage.poll()
    figures = await scraped(stage)
    assert figures[of_main("hub_last_successful_poll_age_seconds")] == pytest.approx(10_800, abs=60)
    told = (await health(stage.hub, await stage.connection())).problems
    assert "the last successful poll was 3 h ago" in told


async def test_no_customer_and_no_rma_is_in_the_metrics(stage: Stage) -> None:
    await stage.submit(sample("one_item"))
    await stage.settle()
    _, text = await answered(stage)
    assert (await Connection.all().count(), "41501000" in text, "@" in text) == (1, False, False)


async def test_where_others_can_reach_it_metrics_are_refused_with_a_sentence(stage: Stage) -> None:
    status, text = await answered(stage, is_local=False)
    assert (status, "no API token was sent" in text) == (401, True)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.0.0.9", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "192.168.1.2", "hub.example", "")],  # noqa: S104
)
def test_only_a_loopback_address_is_local(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected

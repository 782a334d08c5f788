"""What `/metrics` tells an operator, and the alert rules that are made of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import yaml
from aiohttp.test_utils import TestServer
from prometheus_client.parser import text_string_to_metric_families

from hub.engine.embedded import running_engine
from hub.web.server import make_app
from tests.docs import pages
from tests.support import documents
from tests.support.shop import open_shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from prometheus_client.core import Metric

    from hub.environment import Environment
    from tests.support.shop import Shop

RULES = pages.REPOSITORY / "deploy" / "prometheus-rules.yml"
OTHERS = {"up"}
"""Metrics that Prometheus makes itself."""
SUFFIXES = ("_bucket", "_count", "_sum", "_created")


@pytest.fixture
async def shop(ready: Environment) -> AsyncIterator[Shop]:
    async with open_shop(ready) as opened:
        yield opened


async def scraped(shop: Shop) -> list[Metric]:
    """The metrics after two events that were refused."""
    app = make_app(shop.stage.hub, is_local=True)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        for body in ("{}", "no json"):
            async with http.post(server.make_url("/v1/events"), data=body) as answer:
                assert answer.status >= 400
        async with http.get(server.make_url("/metrics")) as answer:
            return list(text_string_to_metric_families(await answer.text()))


def value(metrics: list[Metric], name: str, **labels: str) -> float | None:
    for sample in (each for metric in metrics for each in metric.samples if each.name == name):
        if labels.items() <= sample.labels.items():
            return sample.value
    return None


async def test_calls_are_told_by_their_answer_and_updates_by_their_age(shop: Shop) -> None:
    stage = shop.stage
    stage.fault("unavailable:times=1,on=CreditNotes")
    await stage.submit(documents.rma("901", order_name="#901"))
    await stage.work()
    stage.time.set_forward(timedelta(minutes=2))
    await stage.settle()
    stage.time.set_forward(timedelta(minutes=1))
    figures = await scraped(shop)
    assert value(figures, "hub_recent_calls", connection="main", answer="5xx") == 1
    assert (value(figures, "hub_recent_calls", connection="main", answer="2xx") or 0) > 0
    assert value(figures, "hub_updates_waiting", connection="shop") == 1
    assert (value(figures, "hub_oldest_waiting_update_age_seconds", connection="shop") or 0) >= 60
    stage.time.set_forward(timedelta(minutes=6))
    assert value(await scraped(shop), "hub_recent_calls", connection="main", answer="5xx") is None


async def test_each_answer_to_an_event_is_timed(shop: Shop) -> None:
    figures = await scraped(shop)
    counted = [
        sample
        for metric in figures
        for sample in metric.samples
        if sample.name == "hub_event_answer_seconds_count"
    ]
    assert sum(sample.value for sample in counted) == 2
    assert all(400 <= int(sample.labels["status"]) < 500 for sample in counted)


async def test_an_engine_that_runs_is_counted(shop: Shop) -> None:
    assert value(await scraped(shop), "hub_engines_running") == 0
    async with running_engine(shop.stage.hub):
        assert value(await scraped(shop), "hub_engines_running") == 1


async def test_names_follow_the_convention_and_labels_are_few(shop: Shop) -> None:
    await shop.stage.submit(documents.rma("901", order_name="#901"))
    await shop.stage.settle()
    for metric in await scraped(shop):
        assert re.fullmatch(r"hub(_[a-z]+)+", metric.name)
        assert metric.documentation.endswith(".")
        assert (metric.type == "gauge") != metric.name.endswith("_total") or metric.type == "histogram"
        for sample in metric.samples:
            known = {"store", "connection", "status", "window_seconds", "answer", "verdict", "le"}
            assert sample.labels.keys() <= known


async def test_every_alert_rule_names_metrics_and_labels_that_there_are(shop: Shop) -> None:
    stage = shop.stage
    stage.fault("unavailable:times=1,on=CreditNotes")
    await stage.submit(documents.rma("901", order_name="#901"))
    await stage.settle()
    await shop.poll()
    labels: dict[str, set[str]] = {}
    for metric in await scraped(shop):
        for sample in metric.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    rules: list[dict[str, Any]] = [
        rule
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    alerts = [rule["alert"] for rule in rules]
    assert len(alerts) == len(set(alerts)) > 10
    used = set[str]()
    for rule in rules:
        names = set(re.findall(r"\b(?:hub_\w+|up)\b", rule["expr"]))
        assert names, rule
        assert names <= labels.keys() | OTHERS, rule
        used |= names
        there = {label for name in names - OTHERS for label in labels[name]} | {"job"}
        asked = set(re.findall(r"(\w+)\s*(?:=~|!=|=)\s*\"", rule["expr"]))
        asked |= {word for by in re.findall(r"by \(([^)]*)\)", rule["expr"]) for word in re.split(r"\W+", by)}
        asked |= set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) - {"instance"}
        assert asked <= there, rule
    # Whatever the hub tells has its alert.
    families = {name.removesuffix(suffix) for name in labels for suffix in SUFFIXES if name.endswith(suffix)}
    plain = {name for name in labels if not name.endswith(SUFFIXES)} | families
    assert {name for name in plain if not any(each.startswith(name) for each in used)} == set()

"""``/metrics`` for Prometheus: what waits and since when, read from the database at each scrape.

Names follow https://prometheus.io/docs/practices/naming/. Labels are the names of stores and connections,
closed sets of our own and the windows of a quota: as many as a person set up, never one for each RMA, and
nothing about a customer.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from tortoise.functions import Count

from hub.merchant import connections, stores
from hub.merchant.health import health
from hub.outcomes import Status, ValidationState
from hub.store.models import Delivery, Rma

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric

    from hub.core import Hub
    from hub.merchant.health import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

WHOSE = ("store", "connection")


class Metrics:
    """The metrics of one hub, in a registry of their own: two hubs in one process share nothing."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._snapshot = _Snapshot()
        self._registry = CollectorRegistry()
        self._registry.register(self._snapshot)

    async def text(self) -> bytes:
        """The metrics as they are now, in Prometheus' text format."""
        found = [
            (store.name, await health(self._hub, row))
            for store in await stores.every()
            for row in await connections.every(store)
        ]
        families = [await _deliveries(), *_per_connection(found), await _flagged(), *_quota(found)]
        # Nothing is awaited between these two, so two scrapes at once do not mix.
        self._snapshot.families = families
        return generate_latest(self._registry)


class _Snapshot(Collector):
    """Hands out what was read; the database is asynchronous and Prometheus' collectors are not."""

    def __init__(self) -> None:
        self.families: Sequence[Metric] = ()

    def collect(self) -> Iterable[Metric]:
        return self.families


async def _deliveries() -> Metric:
    family = GaugeMetricFamily(
        "hub_deliveries",
        "Deliveries by status; an empty connection for those that go over none.",
        labels=(*WHOSE, "status"),
    )
    counts: Counter[tuple[str, str, str]] = Counter()
    for store in await stores.every():
        for row in await connections.every(store):
            counts.update({(store.name, row.name, status.value): 0 for status in Status})
    counted = Delivery.all().annotate(n=Count("id"))
    names = ("rma__store__name", "connection__name", "status")
    for store_name, name, status, number in await counted.group_by(*names).values_list(*names, "n"):
        # A removed connection and its successor of the same name count together.
        counts[store_name, name or "", str(Status(status))] += number
    for labels, number in sorted(counts.items()):
        family.add_metric(labels, number)
    return family


def _per_connection(found: Sequence[tuple[str, Health]]) -> list[Metric]:
    unsent = GaugeMetricFamily(
        "hub_oldest_unsent_delivery_age_seconds",
        "Time since the oldest delivery that is not settled was accepted; 0 when none waits.",
        labels=WHOSE,
    )
    polled = GaugeMetricFamily(
        "hub_last_successful_poll_age_seconds",
        "Time since the last successful poll, before the first since there was something to poll for.",
        labels=WHOSE,
    )
    paused = GaugeMetricFamily(
        "hub_connection_paused", "1 while the connection neither sends nor polls.", labels=WHOSE
    )
    for store, each in found:
        labels = (store, each.row.name)
        unsent.add_metric(labels, each.unsent_for.total_seconds() if each.unsent_for else 0)
        if each.not_polled_for is not None:
            polled.add_metric(labels, each.not_polled_for.total_seconds())
        paused.add_metric(labels, each.row.is_paused)
    return [unsent, polled, paused]


async def _flagged() -> Metric:
    family = GaugeMetricFamily(
        "hub_rmas_flagged", "RMAs whose goods or later state need a person.", labels=("store",)
    )
    for store in await stores.every():
        number = await Rma.filter(store_id=store.id, validation=ValidationState.FLAGGED).count()
        family.add_metric((store.name,), number)
    return family


def _quota(found: Sequence[tuple[str, Health]]) -> list[Metric]:
    labels = (*WHOSE, "window_seconds")
    used = GaugeMetricFamily(
        "hub_quota_used_calls", "Calls in each window of the ERP's quota.", labels=labels
    )
    limit = GaugeMetricFamily(
        "hub_quota_limit_calls", "Most calls in each window of the ERP's quota.", labels=labels
    )
    for store, each in found:
        for usage in each.usage:
            window = (store, each.row.name, f"{usage.window.per.total_seconds():g}")
            used.add_metric(window, usage.used)
            limit.add_metric(window, usage.window.calls)
    return [used, limit]

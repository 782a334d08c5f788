"""``/metrics`` for Prometheus: what waits and since when, read from the database at each scrape.

Names follow https://prometheus.io/docs/practices/naming/. Labels are the names of stores and connections,
closed sets of our own and the windows of a quota: as many as a person set up, never one for each RMA, and
nothing about a customer.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from tortoise.functions import Count, Min

from hub.engine.embedded import is_engine_running
from hub.errors import HubError
from hub.merchant import connections, platforms, stores, webhooks
from hub.merchant.health import health
from hub.outcomes import Status, ValidationState
from hub.store import epochs
from hub.store.models import Attempt, Delivery, Exchange, Rma, SendingStatus, UpdateSending
from hub.web.problems import status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from aiohttp import web
    from prometheus_client.core import Metric

    from hub.core import Hub
    from hub.merchant.health import Health
    from hub.merchant.platforms import PlatformHealth

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

WHOSE = ("store", "connection")
RECENT = timedelta(minutes=5)
"""How far back calls are counted: a scrape or two may be missed."""
ANSWERED_WITHIN_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TOO_MANY = 429


class Metrics:
    """The metrics of one hub, in a registry of their own: two hubs in one process share nothing."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._snapshot = _Snapshot()
        self._registry = CollectorRegistry()
        self._registry.register(self._snapshot)
        self._answers = Histogram(
            "hub_event_answer_seconds",
            "Time in which this process answered an event, by the answer's HTTP status.",
            labelnames=("status",),
            buckets=ANSWERED_WITHIN_S,
            registry=self._registry,
        )

    def timed(
        self, take: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """The handler of events, its answers counted and timed."""

        async def answer(request: web.Request) -> web.Response:
            began, status = perf_counter(), 500
            try:
                response = await take(request)
                status = response.status
            except HubError as error:
                status = int(status_of(error))
                raise
            finally:
                self._answers.labels(status).observe(perf_counter() - began)
            return response

        return answer

    async def text(self) -> bytes:
        """The metrics as they are now, in Prometheus' text format."""
        found = [
            (store.name, await health(self._hub, row))
            for store in await stores.every()
            for row in await connections.every(store)
        ]
        sources = [
            (store.name, await platforms.health(self._hub, row))
            for store in await stores.every()
            for row in await platforms.every(store)
        ]
        families = [
            await _deliveries(),
            *_per_connection(found, sources),
            *_per_platform(sources),
            await _flagged(),
            *_quota([*found, *sources]),
            await _calls(self._hub),
            await _attempts(self._hub),
            *await _updates(self._hub),
            await _engines(self._hub),
        ]
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


def _per_connection(
    found: Sequence[tuple[str, Health]], sources: Sequence[tuple[str, PlatformHealth]]
) -> list[Metric]:
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
    for store, source in sources:
        labels = (store, source.row.name)
        polled.add_metric(labels, source.not_polled_for.total_seconds())
        paused.add_metric(labels, source.row.is_paused)
    return [unsent, polled, paused]


def _per_platform(sources: Sequence[tuple[str, PlatformHealth]]) -> list[Metric]:
    to_read = GaugeMetricFamily(
        "hub_platform_rmas_to_read",
        "RMAs that changed on the platform and are still to be read.",
        labels=WHOSE,
    )
    refused = GaugeMetricFamily(
        "hub_platform_rmas_refused", "RMAs of the platform that could not be taken in.", labels=WHOSE
    )
    for store, source in sources:
        to_read.add_metric((store, source.row.name), source.to_read)
        refused.add_metric((store, source.row.name), len(source.refused))
    return [to_read, refused]


async def _flagged() -> Metric:
    family = GaugeMetricFamily(
        "hub_rmas_flagged", "RMAs whose goods or later state need a person.", labels=("store",)
    )
    for store in await stores.every():
        number = await Rma.filter(store_id=store.id, validation=ValidationState.FLAGGED).count()
        family.add_metric((store.name,), number)
    return family


def _quota(found: Sequence[tuple[str, Health | PlatformHealth]]) -> list[Metric]:
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


async def _calls(hub: Hub) -> Metric:
    family = GaugeMetricFamily(
        "hub_recent_calls",
        "Calls to ERPs and platforms that ended in the last five minutes: 2xx, 3xx, 4xx, 5xx, 429 by itself, "
        "none without an answer.",
        labels=(*WHOSE, "answer"),
    )
    now = hub.clock.now()
    counts: Counter[tuple[str, str, str]] = Counter()
    for store in await stores.every():
        for row in [*await connections.every(store), *await platforms.every(store)]:
            recent = Exchange.filter(connection_id=row.id, at__gte=now - RECENT, finished_at__isnull=False)
            for status, number in (
                await recent.annotate(n=Count("id")).group_by("status").values_list("status", "n")
            ):
                counts[store.name, row.name, _answer(status)] += number
    for labels, number in sorted(counts.items()):
        family.add_metric(labels, number)
    return family


def _answer(status: int | None) -> str:
    if status is None:
        return "none"
    return str(TOO_MANY) if status == TOO_MANY else f"{status // 100}xx"


async def _attempts(hub: Hub) -> Metric:
    family = GaugeMetricFamily(
        "hub_recent_attempts",
        "Attempts begun in the last five minutes, by verdict: none for those under way or broken off.",
        labels=(*WHOSE, "verdict"),
    )
    since = hub.clock.now() - RECENT
    recent = Attempt.filter(id__gt=await _attempt_before(since), started_at__gte=since)
    names = ("delivery__rma__store__name", "delivery__connection__name", "verdict")
    counted = recent.annotate(n=Count("id")).group_by(*names)
    for store_name, name, verdict, number in await counted.values_list(*names, "n"):
        family.add_metric((store_name, name or "", str(verdict or "none")), number)
    return family


async def _attempt_before(since: datetime) -> int:
    """The id of an attempt begun before, not long before; 0 is the first. Ids rise with time: no index."""
    before, step = await epochs.last_attempt(), 1000
    while (before := before - step) > 0:
        row = await Attempt.filter(id__lte=before).order_by("-id").first().only("id", "started_at")
        if row is None or row.started_at < since:
            return before
        step *= 2
    return 0


async def _updates(hub: Hub) -> list[Metric]:
    waiting = GaugeMetricFamily(
        "hub_updates_waiting", "Updates that a platform or subscriber is still to be told.", labels=WHOSE
    )
    oldest = GaugeMetricFamily(
        "hub_oldest_waiting_update_age_seconds",
        "Time since the oldest of them was written; 0 when none waits.",
        labels=WHOSE,
    )
    now = hub.clock.now()
    pending = UpdateSending.filter(status=SendingStatus.PENDING).annotate(
        n=Count("id"), since=Min("update__created_at")
    )
    found = {
        row["connection_id"]: row
        for row in await pending.group_by("connection_id").values("connection_id", "n", "since")
    }
    for store in await stores.every():
        for row in [*await platforms.every(store), *await webhooks.every(store)]:
            here = found.get(row.id)
            waiting.add_metric((store.name, row.name), here["n"] if here else 0)
            age = (now - here["since"]).total_seconds() if here else 0
            oldest.add_metric((store.name, row.name), age)
    return [waiting, oldest]


async def _engines(hub: Hub) -> Metric:
    family = GaugeMetricFamily("hub_engines_running", "Engines that work: `hub serve` or `hub worker`.")
    if hub.environment.is_sqlite:
        family.add_metric((), is_engine_running(hub.environment))
    else:
        # Heavy to import, and needed here only.
        from hub.engine.workers import living_workers  # noqa: PLC0415

        family.add_metric((), await living_workers())
    return family

"""Prometheus metrics at /metrics and health check at /healthz.

Nothing is counted while the service works: all metrics are read from the database on request, so that several
processes report the same. Metrics of "today" start at 0 at midnight UTC, as a counter does when its process restarts:
`increase()` handles it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from digest import __version__
from digest.monitoring import Monitoring, Statistics
from digest.web.auth import OperatorAuth
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.errors import error_page

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric


async def get_monitoring(request: Request) -> Monitoring:
    """Return the application's monitoring, as `install_admin` has set it."""
    monitoring = request.app.state.monitoring
    assert isinstance(monitoring, Monitoring)  # noqa: S101  - for the type checker
    return monitoring


async def get_operator_auth(request: Request) -> OperatorAuth:
    """Return the application's authentication, as `install_admin` has set it."""
    auth = request.app.state.auth
    assert isinstance(auth, OperatorAuth)  # noqa: S101  - for the type checker
    return auth


MonitoringDep = Annotated[Monitoring, Depends(get_monitoring)]
OperatorAuthDep = Annotated[OperatorAuth, Depends(get_operator_auth)]
router = APIRouter()


@router.api_route("/healthz", methods=SAFE_METHODS)
def health_status(web: WebDep, monitoring: MonitoringDep) -> JSONResponse:
    """Return 200 while the database answers, its schema fits and no run is overdue; else 503 with the reason."""
    health = monitoring.health(web.clock())
    if health.reason:
        return JSONResponse({"status": "failing", "reason": health.reason}, status_code=503)
    # Without the relay's reply, which is not for everybody. The pages work all the same, so the status is 200.
    relay = f"closed since {health.circuit.opened_at:%Y-%m-%dT%H:%MZ}" if health.circuit else "open"
    sources = list(health.source_notices)
    return JSONResponse({"status": "ok", "schema": health.required_schema, "relay": relay, "sources": sources})


@router.api_route("/metrics", methods=SAFE_METHODS)
def metrics_page(web: WebDep, monitoring: MonitoringDep, auth: OperatorAuthDep, request: Request) -> Response:
    """Return all metrics in the requested format. 404 while no token is set, 401 without the right one."""
    from prometheus_client.exposition import choose_encoder

    if not auth.has_metrics:
        raise HTTPException(404)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not auth.is_metrics_token(token.strip()):
        if seconds := auth.hit_login(request.client.host if request.client else ""):
            return error_page(web, 429, headers={"Retry-After": str(seconds)})
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(create_registry(monitoring.statistics(web.clock()))), media_type=content_type)


def create_registry(statistics: Statistics) -> "CollectorRegistry":
    """Create a registry. The import is here because prometheus_client inspects environment and machine on import."""
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

    registry = CollectorRegistry()
    registry.register(StatisticsCollector(statistics))
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


class StatisticsCollector:
    """Prometheus collector of the service's statistics."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        health = self._statistics.health
        yield InfoMetricFamily("digest_build", "Version of the running program.", {"version": __version__})
        schema = {"version": health.schema or "none", "needed": health.required_schema}
        yield InfoMetricFamily("digest_schema", "Schema of the database, and the required one.", schema)
        for gauge in gauges(self._statistics):
            family = GaugeMetricFamily(gauge.name, gauge.documentation, labels=gauge.labels)
            for labels, value in sorted(gauge.samples.items()):
                family.add_metric(labels, float(value))
            yield family


@dataclass(frozen=True, slots=True)
class Gauge:
    """Gauge with its samples by label values; without labels there is one."""

    name: str
    documentation: str
    labels: Sequence[str]
    samples: Mapping[Any, float]


def single_gauge(name: str, documentation: str, value: float) -> Gauge:
    """Return a gauge without labels."""
    return Gauge(name, documentation, (), {(): value})


def labeled_gauge(name: str, documentation: str, label: str, samples: Mapping[str, float]) -> Gauge:
    """Return a gauge with one label."""
    return Gauge(name, documentation, [label], {(value,): sample for value, sample in samples.items()})


def gauges(statistics: Statistics) -> Iterator[Gauge]:
    """Yield all gauges; of a database that does not answer, only that."""
    health = statistics.health
    yield single_gauge("digest_store_up", "1 while the database answers.", health.is_reachable)
    yield single_gauge("digest_migrations_pending", "1 while the schema is another one.", not health.is_current)
    yield single_gauge("digest_run_overdue", "1 while a run is overdue, as in /healthz.", bool(health.overdue.reason))
    yield single_gauge("digest_relay_circuit_open", "1 while the relay refuses us.", health.circuit is not None)
    if health.is_current:
        yield from queue_gauges(statistics)
        yield from delivery_gauges(statistics)
        yield from source_gauges(statistics)
        yield single_gauge("digest_statistics_seconds", "Duration of reading these statistics.", statistics.seconds)


def queue_gauges(statistics: Statistics) -> Iterator[Gauge]:
    health, queue = statistics.health, statistics.health.queue

    def age(since: datetime | None) -> float:
        return max((statistics.at - since).total_seconds(), 0.0) if since else 0.0

    yield labeled_gauge(
        "digest_queue_deliveries",
        "Queued deliveries: due now, or later.",
        "when",
        {"now": queue.due, "later": queue.scheduled},
    )
    yield single_gauge("digest_queue_oldest_seconds", "Age of the oldest due delivery.", age(queue.oldest_due_at))
    yield single_gauge(
        "digest_subscribers_due",
        "Subscribers who are due and not planned yet.",
        sum(group.subscribers for group in health.due),
    )
    yield single_gauge(
        "digest_subscribers_due_seconds",
        "How long the first of them has been due.",
        age(min((group.since for group in health.due), default=None)),
    )


def delivery_gauges(statistics: Statistics) -> Iterator[Gauge]:
    yield Gauge(
        "digest_deliveries_today",
        "Deliveries queued today (UTC), by kind and state.",
        ["kind", "state"],
        statistics.deliveries,
    )
    yield single_gauge(
        "digest_deliveries_uncertain",
        "Deliveries of the last 30 days that may or may not have arrived.",
        statistics.uncertain,
    )
    yield single_gauge(
        "digest_deliveries_failed_ratio",
        "Share of failed deliveries among those of the last 7 days that are settled.",
        statistics.failure_ratio,
    )
    yield labeled_gauge("digest_bounces_today", "Bounces received today (UTC), by class.", "class", statistics.bounces)
    yield labeled_gauge("digest_subscribers", "Subscribers by status.", "status", statistics.subscribers)


def source_gauges(statistics: Statistics) -> Iterator[Gauge]:
    fetches = statistics.fetches
    yield Gauge(
        "digest_source_fetches_today",
        "Fetches of sources today (UTC), by status.",
        ["source", "status"],
        {(source, status): n for source, counts in fetches.items() for status, n in counts.by_status.items()},
    )
    yield labeled_gauge(
        "digest_papers_new_today",
        "New papers today (UTC), by the source that listed them first.",
        "source",
        {source: counts.new for source, counts in fetches.items()},
    )
    yield labeled_gauge(
        "digest_source_last_success_timestamp_seconds",
        "Time of the last successful fetch of a source.",
        "source",
        {
            source: last.succeeded_at.timestamp()
            for source, last in statistics.last_fetches.items()
            if last.succeeded_at
        },
    )
    if statistics.free_disk_bytes is not None:
        yield single_gauge("digest_disk_free_bytes", "Free disk space of the database.", statistics.free_disk_bytes)

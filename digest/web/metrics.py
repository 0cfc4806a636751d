"""What the operator's pages, /metrics and /healthz are given: one look at the store for all, one keeper of the door.

/metrics for Prometheus: the figures of the store and of this process, for whoever has a token.

Nothing is counted while the service works: all is read from the store when it is asked for, so that several processes
tell the same. What is "today" begins anew at midnight UTC, as a counter does when its process starts anew: `increase()`
is right about it.

Whether this process can do its work, and does it: for load balancers, container engines and whoever is woken up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from digest import __version__
from digest.database.models import RelayCircuit
from digest.monitoring import Monitoring, Statistics
from digest.web.auth import OperatorAuth
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.errors import error_page


async def get_monitoring(request: Request) -> Monitoring:
    monitoring = request.app.state.watch
    assert isinstance(monitoring, Monitoring)  # noqa: S101  - operator.install() put it there
    return monitoring


async def get_operator_auth(request: Request) -> OperatorAuth:
    auth = request.app.state.keeper
    assert isinstance(auth, OperatorAuth)  # noqa: S101  - operator.install() put it there
    return auth


MonitoringDep = Annotated[Monitoring, Depends(get_monitoring)]


OperatorAuthDep = Annotated[OperatorAuth, Depends(get_operator_auth)]


if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric


router = APIRouter()


@router.api_route("/metrics", methods=SAFE_METHODS)
def metrics_page(web: WebDep, monitoring: MonitoringDep, auth: OperatorAuthDep, request: Request) -> Response:
    """All figures in the format that is asked for. 404 while no token is set, 401 without the right one."""
    from prometheus_client.exposition import choose_encoder

    if not auth.has_metrics:
        raise HTTPException(404)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not auth.is_metrics_token(token.strip()):
        if wait := auth.hit_login(request.client.host if request.client else ""):
            return error_page(web, 429, headers={"Retry-After": str(wait)})
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    write, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(write(create_registry(monitoring.statistics(web.clock()))), media_type=kind)


def create_registry(statistics: Statistics) -> "CollectorRegistry":
    """One of our own. The library is loaded here: it looks for its own settings and at the machine when it is."""
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

    metrics_registry = CollectorRegistry()
    metrics_registry.register(StatisticsCollector(statistics))
    for process in (ProcessCollector, PlatformCollector, GCCollector):
        process(registry=metrics_registry)
    return metrics_registry


@dataclass(frozen=True, slots=True)
class GaugeSamples:
    """A figure and what it says, by the values of its labels; without labels there is one value."""

    name: str
    documentation: str
    labels: Sequence[str]
    values: Mapping[Any, float]


class StatisticsCollector:
    """What a registry asks for its figures."""

    def __init__(self, statistics: Statistics) -> None:
        self._figures = statistics

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        health = self._figures.health
        yield InfoMetricFamily("digest_build", "The program that runs.", {"version": __version__})
        schema = {"version": health.schema or "none", "needed": health.required_schema}
        yield InfoMetricFamily("digest_schema", "The schema of the store, and the one that is needed.", schema)
        for each in gauges(self._figures):
            made = GaugeMetricFamily(each.name, each.documentation, labels=each.labels)
            for labels, value in sorted(each.values.items()):
                made.add_metric(labels, float(value))
            yield made


def gauges(statistics: Statistics) -> Iterator[GaugeSamples]:
    """All figures; of a store that cannot be asked, that it is so."""
    health = statistics.health
    yield single_gauge("digest_store_up", "1 while the database answers.", health.is_reachable)
    yield single_gauge("digest_migrations_pending", "1 while the schema is not this program's.", not health.is_current)
    yield single_gauge(
        "digest_round_overdue", "1 while a round is overdue, as /healthz says.", bool(health.overdue.reason)
    )
    yield single_gauge("digest_relay_closed", "1 while the relay takes no letters.", health.circuit is not None)
    if health.is_current:
        yield from _queue_gauges(statistics)
        yield from _delivery_gauges(statistics)
        yield from _source_gauges(statistics)
        yield single_gauge("digest_figures_seconds", "How long it took to read these figures.", statistics.seconds)


def _queue_gauges(statistics: Statistics) -> Iterator[GaugeSamples]:
    health, queue = statistics.health, statistics.health.queue
    said = "Letters in the queue: they may go now, or only later."
    yield GaugeSamples("digest_queue_letters", said, ["when"], {("now",): queue.due, ("later",): queue.scheduled})
    said = "How long the letter that may go longest has waited."
    yield single_gauge("digest_queue_oldest_seconds", said, _age_seconds(queue.oldest_due_at, statistics.at))
    yield single_gauge(
        "digest_readers_due", "Readers who wait for a plan.", sum(group.subscribers for group in health.due)
    )
    oldest = min((each.since for each in health.due), default=None)
    yield single_gauge(
        "digest_readers_due_seconds", "How long the first of them has waited.", _age_seconds(oldest, statistics.at)
    )


def _delivery_gauges(statistics: Statistics) -> Iterator[GaugeSamples]:
    said = "Letters queued today (UTC), by kind and by what became of them."
    yield GaugeSamples("digest_letters_today", said, ["kind", "state"], statistics.deliveries)
    said = "Letters of the last 30 days of which nobody knows whether they arrived."
    yield single_gauge("digest_letters_uncertain", said, statistics.uncertain)
    said = "Share of the letters of the last 7 days that did not arrive, of those with an answer."
    yield single_gauge("digest_letters_failed_ratio", said, statistics.failure_ratio)
    said = "Mails about letters that came back today (UTC), by verdict."
    yield GaugeSamples(
        "digest_returned_mails_today", said, ["verdict"], {(name,): n for name, n in statistics.bounces.items()}
    )
    said = "Subscribers by status; only active ones are readers."
    yield GaugeSamples(
        "digest_readers", said, ["status"], {(name,): count for name, count in statistics.subscribers.items()}
    )


def _source_gauges(statistics: Statistics) -> Iterator[GaugeSamples]:
    looks = {(source, status): n for source, each in statistics.fetches.items() for status, n in each.by_status.items()}
    yield GaugeSamples(
        "digest_readings_today", "Looks at sources today (UTC), by their end.", ["source", "status"], looks
    )
    said = "Papers that were new today (UTC), by the source that listed them first."
    yield GaugeSamples(
        "digest_papers_new_today", said, ["source"], {(name,): each.new for name, each in statistics.fetches.items()}
    )
    said = "When a source last gave a list (Unix time)."
    good = {
        (name,): last.succeeded_at.timestamp() for name, last in statistics.last_fetches.items() if last.succeeded_at
    }
    yield GaugeSamples("digest_source_last_success_timestamp_seconds", said, ["source"], good)
    if statistics.free_disk_bytes is not None:
        yield single_gauge("digest_disk_free_bytes", "Room on the disk of the store.", statistics.free_disk_bytes)


def single_gauge(name: str, documentation: str, value: float) -> GaugeSamples:
    """One number."""
    return GaugeSamples(name, documentation, (), {(): value})


def _age_seconds(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0


health_router = APIRouter()


@health_router.api_route("/healthz", methods=SAFE_METHODS)
def health_status(web: WebDep, monitoring: MonitoringDep) -> JSONResponse:
    """200 while the database answers, its schema fits and no round is overdue; else 503 with the reason."""
    found = monitoring.health(web.clock())
    if found.reason:
        return JSONResponse({"status": "failing", "reason": found.reason}, status_code=503)
    return JSONResponse({"status": "ok", "schema": found.required_schema, "relay": _relay_state(found.circuit)})


def _relay_state(lane: RelayCircuit | None) -> str:
    # What it said is for `digest doctor`, not for everybody. The pages work all the same, so the status is 200.
    return f"closed since {lane.opened_at:%Y-%m-%dT%H:%MZ}" if lane else "open"

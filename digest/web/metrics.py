"""/metrics for Prometheus: the figures of the store and of this process, for whoever has a token.

Nothing is counted while the service works: all is read from the store when it is asked for, so that several processes
tell the same. What is "today" begins anew at midnight UTC, as a counter does when its process starts anew: `increase()`
is right about it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest import __version__
from digest.watch import Figures
from digest.web.errors import error_page
from digest.web.front import LOOK, At
from digest.web.watching import Keeping, Seen

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

router = APIRouter()


@router.api_route("/metrics", methods=LOOK)
def metrics(at: At, watch: Seen, keeper: Keeping, request: Request) -> Response:
    """All figures in the format that is asked for. 404 while no token is set, 401 without the right one."""
    from prometheus_client.exposition import choose_encoder

    if not keeper.has_metrics:
        raise HTTPException(404)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not keeper.may_measure(token.strip()):
        if wait := keeper.wait(request.client.host if request.client else ""):
            return error_page(at, 429, headers={"Retry-After": str(wait)})
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    write, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(write(registry(watch.figures(at.clock()))), media_type=kind)


def registry(figures: Figures) -> "CollectorRegistry":
    """One of our own. The library is loaded here: it looks for its own settings and at the machine when it is."""
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

    made = CollectorRegistry()
    made.register(_Collected(figures))
    for process in (ProcessCollector, PlatformCollector, GCCollector):
        process(registry=made)
    return made


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure and what it says, by the values of its labels; without labels there is one value."""

    name: str
    said: str
    labels: Sequence[str]
    values: Mapping[Any, float]


class _Collected:
    """What a registry asks for its figures."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        health = self._figures.health
        yield InfoMetricFamily("digest_build", "The program that runs.", {"version": __version__})
        schema = {"version": health.schema or "none", "needed": health.needed}
        yield InfoMetricFamily("digest_schema", "The schema of the store, and the one that is needed.", schema)
        for each in gauges(self._figures):
            made = GaugeMetricFamily(each.name, each.said, labels=each.labels)
            for labels, value in sorted(each.values.items()):
                made.add_metric(labels, float(value))
            yield made


def gauges(found: Figures) -> Iterator[Gauge]:
    """All figures; of a store that cannot be asked, that it is so."""
    health = found.health
    yield gauge("digest_store_up", "1 while the database answers.", health.answers)
    yield gauge("digest_migrations_pending", "1 while the schema is not this program's.", not health.fits)
    yield gauge("digest_round_overdue", "1 while a round is overdue, as /healthz says.", bool(health.late.reason))
    yield gauge("digest_relay_closed", "1 while the relay takes no letters.", health.lane is not None)
    if health.fits:
        yield from _waiting(found)
        yield from _letters(found)
        yield from _readings(found)
        yield gauge("digest_figures_seconds", "How long it took to read these figures.", found.seconds)


def _waiting(found: Figures) -> Iterator[Gauge]:
    health, queue = found.health, found.health.queue
    said = "Letters in the queue: they may go now, or only later."
    yield Gauge("digest_queue_letters", said, ["when"], {("now",): queue.now, ("later",): queue.later})
    said = "How long the letter that may go longest has waited."
    yield gauge("digest_queue_oldest_seconds", said, _age(queue.oldest, found.at))
    yield gauge("digest_readers_due", "Readers who wait for a plan.", sum(each.readers for each in health.due))
    oldest = min((each.since for each in health.due), default=None)
    yield gauge("digest_readers_due_seconds", "How long the first of them has waited.", _age(oldest, found.at))


def _letters(found: Figures) -> Iterator[Gauge]:
    said = "Letters queued today (UTC), by kind and by what became of them."
    yield Gauge("digest_letters_today", said, ["kind", "state"], found.letters)
    said = "Letters of the last 30 days of which nobody knows whether they arrived."
    yield gauge("digest_letters_uncertain", said, found.uncertain)
    said = "Share of the letters of the last 7 days that did not arrive, of those with an answer."
    yield gauge("digest_letters_failed_ratio", said, found.failed_ratio)
    said = "Mails about letters that came back today (UTC), by verdict."
    yield Gauge("digest_returned_mails_today", said, ["verdict"], {(name,): n for name, n in found.came_back.items()})
    said = "Subscribers by status; only active ones are readers."
    yield Gauge("digest_readers", said, ["status"], {(name,): count for name, count in found.readers.items()})


def _readings(found: Figures) -> Iterator[Gauge]:
    looks = {(source, status): n for source, each in found.looks.items() for status, n in each.by_status.items()}
    yield Gauge("digest_readings_today", "Looks at sources today (UTC), by their end.", ["source", "status"], looks)
    said = "Papers that were new today (UTC), by the source that listed them first."
    yield Gauge("digest_papers_new_today", said, ["source"], {(name,): each.new for name, each in found.looks.items()})
    said = "When a source last gave a list (Unix time)."
    good = {(name,): each.good.timestamp() for name, each in found.last.items() if each.good}
    yield Gauge("digest_source_last_success_timestamp_seconds", said, ["source"], good)
    if found.disk_free is not None:
        yield gauge("digest_disk_free_bytes", "Room on the disk of the store.", found.disk_free)


def gauge(name: str, said: str, value: float) -> Gauge:
    """One number."""
    return Gauge(name, said, (), {(): value})


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0

"""Metrics: their values, access to them, and their use in dashboard and alerts."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine
from sqlmodel import Session, select

from digest import database
from digest.database import read_session, write_session
from digest.database.models import (
    BounceClass,
    BounceRecord,
    Delivery,
    DeliveryKind,
    DeliveryState,
    SourceFetch,
    Subscriber,
    SubscriberStatus,
)
from digest.delivery.circuit_breaker import open_circuit
from digest.delivery.claims import claim
from digest.monitoring.time_window import first_id_since
from digest.web import create_app
from digest.web.auth import LOGIN_ATTEMPTS_PER_HOUR
from tests.support.browser import Browser
from tests.support.contexts import make_context
from tests.support.factories import delivery, source_fetch, subscriber

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)  # a Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOKEN, METRICS = "a token of the operator", "a token of Prometheus"
TOKENS = {"operator_token": TOKEN.replace(" ", "-"), "metrics_token": METRICS.replace(" ", "-")}
Metrics = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def browser_at(store: Engine, now: datetime = NOW, **settings: object) -> Browser:
    return Browser(create_app(make_context(store, **TOKENS | settings), clock=lambda: now))


def read_metrics(browser: Browser, token: str = TOKENS["metrics_token"]) -> Metrics:
    response = browser.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(response.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value for one in families for sample in one.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics[name, tuple(sorted(labels.items()))]


def fill_database(session: Session) -> None:
    """Add ten days of deliveries, one sent a day; today one in each state; and fetches and a bounce."""
    subscribers = [subscriber(last_due_day=NOW.date()) for _ in range(4)]
    session.add_all(
        [
            *subscribers,
            subscriber(status=SubscriberStatus.PENDING, confirmed_at=None),
            subscriber(status=SubscriberStatus.PAUSED),
        ]
    )
    session.flush()
    for back in range(10, 0, -1):
        then = (NOW - back * DAY).replace(hour=23, minute=30)
        session.add(
            delivery(subscribers[0], state=DeliveryState.SENT, edition=f"{then:%F}", created_at=then, settled_at=then)
        )
        session.flush()  # numbers in the order of time
    for to, state in zip(
        subscribers,
        (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.QUEUED),
        strict=True,
    ):
        session.add(delivery(to, state=state, edition=f"{NOW:%F}", created_at=NOW - HOUR))
        session.flush()
    later = {"next_attempt_at": NOW + HOUR, "created_at": NOW - HOUR}
    session.add(delivery(subscribers[0], kind=DeliveryKind.ALREADY_SUBSCRIBED, edition="already", **later))
    session.flush()
    last = session.exec(select(Delivery.id)).all()[-1]
    session.add(
        BounceRecord(
            delivery_id=int(last or 0), bounce_class=BounceClass.SOFT, parser="x", fingerprint="x", received_at=NOW
        )
    )
    session.add(source_fetch(started_at=NOW - 2 * DAY, list_day=(NOW - 2 * DAY).date(), listed_count=5, new_count=5))
    session.flush()
    session.add(source_fetch(started_at=NOW - HOUR, list_day=NOW.date(), listed_count=7, new_count=3))
    session.add(source_fetch(started_at=NOW, list_day=NOW.date(), status="failed", error_code="unreachable"))


def test_a_delivery_postponed_by_a_clock_that_was_set_back_is_due_now(store: Engine) -> None:
    with write_session(store) as session:
        session.add(to := subscriber())
        session.flush()
        session.add(delivery(to, next_attempt_at=NOW + 60 * DAY, created_at=NOW - HOUR))
    metrics = read_metrics(browser_at(store))
    assert [value(metrics, "digest_queue_deliveries", when=when) for when in ("now", "later")] == [1, 0]
    assert value(metrics, "digest_queue_oldest_seconds") == 3600


def test_metrics_match_the_database(store: Engine) -> None:
    with write_session(store) as session:
        fill_database(session)
    metrics = read_metrics(browser_at(store))
    for state in ("sent", "failed", "uncertain", "queued"):
        assert value(metrics, "digest_deliveries_today", kind="digest", state=state) == 1
    assert value(metrics, "digest_deliveries_today", kind="already", state="queued") == 1
    assert value(metrics, "digest_deliveries_uncertain") == 1
    assert value(metrics, "digest_deliveries_failed_ratio") == pytest.approx(1 / 8)  # of the seven days that end today
    assert [value(metrics, "digest_queue_deliveries", when=when) for when in ("now", "later")] == [1, 1]
    assert value(metrics, "digest_queue_oldest_seconds") == 3600
    assert [value(metrics, "digest_subscribers", status=status) for status in ("active", "pending", "paused")] == [
        4,
        1,
        1,
    ]
    assert (value(metrics, "digest_subscribers_due"), value(metrics, "digest_subscribers_due_seconds")) == (0, 0)
    assert value(metrics, "digest_source_fetches_today", source="huggingface", status="ok") == 1
    assert value(metrics, "digest_source_fetches_today", source="huggingface", status="failed") == 1
    assert value(metrics, "digest_papers_new_today", source="huggingface") == 3
    last = value(metrics, "digest_source_last_success_timestamp_seconds", source="huggingface")
    assert last == (NOW - HOUR).timestamp()
    assert value(metrics, "digest_bounces_today", **{"class": "soft"}) == 1
    assert [value(metrics, f"digest_{name}") for name in ("store_up", "relay_circuit_open", "run_overdue")] == [1, 0, 0]
    assert value(metrics, "digest_migrations_pending") == 0
    schema = next(dict(labels) for name, labels in metrics if name == "digest_schema_info")
    assert schema["version"] == schema["needed"]
    assert value(metrics, "process_resident_memory_bytes") > 0


def test_metrics_require_a_token(sqlite_store: Engine) -> None:
    assert browser_at(sqlite_store, operator_token="", metrics_token="").get("/metrics").status_code == 404
    only_ours = browser_at(sqlite_store, metrics_token="")
    assert read_metrics(only_ours, TOKENS["operator_token"])
    browser = browser_at(sqlite_store)
    assert read_metrics(browser, TOKENS["operator_token"])
    refused = browser.get("/metrics")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert (refused.headers["cache-control"], refused.headers["x-robots-tag"]) == ("no-store", "noindex, nofollow")
    for wrong in ("Basic eDp5", f"Basic {TOKENS['metrics_token']}", "Bearer", "Bearer ünpassend".encode(), "Bearer x"):
        assert browser.get("/metrics", headers={"Authorization": wrong}).status_code == 401
    for _ in range(LOGIN_ATTEMPTS_PER_HOUR - 6):
        browser.get("/metrics")
    assert browser.get("/metrics").status_code == 429
    assert read_metrics(browser)  # who knows the token is never held up by who does not


def test_openmetrics_format_is_negotiated(sqlite_store: Engine) -> None:
    bearer = {"Authorization": f"Bearer {TOKENS['metrics_token']}", "Accept": "application/openmetrics-text"}
    response = browser_at(sqlite_store).get("/metrics", headers=bearer)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_metrics_report_an_unavailable_database(tmp_path: Path, connect: object) -> None:
    (tmp_path / "noise.db").write_bytes(b"this is no database at all" * 100)
    metrics = read_metrics(browser_at(database.connect(f"sqlite:///{tmp_path}/noise.db")))
    assert value(metrics, "digest_store_up") == 0
    assert not [name for name, _ in metrics if name.startswith("digest_deliveries")]


# --- the first row of a day


@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
def test_the_first_row_of_a_time_is_found_by_bisection(store: Engine, count: int) -> None:
    """Check ids with gaps, and several rows of one instant."""
    instants = [NOW + (number // 3) * HOUR for number in range(count)]
    with write_session(store) as session:
        session.add_all(source_fetch(id=2 * number + 5, started_at=then) for number, then in enumerate(instants))
    with read_session(store) as session:
        for begin in (NOW - HOUR, NOW, NOW + HOUR, NOW + 2 * HOUR + timedelta(seconds=1), NOW + 99 * HOUR):
            wanted = [2 * number + 5 for number, then in enumerate(instants) if then >= begin]
            metrics = first_id_since(session, SourceFetch.id, SourceFetch.started_at, begin)
            before = [2 * number + 5 for number, then in enumerate(instants) if then < begin]
            assert (max(before, default=0)) < metrics <= min(wanted, default=10**9)


# --- a run that is overdue


def browser_with_clock(store: Engine, **settings: object) -> tuple[Browser, list[datetime]]:
    now = [NOW]
    return Browser(create_app(make_context(store, **settings), clock=lambda: now[-1])), now


def health_of(browser: Browser) -> tuple[int, str]:
    response = browser.get("/healthz")
    assert "@" not in response.text
    return response.status_code, response.json().get("reason", "")


def test_a_run_is_overdue_when_due_subscribers_are_not_planned(store: Engine) -> None:
    with write_session(store) as session:
        session.add(subscriber(last_due_day=NOW.date() - DAY, send_hour=11))
        session.add(subscriber(last_due_day=NOW.date(), send_hour=11))
        session.add(subscriber(last_due_day=None, confirmed_at=NOW - timedelta(minutes=5), send_hour=1))
    browser, now = browser_with_clock(store)
    assert health_of(browser) == (200, "")  # an hour is not over an hour
    now.append(NOW + timedelta(minutes=1))
    reason = "Planning is overdue: 1 subscriber due since 2026-07-29 11:00 UTC."
    assert health_of(browser) == (503, reason)
    now.append(NOW + timedelta(minutes=56))
    assert health_of(browser)[1].startswith("Planning is overdue: 2 subscribers due since 2026-07-29 11:00")
    with write_session(store) as session:
        for row in session.exec(select(Subscriber)).all():
            row.last_due_day = NOW.date()
    now.append(NOW + timedelta(hours=2))
    assert health_of(browser) == (200, "")


def test_resuming_in_the_afternoon_is_not_overdue_since_the_morning(store: Engine) -> None:
    with write_session(store) as session:
        session.add(
            resumes := subscriber(last_due_day=NOW.date() - 9 * DAY, send_hour=6, status=SubscriberStatus.PAUSED)
        )
    browser, now = browser_with_clock(store)
    assert health_of(browser) == (200, "")
    with write_session(store) as session:
        session.merge(resumes).status = SubscriberStatus.ACTIVE
    for minutes, status in ((1, 200), (60, 200), (62, 503)):
        now.append(NOW + timedelta(minutes=minutes))
        assert health_of(browser)[0] == status
    # Who has never looked before must believe the hour.
    assert health_of(browser_with_clock(store)[0])[0] == 503


def test_a_run_is_overdue_when_queued_deliveries_are_not_claimed(store: Engine) -> None:
    with write_session(store) as session:
        session.add(to := subscriber(last_due_day=NOW.date()))
        session.flush()
        session.add_all(delivery(to, edition=edition, created_at=NOW - 2 * HOUR) for edition in ("one", "another"))
        session.add(delivery(to, edition="later", created_at=NOW - 9 * HOUR, next_attempt_at=NOW + 9 * HOUR))
        session.add(delivery(to, edition="sent", state=DeliveryState.SENT, created_at=NOW - 9 * HOUR))
    browser, now = browser_with_clock(store)
    reason = "Sending is overdue: e-mails have been waiting since 2026-07-29 10:00 UTC."
    assert health_of(browser) == (503, reason)
    # While somebody sends, the others wait their turn.
    with write_session(store) as session:
        assert len(claim(session, "me", NOW, 1)) == 1
    now.append(NOW + timedelta(minutes=2))
    assert health_of(browser) == (200, "")
    now.append(NOW + timedelta(hours=1, minutes=1))
    assert health_of(browser)[0] == 503
    # A relay that refuses us is told apart: the pages work, and no email is late by our fault.
    with write_session(store) as session:
        open_circuit(session, make_context(store).relay_config().name, code=535, reply="no", now=NOW)
    now.append(NOW + timedelta(hours=1, minutes=2))
    assert health_of(browser) == (200, "")


def test_health_is_computed_once_for_concurrent_requests(sqlite_store: Engine) -> None:
    browser, now = browser_with_clock(sqlite_store)
    assert health_of(browser)[0] == 200
    with write_session(sqlite_store) as session:
        session.add(subscriber(last_due_day=NOW.date() - 2 * DAY))
    now.append(NOW + timedelta(seconds=1))
    assert health_of(browser)[0] == 200
    now.append(NOW - timedelta(days=1))  # a clock that is set back makes nothing last longer
    assert health_of(browser)[0] == 503


# --- the dashboard and the alerts

NAME = re.compile(r"\b(?:digest|process|python)_[a-z_0-9]+\b")


def used_metrics() -> list[str]:
    board = json.loads((ROOT / "deploy" / "grafana" / "digest.json").read_text())
    drawn = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    return [*drawn, *re.findall(r"expr: (.+)", rules)]


def test_dashboard_and_alerts_use_existing_metrics(sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        fill_database(session)
    there = {name for name, _ in read_metrics(browser_at(sqlite_store))}
    questions = used_metrics()
    assert len(questions) > 15
    assert [question for question in questions if not NAME.search(question)] == []
    assert {name for question in questions for name in NAME.findall(question)} - there == set()


def test_every_metric_is_on_the_dashboard() -> None:
    source = (ROOT / "digest" / "web" / "metrics.py").read_text()
    measured = set(re.findall(r'"(digest_[a-z_]+)"', source)) - {"digest_build", "digest_schema"}
    drawn = {name for names in used_metrics() for name in NAME.findall(names)}
    assert measured - drawn == {"digest_statistics_seconds", "digest_papers_new_today", "digest_store_up"} - drawn

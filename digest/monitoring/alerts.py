"""What a person must look at: problems that do not go away by themselves."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from digest.bounces import count_sender_errors
from digest.config import Settings, source_title
from digest.context import AppContext
from digest.database import count_quarantined, quarantined_rows, read_session
from digest.database.models import DeliveryState
from digest.monitoring import messages
from digest.monitoring.delivery_list import DeliveryFilter, DeliveryTab, count_deliveries
from digest.monitoring.health import Health, schema_sentence
from digest.monitoring.source_statistics import last_fetches
from digest.monitoring.statistics import WEEK_DAYS, MonthSummary
from digest.papers import SourceProblem, load_source_problems

MAX_FAILURE_RATIO = 0.02  # large providers begin to refuse at about this share
MIN_FAILURES = 3  # one of ten deliveries tells nothing
MIN_FREE_BYTES, MIN_FREE_SHARE = 2**30, 0.05
MAX_NAMED_ROWS = 5
MAX_FETCH_AGE = timedelta(hours=26)  # a day, for those who run it by cron, and some


@dataclass(frozen=True, slots=True)
class Alert:
    """Problem and what to do about it. `kind` is a stable word; `source`: the source or feed that it is about."""

    kind: str
    sentence: str
    advice: str = ""
    source: str = ""


def find_alerts(ctx: AppContext, month: MonthSummary | None, health: Health, now: datetime) -> list[Alert]:
    """Return all alerts, the most urgent first. Without a `month` none is about the share of failures."""
    alerts = list(_service_alerts(health))
    if health.is_current:
        with read_session(ctx.engine) as session:
            problems = load_source_problems(session, now)
            alerts += _delivery_alerts(session, month, now)
            alerts += _quarantine_alerts(session)
            alerts += _source_alerts(session, ctx.settings, problems, now)
    if ctx.settings.uses_sqlite and ctx.settings.data_directory.exists():
        disk = shutil.disk_usage(ctx.settings.data_directory)
        if disk.free < MIN_FREE_BYTES or disk.free < MIN_FREE_SHARE * disk.total:
            alerts.append(Alert("disk", messages.disk_full(disk.free // 2**20), messages.MAKE_ROOM))
    return alerts


def _service_alerts(health: Health) -> Iterator[Alert]:
    if not health.is_reachable:
        yield Alert("store", messages.DATABASE_UNAVAILABLE, messages.SEE_DOCTOR)
    elif not health.is_current:
        yield Alert("migration", schema_sentence(health.schema, health.required_schema), messages.RUN_MIGRATE)
    if reason := health.overdue.reason:
        yield Alert("overdue", reason, messages.CHECK_SERVICE)
    if circuit := health.circuit:
        sentence = messages.relay_refuses(f"{circuit.opened_at:%d %B, %H:%M}", circuit.reply)
        yield Alert("relay", sentence, messages.next_attempt(f"{circuit.retry_at:%H:%M}"))


def _delivery_alerts(session: Session, month: MonthSummary | None, now: datetime) -> Iterator[Alert]:
    if count := count_deliveries(session, DeliveryFilter(tab=DeliveryTab.UNCERTAIN)):
        yield Alert("uncertain", messages.uncertain_deliveries(count), messages.RESOLVE_THEM)
    failed = month.count(DeliveryState.FAILED, WEEK_DAYS) if month else 0
    if month and month.failure_ratio > MAX_FAILURE_RATIO and failed >= MIN_FAILURES:
        yield Alert("bounces", messages.failing_deliveries(month.failure_ratio, failed), messages.MANY_BOUNCES)
    if faults := count_sender_errors(session, now - timedelta(days=WEEK_DAYS)):
        reasons = ", ".join(f"{status} {reason}".strip() + f" ({count})" for status, reason, count in faults[:3])
        yield Alert("refused", messages.sender_refused(reasons), messages.SEE_DOCTOR)


def _quarantine_alerts(session: Session) -> Iterator[Alert]:
    if rows := quarantined_rows(session, limit=MAX_NAMED_ROWS):
        names = "; ".join(f"{row.table_name} {row.row_id}, {row.reason}" for row in rows)
        count = sum(count_quarantined(session).values())
        yield Alert("quarantine", messages.unreadable_rows(count, names), messages.LOOKED_AT_AGAIN)


def _source_alerts(
    session: Session, settings: Settings, problems: Sequence[SourceProblem], now: datetime
) -> Iterator[Alert]:
    for problem in problems:
        if problem.kind != "made-up":
            yield Alert("source", problem.sentence, source=problem.source)
    last = last_fetches(session)
    for name in settings.sources:
        title = source_title(name)
        if name not in last:
            yield Alert("source", messages.never_fetched(title), messages.RUN_COLLECT, name)
        elif now - last[name].fetched_at > MAX_FETCH_AGE:
            since = f"{last[name].fetched_at:%d %B, %H:%M}"
            yield Alert("source", messages.not_fetched_since(title, since), messages.CHECK_SERVICE, name)

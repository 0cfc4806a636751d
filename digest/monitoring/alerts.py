"""What a person must look at: problems that do not go away by themselves."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from digest.bounces import count_sender_faults
from digest.config import Settings
from digest.context import AppContext
from digest.database import quarantined_rows, read_session
from digest.database.models import DeliveryState
from digest.monitoring.health import Health
from digest.monitoring.source_statistics import last_fetches
from digest.monitoring.statistics import WEEK_DAYS, MonthSummary
from digest.papers import SOURCE_TITLES, SourceProblem, load_source_problems

MAX_FAILURE_RATIO = 0.02  # large providers begin to refuse at about this share
MIN_FAILURES = 3  # one of ten deliveries tells nothing
MIN_FREE_BYTES, MIN_FREE_SHARE = 2**30, 0.05
MAX_NAMED_ROWS = 5
MAX_FETCH_AGE = timedelta(hours=26)  # a day, for those who run it by cron, and some


@dataclass(frozen=True, slots=True)
class Alert:
    """Problem and what to do about it. `kind` is a stable word."""

    kind: str
    sentence: str
    advice: str = ""


def find_alerts(ctx: AppContext, month: MonthSummary | None, health: Health, now: datetime) -> list[Alert]:
    """Return all alerts, the most urgent first. Without a `month` the database is not asked."""
    alerts = list(_service_alerts(health))
    if month is not None:
        with read_session(ctx.engine) as session:
            problems = load_source_problems(session, now)
            alerts += _delivery_alerts(session, month, now)
            alerts += _quarantine_alerts(session)
            alerts += _source_alerts(session, ctx.settings, problems, now)
    if ctx.settings.uses_sqlite and ctx.settings.data_directory.exists():
        disk = shutil.disk_usage(ctx.settings.data_directory)
        if disk.free < MIN_FREE_BYTES or disk.free < MIN_FREE_SHARE * disk.total:
            sentence = f"The disk of the store is nearly full: {disk.free // 2**20:,} MiB are free."
            alerts.append(Alert("disk", sentence, "Make room, and see: digest prune --dry-run"))
    return alerts


def _service_alerts(health: Health) -> Iterator[Alert]:
    if not health.is_reachable:
        yield Alert("store", "The database does not answer.", "To learn why: digest doctor")
    elif not health.is_current:
        sentence = f"The store has schema {health.schema or 'none'}, this program needs {health.required_schema}."
        yield Alert("migration", sentence, "Run: digest migrate")
    if reason := health.overdue.reason:
        advice = "See whether the service runs and what its log says; then: digest run"
        yield Alert("overdue", f"{reason[0].upper()}{reason[1:]}.", advice)
    if circuit := health.circuit:
        sentence = f"The relay takes no letters since {circuit.opened_at:%d %B, %H:%M} UTC: {circuit.reply}"
        yield Alert("relay", sentence, f"Next try at {circuit.retry_at:%H:%M} UTC. To ask it now: digest run")


def _delivery_alerts(session: Session, month: MonthSummary, now: datetime) -> Iterator[Alert]:
    if count := month.count(DeliveryState.UNCERTAIN):
        subject = f"{count} letters are uncertain" if count > 1 else "A letter is uncertain"
        pronoun = "they were" if count > 1 else "it was"
        yield Alert("uncertain", f"{subject}: the log of the relay knows whether {pronoun} sent.", "Say so below.")
    failed = month.count(DeliveryState.FAILED, WEEK_DAYS)
    if month.failure_ratio > MAX_FAILURE_RATIO and failed >= MIN_FAILURES:
        sentence = f"{month.failure_ratio:.1%} of the letters of the last 7 days did not arrive ({failed} of them)."
        yield Alert("bounces", sentence, "See: digest bounces list")
    if faults := count_sender_faults(session, now - timedelta(days=WEEK_DAYS)):
        reasons = ", ".join(f"{status} {reason}".strip() + f" ({count})" for status, reason, count in faults[:3])
        yield Alert("refused", f"Letters were refused because of us: {reasons}.", "See: digest doctor")


def _quarantine_alerts(session: Session) -> Iterator[Alert]:
    if rows := quarantined_rows(session):
        subject = "A row of the store cannot be read" if len(rows) == 1 else f"{len(rows)} rows cannot be read"
        names = "; ".join(f"{row.table_name} {row.row_id}, {row.reason}" for row in rows[:MAX_NAMED_ROWS])
        verb = "stays out of the work until it can" if len(rows) == 1 else "stay out of the work until they can"
        yield Alert("quarantine", f"{subject} and {verb}: {names}.", "See: digest quarantine list")


def _source_alerts(
    session: Session, settings: Settings, problems: Sequence[SourceProblem], now: datetime
) -> Iterator[Alert]:
    for problem in problems:
        if problem.kind != "made-up":
            yield Alert("source", problem.sentence, "See: digest sources")
    last = last_fetches(session)
    for name in settings.sources:
        title = SOURCE_TITLES.get(name, name)
        if name not in last:
            yield Alert("source", f"{title} was never read.", "Run: digest collect")
        elif now - last[name].fetched_at > MAX_FETCH_AGE:
            sentence = f"{title} was last looked at on {last[name].fetched_at:%d %B, %H:%M} UTC."
            yield Alert("source", sentence, "See whether the service runs.")

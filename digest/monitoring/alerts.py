"""What a person must look at: nothing of it mends itself."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from digest.bounces import count_sender_faults
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import DeliveryState
from digest.monitoring.health import Health
from digest.monitoring.source_statistics import last_fetches, listed_days
from digest.monitoring.statistics import WEEK_DAYS, MonthStatistics
from digest.monitoring.time_window import utc_day
from digest.papers import BACKFILL_DAYS, SOURCE_TITLES, SourceProblem, source_problems

MAX_FAILURE_RATIO, MIN_FAILURES = (
    0.02,
    3,
)  # large providers begin to refuse at about this share; one of ten tells nothing


MIN_FREE_BYTES, MIN_FREE_SHARE = 2**30, 0.05


MAX_FETCH_AGE = timedelta(hours=26)  # a day, for who runs it by cron, and some


SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Alert:
    """`kind` is a stable word; `sentence` says what is the matter, `advice` what to do."""

    kind: str
    sentence: str
    advice: str = ""


def find_alerts(ctx: AppContext, month: MonthStatistics | None, health: Health, now: datetime) -> list[Alert]:
    """All of it, the most urgent first. Without a `month` the store cannot be asked, which is then told alone."""
    found = list(_service_alerts(health))
    if month is not None:
        with read_session(ctx.engine) as session:
            problems = source_problems(session, now)
            found += [*_delivery_alerts(session, month, now), *_source_alerts(session, ctx, problems, now)]
            found += _missing_list_alerts(session, ctx, problems, now)
    return [*found, *_disk_alerts(ctx)]


def _service_alerts(health: Health) -> Iterator[Alert]:
    if not health.is_reachable:
        yield Alert("store", "The database does not answer.", "To learn why: digest doctor")
    elif not health.is_current:
        said = f"The store has schema {health.schema or 'none'}, this program needs {health.required_schema}."
        yield Alert("migration", said, "Run: digest migrate")
    if health.overdue.reason:
        said = f"{health.overdue.reason[0].upper()}{health.overdue.reason[1:]}."
        yield Alert("overdue", said, "See whether the service runs and what its log says; then: digest run")
    if health.circuit:
        said = f"The relay takes no letters since {health.circuit.opened_at:%d %B, %H:%M} UTC: {health.circuit.reply}"
        yield Alert("relay", said, f"Next try at {health.circuit.retry_at:%H:%M} UTC. To ask it now: digest run")


def _delivery_alerts(session: Session, month: MonthStatistics, now: datetime) -> Iterator[Alert]:
    if count := month.count(DeliveryState.UNCERTAIN):
        many = f"{count} letters are uncertain" if count > 1 else "A letter is uncertain"
        it = "they were" if count > 1 else "it was"
        yield Alert("uncertain", f"{many}: the log of the relay knows whether {it} sent.", "Say so below.")
    failed = month.count(DeliveryState.FAILED, WEEK_DAYS)
    if month.failure_ratio > MAX_FAILURE_RATIO and failed >= MIN_FAILURES:
        said = f"{month.failure_ratio:.1%} of the letters of the last 7 days did not arrive ({failed} of them)."
        yield Alert("bounces", said, "See: digest bounces list")
    if found := count_sender_faults(session, now - timedelta(days=WEEK_DAYS)):
        why = ", ".join(f"{status} {reason}".strip() + f" ({count})" for status, reason, count in found[:3])
        yield Alert("refused", f"Letters were refused because of us: {why}.", "See: digest doctor")


def _source_alerts(
    session: Session, ctx: AppContext, problems: Sequence[SourceProblem], now: datetime
) -> Iterator[Alert]:
    for each in problems:
        if each.kind != "made-up":
            yield Alert("source", each.sentence, "See: digest sources")
    last = last_fetches(session)
    for name in ctx.settings.sources:
        title = SOURCE_TITLES.get(name, name)
        if name not in last:
            yield Alert("source", f"{title} was never read.", "Run: digest collect")
        elif now - last[name].looked > MAX_FETCH_AGE:
            said = f"{title} was last looked at on {last[name].looked:%d %B, %H:%M} UTC."
            yield Alert("source", said, "See whether the service runs.")


def _missing_list_alerts(
    session: Session, ctx: AppContext, problems: Sequence[SourceProblem], now: datetime
) -> Iterator[Alert]:
    """Sources that answered, again and again, that the last weekday has no list."""
    today = utc_day(now)
    day = next(each for each in (today - timedelta(days=back) for back in (1, 2, 3)) if each.weekday() < SATURDAY)
    listed = listed_days(session, day - timedelta(days=BACKFILL_DAYS))
    told = {(each.source, each.day) for each in problems}
    for name in ctx.settings.sources:
        if (name, day) not in listed | told and any(source == name for source, _ in listed):
            said = f"{SOURCE_TITLES.get(name, name)} has listed nothing for {day:%A}, {day.day} {day:%B}."
            yield Alert("source", said, "A holiday, or something has changed there: have a look.")


def _disk_alerts(ctx: AppContext) -> Iterator[Alert]:
    if not ctx.settings.uses_sqlite or not ctx.settings.data_directory.exists():
        return
    disk = shutil.disk_usage(ctx.settings.data_directory)
    if disk.free < MIN_FREE_BYTES or disk.free < MIN_FREE_SHARE * disk.total:
        said = f"The disk of the store is nearly full: {disk.free // 2**20:,} MiB are free."
        yield Alert("disk", said, "Make room, and see: digest prune --dry-run")

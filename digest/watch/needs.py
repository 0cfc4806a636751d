"""What a person must look at: nothing of it mends itself."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from digest import db, readings
from digest.bounces.record import refused_because_of_us
from digest.house import House
from digest.models import DeliveryState
from digest.readings import Problem
from digest.watch import sources
from digest.watch.health import Health
from digest.watch.month import WEEK, Month
from digest.watch.window import today_of

FAILED_RATIO, FAILED_LEAST = 0.02, 3  # large providers begin to refuse at about this share; one of ten tells nothing
DISK_FREE, DISK_SHARE = 2**30, 0.05
UNLOOKED = timedelta(hours=26)  # a day, for who runs it by cron, and some
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Need:
    """`kind` is a stable word; `sentence` says what is the matter, `advice` what to do."""

    kind: str
    sentence: str
    advice: str = ""


def needs(house: House, month: Month | None, health: Health, now: datetime) -> list[Need]:
    """All of it, the most urgent first. Without a `month` the store cannot be asked, which is then told alone."""
    found = list(_service(health))
    if month is not None:
        with db.reading(house.engine) as session:
            problems = readings.health(session, now)
            found += [*_letters(session, month, now), *_sources(session, house, problems, now)]
            found += _silent(session, house, problems, now)
    return [*found, *_disk(house)]


def _service(health: Health) -> Iterator[Need]:
    if not health.answers:
        yield Need("store", "The database does not answer.", "To learn why: digest doctor")
    elif not health.fits:
        said = f"The store has schema {health.schema or 'none'}, this program needs {health.needed}."
        yield Need("migration", said, "Run: digest migrate")
    if health.late.reason:
        said = f"{health.late.reason[0].upper()}{health.late.reason[1:]}."
        yield Need("overdue", said, "See whether the service runs and what its log says; then: digest run")
    if health.lane:
        said = f"The relay takes no letters since {health.lane.opened_at:%d %B, %H:%M} UTC: {health.lane.reply}"
        yield Need("relay", said, f"Next try at {health.lane.retry_at:%H:%M} UTC. To ask it now: digest run")


def _letters(session: Session, month: Month, now: datetime) -> Iterator[Need]:
    if count := month.count(DeliveryState.UNCERTAIN):
        many = f"{count} letters are uncertain" if count > 1 else "A letter is uncertain"
        it = "they were" if count > 1 else "it was"
        yield Need("uncertain", f"{many}: the log of the relay knows whether {it} sent.", "Say so below.")
    failed = month.count(DeliveryState.FAILED, WEEK)
    if month.failed_ratio > FAILED_RATIO and failed >= FAILED_LEAST:
        said = f"{month.failed_ratio:.1%} of the letters of the last 7 days did not arrive ({failed} of them)."
        yield Need("bounces", said, "See: digest bounces list")
    if found := refused_because_of_us(session, now - timedelta(days=WEEK)):
        why = ", ".join(f"{status} {reason}".strip() + f" ({count})" for status, reason, count in found[:3])
        yield Need("refused", f"Letters were refused because of us: {why}.", "See: digest doctor")


def _sources(session: Session, house: House, problems: Sequence[Problem], now: datetime) -> Iterator[Need]:
    for each in problems:
        if each.kind != "made-up":
            yield Need("source", each.sentence, "See: digest sources")
    last = sources.last(session)
    for name in house.settings.sources:
        title = readings.TITLES.get(name, name)
        if name not in last:
            yield Need("source", f"{title} was never read.", "Run: digest collect")
        elif now - last[name].looked > UNLOOKED:
            said = f"{title} was last looked at on {last[name].looked:%d %B, %H:%M} UTC."
            yield Need("source", said, "See whether the service runs.")


def _silent(session: Session, house: House, problems: Sequence[Problem], now: datetime) -> Iterator[Need]:
    """Sources that answered, again and again, that the last weekday has no list."""
    today = today_of(now)
    day = next(each for each in (today - timedelta(days=back) for back in (1, 2, 3)) if each.weekday() < SATURDAY)
    listed = sources.listed(session, day - timedelta(days=readings.BACK))
    told = {(each.source, each.day) for each in problems}
    for name in house.settings.sources:
        if (name, day) not in listed | told and any(source == name for source, _ in listed):
            said = f"{readings.TITLES.get(name, name)} has listed nothing for {day:%A}, {day.day} {day:%B}."
            yield Need("source", said, "A holiday, or something has changed there: have a look.")


def _disk(house: House) -> Iterator[Need]:
    if not house.settings.embedded or not house.settings.home.exists():
        return
    disk = shutil.disk_usage(house.settings.home)
    if disk.free < DISK_FREE or disk.free < DISK_SHARE * disk.total:
        said = f"The disk of the store is nearly full: {disk.free // 2**20:,} MiB are free."
        yield Need("disk", said, "Make room, and see: digest prune --dry-run")

"""Periods of list days: their addresses and titles, and the calendar of a month.

A day is /papers/2026-07-31, a week /papers/2026-W31 (ISO 8601), a month /papers/2026-07.
"""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from digest.formatting import MONTHS, format_date, format_day, pluralize

PeriodKind = Literal["day", "week", "month", "trending"]
TRENDING_DAYS = 7
FRIDAY = 4
TINTS = 24  # shades of the calendar: the classes n1 to n24 of the style sheet
PERIOD_PATTERN = re.compile(r"([0-9]{4})-(?:(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?|W(?P<week>[0-9]{2}))")


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`."""

    kind: PeriodKind
    first: date
    last: date

    @property
    def name(self) -> str:
        """Last part of its address."""
        if self.kind == "day":
            return self.first.isoformat()
        if self.kind == "week":
            year, week, _ = self.first.isocalendar()
            return f"{year:04}-W{week:02}"
        return f"{self.first.year:04}-{self.first.month:02}" if self.kind == "month" else "trending"

    def title(self, last_listed: date | None = None) -> str:
        """Return Friday 31 July, 27 to 31 July (to the weekend, if that has a list), July 2026, or Trending."""
        if self.kind == "week":
            friday = self.first + timedelta(days=FRIDAY)
            return format_span(self.first, max(friday, last_listed or friday))
        return {"day": format_day(self.first), "month": f"{MONTHS[self.first.month - 1]} {self.first.year}"}.get(
            self.kind, "Trending"
        )

    def full_title(self, last_listed: date | None = None) -> str:
        """Return the title with its year."""
        title = self.title(last_listed)
        return f"{title} {self.first.year}" if self.kind in {"day", "week"} else title


def format_span(first: date, last: date) -> str:
    """Return 27 to 31 July, or 27 July to 2 August."""
    beginning = str(first.day) if (first.year, first.month) == (last.year, last.month) else _without_year(first)
    return f"{beginning} to {_without_year(last)}"


def _without_year(day: date) -> str:
    return format_date(day, day)


def parse_day(text: str) -> date | None:
    """Parse 2026-07-31; None for anything else."""
    period = parse_period(text)
    return period.first if period and period.kind == "day" else None


def parse_period(text: str) -> Period | None:
    """Parse the name of a day, week or month; None for anything else."""
    match = PERIOD_PATTERN.fullmatch(text)
    if match is None:
        return None
    year, month, day, week = int(match[1]), match["month"], match["day"], match["week"]
    try:
        if week:
            return week_of(date.fromisocalendar(year, int(week), 1))
        first = date(year, int(month), int(day or 1))
        return Period("day", first, first) if day else month_of(first)
    except (ValueError, OverflowError):
        return None


def week_of(day: date) -> Period:
    """Return the week of a day, Monday to Sunday. Raises OverflowError at the end of time."""
    first = day - timedelta(days=day.weekday())
    return Period("week", first, first + timedelta(days=6))


def month_of(day: date) -> Period:
    """Return the month of a day."""
    first = day.replace(day=1)
    return Period("month", first, first.replace(day=calendar.monthrange(first.year, first.month)[1]))


def trending_until(day: date) -> Period:
    """Return the days whose papers trend on a day."""
    return Period("trending", day - timedelta(days=TRENDING_DAYS - 1), day)


def period_around(kind: PeriodKind, day: date) -> Period:
    """Return the day, week or month of a day, or the days that trend until it."""
    if kind == "day":
        return Period("day", day, day)
    return {"week": week_of, "month": month_of, "trending": trending_until}[kind](day)


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """Day of a month. `tint` is 0 without papers, and up to TINTS for the most."""

    day: date
    label: str
    tint: int
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """Month with its weeks from Monday to Sunday, and the months with papers before and after it."""

    month: Period
    weeks: tuple[tuple[CalendarDay | None, ...], ...]
    previous: Period | None
    next: Period | None


def make_calendar(
    month: Period, counts: Mapping[date, int], shown: Period, previous: date | None, following: date | None
) -> Calendar:
    """Lay out a month. `counts`: its papers by list day; `previous`, `following`: list days of other months."""
    most = max(counts.values(), default=0)

    def lay_out(day: date) -> CalendarDay:
        count = counts.get(day, 0)
        return CalendarDay(
            day=day,
            label=f"{_without_year(day)}, {pluralize(count, 'paper')}",
            tint=-(-count * TINTS // most) if count else 0,
            is_shown=shown.kind != "month" and shown.first <= day <= shown.last,
        )

    weeks = calendar.Calendar().monthdayscalendar(month.first.year, month.first.month)
    return Calendar(
        month=month,
        weeks=tuple(
            tuple(lay_out(month.first.replace(day=number)) if number else None for number in week) for week in weeks
        ),
        previous=month_of(previous) if previous else None,
        next=month_of(following) if following else None,
    )

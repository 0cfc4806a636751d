"""List days of arXiv, and when the papers of each were submitted.

Batches are announced Sunday to Thursday at 20:00 US Eastern; the feed turns over at midnight there and is dated with
the weekday that then begins. That date is the list day.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
SATURDAY = 5


def submission_window(day: date) -> tuple[datetime, datetime]:
    """Return from when to when (UTC) the papers were submitted that arXiv announced on list day `day`.

    Submissions close at 14:00 US Eastern from Monday to Friday. The batch of `day` closed on the last weekday before
    it and opened on the weekday before that: Tuesday's holds what came from Friday 14:00 to Monday 14:00.
    """
    closed_on = previous_weekday(day)
    opened_on = previous_weekday(closed_on)
    deadline = time(14, tzinfo=EASTERN)
    start, end = (datetime.combine(weekday, deadline) for weekday in (opened_on, closed_on))
    return start.astimezone(UTC), end.astimezone(UTC)


def previous_weekday(day: date) -> date:
    """Return the last day before `day` that is no Saturday or Sunday."""
    day -= timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


def to_list_day(published_at: datetime) -> date:
    """Return the day in US Eastern of a feed's date.

    pubDate is midnight in arXiv's own zone, whatever offset it is written with; only times in UTC are converted.
    """
    if published_at.utcoffset():
        return published_at.date()
    return published_at.replace(tzinfo=UTC).astimezone(EASTERN).date()

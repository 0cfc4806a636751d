"""What people should know about feeds, each as one sentence.

Subscribers hear of a feed that turned over, and of one that has failed for days. The rest is for the operator: a feed
that moved, is gone or is no feed any more, an overlap so thin that entries may be missing, and one read too rarely.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from digest.database.models import Feed, FetchStatus, SourceFetch
from digest.formatting import format_day
from digest.papers import messages
from digest.papers.fetches.log import failing_since
from digest.papers.fetches.source_problem import SourceProblem
from digest.papers.fetches.windows import HOUR, find_open_gaps, is_read_too_rarely, list_readings

FAILING_AFTER = timedelta(days=3)
THIN_SHOWN = timedelta(days=3)
RECENT_GAP = timedelta(days=7)  # as long as e-mails tell of it: a weekly digest does so once
DEAD_SENTENCES = {"gone": messages.feed_gone, "no-feed": messages.no_feed}


def describe_feed(feed: Feed, fetches: Sequence[SourceFetch], now: datetime) -> Iterator[SourceProblem]:
    """Yield the problems of one feed, whose fetches are given in their order."""
    title = feed.title or feed.name
    readings = [fetch for fetch in fetches if not fetch.is_backfill]
    for gap in find_open_gaps(fetches, now):
        sentence = messages.feed_turned_over(title, format_instant(gap.first_at), format_instant(gap.last_at))
        is_recent = now - gap.last_at < RECENT_GAP
        yield SourceProblem("gap", feed.name, gap.day, sentence, title=title, is_for_operator=not is_recent)
    if (last := readings[-1] if readings else None) is None:
        return
    if last.status == FetchStatus.THIN and now - last.started_at < THIN_SHOWN:
        known = last.received - last.fresh
        sentence = messages.feed_nearly_turned_over(title, format_instant(last.started_at), known, last.received)
        yield SourceProblem("thin", feed.name, last.list_day, sentence, title=title, is_for_operator=True)
    if feed.moved_to:
        sentence = messages.feed_moved(title, feed.moved_to)
        yield SourceProblem("moved", feed.name, last.list_day, sentence, title=title, is_for_operator=True)
    if since := failing_since(readings):
        day = format_day(since.date())
        if dead := DEAD_SENTENCES.get(last.error_code):
            sentence = dead(title, day)
            yield SourceProblem(last.error_code, feed.name, last.list_day, sentence, title=title, is_for_operator=True)
        elif now - since >= FAILING_AFTER:
            yield SourceProblem("down", feed.name, last.list_day, messages.feed_failing(title, day), title=title)
    elif sentence := describe_rare_reading(feed, fetches):
        yield SourceProblem("rare", feed.name, last.list_day, sentence, title=title, is_for_operator=True)


def describe_rare_reading(feed: Feed, fetches: Sequence[SourceFetch]) -> str:
    """Return a sentence about a feed that is read too rarely; empty where it is not."""
    interval = timedelta(seconds=feed.interval_seconds)
    if not interval or not is_read_too_rarely(list_readings(fetches), interval):
        return ""
    hours = max(1, round(interval / HOUR))
    return messages.feed_read_too_rarely(feed.title or feed.name, hours)


def describe_feeds(
    feeds: Mapping[tuple[str, str], Feed], fetches: Mapping[tuple[str, str], Sequence[SourceFetch]], now: datetime
) -> Iterator[SourceProblem]:
    """Yield the problems of the feeds that the settings name; fetches are those of each, in their order."""
    for key, feed in feeds.items():
        if feed.removed_at is None:
            yield from describe_feed(feed, fetches.get(key, ()), now)


def format_instant(instant: datetime) -> str:
    """Return Monday 3 August, 08:00 (UTC)."""
    return f"{format_day(instant.date())}, {instant:%H:%M}"

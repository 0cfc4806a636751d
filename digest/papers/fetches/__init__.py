"""What was fetched when, which days and feeds are complete, and what people should know about the sources.

- `list_days`: which list days are complete, and which are due
- `log`: log of fetches: what was fetched when
- `source_problem`: a problem of a source
- `source_status`: what people should know about the sources, as sentences
- `window_problems`: what people should know about feeds
- `window_store`: feeds in the store, and which of their entries were seen
- `windows`: what two readings of a feed tell
"""

from digest.papers.fetches.list_days import BACKFILL_DAYS, days_due, fetches_by_day, is_stale
from digest.papers.fetches.log import (
    latest_fetches,
    load_fetches,
    load_http_cache,
    load_window_fetches,
    record_fetch,
    store_http_cache,
)
from digest.papers.fetches.source_problem import SourceProblem
from digest.papers.fetches.source_status import lasting_notices, load_source_problems, subscriber_notices
from digest.papers.fetches.window_problems import describe_rare_reading
from digest.papers.fetches.window_store import (
    WindowEntry,
    is_due,
    known_entries,
    load_source_titles,
    load_titled_sources,
    store_entries,
    sync_feeds,
)
from digest.papers.fetches.windows import (
    WindowGap,
    find_open_gaps,
    first_rate,
    is_backlog,
    judge_window,
    last_rate,
    mean_rate,
    reading_interval,
    split_window,
)

__all__ = [
    "BACKFILL_DAYS",
    "SourceProblem",
    "WindowEntry",
    "WindowGap",
    "days_due",
    "describe_rare_reading",
    "fetches_by_day",
    "find_open_gaps",
    "first_rate",
    "is_backlog",
    "is_due",
    "is_stale",
    "judge_window",
    "known_entries",
    "last_rate",
    "lasting_notices",
    "latest_fetches",
    "load_fetches",
    "load_http_cache",
    "load_source_problems",
    "load_source_titles",
    "load_titled_sources",
    "load_window_fetches",
    "mean_rate",
    "reading_interval",
    "record_fetch",
    "split_window",
    "store_entries",
    "store_http_cache",
    "subscriber_notices",
    "sync_feeds",
]

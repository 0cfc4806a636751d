"""Answers whether the service does its work. Nothing here changes anything; days are those of UTC.

- `alerts`: what a person must look at
- `cache`: keeps a computed value for some seconds
- `checks`: the checks of `digest doctor`
- `delivery_list`: lists of deliveries, with tabs, filters and pages
- `delivery_statistics`: deliveries by day and state, and the queue
- `health`: whether the service does its work
- `messages`: sentences of alerts, of `/healthz` and about what is overdue
- `monitor`: one cached entry point for web pages, metrics and health
- `overdue`: subscribers who wait for a plan, and what is overdue
- `runs`: how today's run and any edition go
- `source_overview`: how each source does, and when it is fetched next
- `source_statistics`: fetches by day, and when a source last answered
- `statistics`: figures of the last 30 days, and all that is measured
- `subscriber_list`: lists of subscribers, with filters, order and pages
- `subscriber_statistics`: subscribers by status, and how their number changed
- `time_window`: where the rows of the last days begin, without an index of time
"""

from digest.monitoring.alerts import Alert
from digest.monitoring.delivery_list import (
    MAX_COUNT,
    DeliveryFilter,
    DeliveryTab,
    count_deliveries,
    count_tabs,
    find_deliveries,
)
from digest.monitoring.delivery_statistics import uncertain_deliveries
from digest.monitoring.monitor import Monitoring
from digest.monitoring.runs import CurrentRun, EditionRun, get_edition_run
from digest.monitoring.source_overview import SourceOverview, load_source_overview
from digest.monitoring.source_statistics import FetchCounts
from digest.monitoring.statistics import MonthSummary, Statistics
from digest.monitoring.subscriber_list import (
    PAGE_ROWS,
    SubscriberFilter,
    SubscriberOrder,
    SubscriberSummary,
    find_subscribers,
    sum_counts,
    summarize_subscribers,
)

__all__ = [
    "MAX_COUNT",
    "PAGE_ROWS",
    "Alert",
    "CurrentRun",
    "DeliveryFilter",
    "DeliveryTab",
    "EditionRun",
    "FetchCounts",
    "Monitoring",
    "MonthSummary",
    "SourceOverview",
    "Statistics",
    "SubscriberFilter",
    "SubscriberOrder",
    "SubscriberSummary",
    "count_deliveries",
    "count_tabs",
    "find_deliveries",
    "find_subscribers",
    "get_edition_run",
    "load_source_overview",
    "sum_counts",
    "summarize_subscribers",
    "uncertain_deliveries",
]

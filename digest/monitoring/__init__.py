"""monitoring."""

from digest.monitoring.delivery_statistics import uncertain_deliveries
from digest.monitoring.monitor import Monitoring
from digest.monitoring.runs import EditionRun, TodayRun, get_edition_run
from digest.monitoring.statistics import MonthStatistics, Statistics

__all__ = [
    "EditionRun",
    "Monitoring",
    "MonthStatistics",
    "Statistics",
    "TodayRun",
    "get_edition_run",
    "uncertain_deliveries",
]

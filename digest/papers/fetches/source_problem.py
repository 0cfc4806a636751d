"""A problem of a source, as a sentence."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """Problem of a source or feed. `day` is the day of its newest fact.

    `kind`: down (its last fetches all failed), quiet (no list since), failed, partial, stale, empty or missing (one
    list day), made-up (fetched after all), closed (not complete after two weeks, and no longer asked for); of a feed
    gap, thin, moved, gone, no-feed and rare (read too rarely). `days`: how many weekdays a quiet source has been quiet.
    `title`: what people call a feed. `is_for_operator`: nobody else is told.
    """

    kind: str
    source: str
    day: date
    sentence: str
    days: int = 1
    title: str = ""
    is_for_operator: bool = False

    @property
    def is_error(self) -> bool:
        """Whether a list is missing now that the source has, or may have."""
        return self.kind in {"down", "failed", "partial", "stale", "missing", "gap", "gone", "no-feed"}

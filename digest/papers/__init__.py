"""Papers: `listing` takes them in, `shelf` gives them out."""

from digest.papers.listing import Listed, Remembered, fill_in, remember
from digest.papers.shelf import (
    by_ids,
    chunks,
    days,
    entered_after,
    first_of_latest_day,
    latest_day,
    listed_lately,
    on_day,
    recent,
    sources_of,
    to_fill_in,
    top_listing,
    trending_after,
)

__all__ = [
    "Listed",
    "Remembered",
    "by_ids",
    "chunks",
    "days",
    "entered_after",
    "fill_in",
    "first_of_latest_day",
    "latest_day",
    "listed_lately",
    "on_day",
    "recent",
    "remember",
    "sources_of",
    "to_fill_in",
    "top_listing",
    "trending_after",
]

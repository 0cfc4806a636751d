"""Papers: `listing` takes them in, `shelf` gives them out."""

from digest.papers.listing import ListingEntry, StoreReport, store_listings, store_texts
from digest.papers.shelf import (
    arxiv_ids_without_text,
    chunks,
    first_listing_id_of_latest_day,
    latest_list_day,
    latest_listing_id,
    list_days,
    papers_by_id,
    papers_listed_after,
    papers_on_day,
    recent_paper_ids,
    recent_papers,
    sources_by_paper,
    trending_papers_after,
)

__all__ = [
    "ListingEntry",
    "StoreReport",
    "papers_by_id",
    "chunks",
    "list_days",
    "papers_listed_after",
    "store_texts",
    "first_listing_id_of_latest_day",
    "latest_list_day",
    "recent_paper_ids",
    "papers_on_day",
    "recent_papers",
    "store_listings",
    "sources_by_paper",
    "arxiv_ids_without_text",
    "latest_listing_id",
    "trending_papers_after",
]
